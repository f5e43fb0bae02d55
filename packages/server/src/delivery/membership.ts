/** This process's place among the nodes that share a store. @module */

import type { Lease, NodeState } from '../storage/port/nodes.ts'
import type { Store } from '../storage/store.ts'

/** From the end of one beat to the next, in milliseconds. */
const BEAT_MS = 1_000

/** The part of the time after which others take a silent node for dead, in which it may rely on its lease unasked. */
const SURE_SHARE = 0.7

/** What a {@link Membership} is made of. */
export interface MembershipDeps {
  readonly store: Pick<Store, 'joinAsNode' | 'beat' | 'takeOverAfterMs'>
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** Milliseconds that only grow, also while the process is paused. */
  readonly monotonic: () => number
  readonly log: { warn(fields: object, text: string): void }
  /** What this node tells the others of itself. */
  readonly state: () => NodeState
  /** The lease is lost: all that was held under it is another's now. */
  readonly onLost: () => void
  /** There is a lease again. */
  readonly onJoined: () => void
}

/**
 * Joins, beats, and joins anew where the lease was lost.
 *
 *     start ──▶ joined ──beat──▶ joined …      a beat that fails is tried again: the database is away
 *                 ▲                └─ taken for dead ─▶ lost ──▶ joining ─┐
 *                 └───────────────────────────────────────────────────────┘
 *
 * A process that was paused does not know how long: it wakes with attempts to make that are another node's by now. So who
 * begins an attempt asks {@link Membership.isSure} first, which costs nothing while the last beat was a moment ago.
 */
export class Membership {
  readonly #deps: MembershipDeps
  #lease: Lease | null = null
  #timer: NodeJS.Timeout | null = null
  #beating: Promise<void> | null = null
  #isEnding = false
  #isStopped = false
  /** Until when the lease is ours whatever happens, by the monotonic clock. */
  #sureUntil = Infinity
  #isAway = false
  /** Resolved, and replaced, when more is known of the lease. */
  #news = Promise.withResolvers<void>()

  constructor(deps: MembershipDeps) {
    this.#deps = deps
  }

  /** `null` before the start, and from the loss of a lease to the next one. */
  get lease(): Lease | null {
    return this.#lease
  }

  /** Joins, and beats once: from then on the database's clock is known. */
  async start(): Promise<void> {
    await this.#join()
    await this.#beat()
    this.#beatLater()
  }

  /** From now on nothing waits for a database that is away: what is not sure does not begin. */
  endWaits(): void {
    this.#isEnding = true
    this.#tell()
  }

  /** Ends the beats. The lease goes on until the store stops, or others miss it. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.endWaits()
    await this.#beating
  }

  /** Tells whether what is held under this lease may be attempted now; waits where that is not known. */
  async isSure(lease: Lease): Promise<boolean> {
    while (this.#lease === lease && this.#deps.monotonic() >= this.#sureUntil) {
      if (this.#isEnding) return false
      await this.#news.promise
    }
    return this.#lease === lease
  }

  #beatLater(): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#beating = (this.#lease === null ? this.#join() : this.#beat())
        .then(
          () => this.#back(),
          (error: unknown) => this.#away(error),
        )
        .finally(() => this.#beatLater())
    }, BEAT_MS)
  }

  async #join(): Promise<void> {
    const { store, clock, monotonic } = this.#deps
    const askedAt = monotonic()
    this.#lease = await store.joinAsNode(clock())
    this.#relyFrom(askedAt)
    this.#deps.onJoined()
  }

  async #beat(): Promise<void> {
    const { store, clock, monotonic, state } = this.#deps
    const askedAt = monotonic()
    if (await store.beat(this.#lease!, clock(), state())) return this.#relyFrom(askedAt)
    this.#deps.log.warn(
      { lease: this.#lease },
      'this node was silent for too long: others have taken over what it held, and it joins anew',
    )
    this.#lease = null
    this.#tell()
    this.#deps.onLost()
    await this.#join()
  }

  /** Others count the silence from the beat's commit, which was not before it was asked for. */
  #relyFrom(askedAt: number): void {
    const { takeOverAfterMs } = this.#deps.store
    this.#sureUntil = takeOverAfterMs === null ? Infinity : askedAt + SURE_SHARE * takeOverAfterMs
    this.#tell()
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  #back(): void {
    if (this.#isAway) this.#deps.log.warn({}, 'the database can be reached again')
    this.#isAway = false
  }

  #away(error: unknown): void {
    if (!this.#isAway) {
      this.#deps.log.warn(
        { err: error },
        'the database cannot be reached: no attempt begins until it can, and what is sent meanwhile is refused',
      )
    }
    this.#isAway = true
  }
}
