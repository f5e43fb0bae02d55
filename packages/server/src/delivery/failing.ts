/** Notes how long an endpoint has done nothing but fail. @module */

/** Endpoints that are remembered to have failed lately; the longest forgotten goes first. */
const MAX_REMEMBERED = 10_000

/** The longest that an endpoint fails before the store is told, in milliseconds. */
const MAX_UNNOTED_MS = 60_000
/** The same as a part of the time after which it is disabled. */
const UNNOTED_SHARE = 0.1

/**
 * Tells when the store is to be told that an endpoint's failures began or ended. One that fails now and then is not worth a
 * write, which makes every node read its routes anew: the first failure is kept in memory until it has lasted.
 */
export class Failing {
  readonly #unnotedMs: number
  readonly #firstAt = new Map<string, number>()

  /** @param disableAfterMs - After how long an endpoint is disabled; `null` for never. */
  constructor(disableAfterMs: number | null) {
    this.#unnotedMs = Math.min(MAX_UNNOTED_MS, UNNOTED_SHARE * (disableAfterMs ?? Infinity))
  }

  /**
   * Learns how an attempt that ended at `now` (epoch ms) went.
   *
   * @param failingSince - What the store has of the endpoint.
   * @returns What the store is to note; `undefined` for nothing.
   */
  note(
    endpointId: string,
    isFailure: boolean,
    failingSince: number | null,
    now: number,
  ): 'begins' | 'ends' | undefined {
    if (!isFailure) {
      this.#firstAt.delete(endpointId)
      return failingSince === null ? undefined : 'ends'
    }
    if (failingSince !== null) return undefined
    const firstAt = this.#firstAt.get(endpointId)
    if (firstAt === undefined) {
      this.#firstAt.set(endpointId, now)
      if (this.#firstAt.size > MAX_REMEMBERED) this.#firstAt.delete(this.#firstAt.keys().next().value!)
      return undefined
    }
    return now - firstAt >= this.#unnotedMs ? 'begins' : undefined
  }
}
