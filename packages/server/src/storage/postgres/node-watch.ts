/** Tells by this machine's own clock which other nodes no longer beat. Pure. @module */

/** A node as it was seen: its lease, and how often it has beaten. */
export interface Beats {
  readonly lease: number
  readonly beats: number
}

/** Limits of {@link NodeWatch}. */
export interface NodeWatchOptions {
  /** Silence after which a node is dead, in milliseconds. */
  readonly deadAfterMs: number
  /**
   * The most that may count between two looks. While this node could not look, it was paused or the database was away, it
   * does not know whether the others beat.
   */
  readonly longestGapMs: number
}

/** Watches the beats of other nodes. No clocks of two machines are compared. */
export class NodeWatch {
  readonly #options: NodeWatchOptions
  readonly #seen = new Map<number, { beats: number; silentMs: number }>()
  #lookedAt: number | null = null

  constructor(options: NodeWatchOptions) {
    this.#options = options
  }

  /**
   * Takes what all nodes show now, and returns those that are dead.
   *
   * @param at - Monotonic milliseconds.
   */
  look(nodes: readonly Beats[], at: number): Beats[] {
    const gapMs = this.#lookedAt === null ? 0 : Math.min(at - this.#lookedAt, this.#options.longestGapMs)
    this.#lookedAt = at
    const leases = new Set(nodes.map(({ lease }) => lease))
    for (const lease of this.#seen.keys()) if (!leases.has(lease)) this.#seen.delete(lease)

    return nodes.filter(({ lease, beats }) => {
      const before = this.#seen.get(lease)
      const silentMs = before?.beats === beats ? before.silentMs + gapMs : 0
      this.#seen.set(lease, { beats, silentMs })
      return silentMs >= this.#options.deadAfterMs
    })
  }
}
