/** How often a token may call. @module */

/** Tokens counted in memory; beyond that the one that was new first begins afresh. */
const MAX_COUNTED = 10_000

interface Bucket {
  left: number
  filledAt: number
}

/**
 * Counts calls by key in token buckets: a bucket holds one second's calls and refills steadily, so a caller may burst by that
 * much and no more.
 */
export class RateLimit {
  readonly #perSecond: number
  readonly #clock: () => number
  readonly #buckets = new Map<string, Bucket>()

  /** @param clock - Epoch milliseconds. */
  constructor(perSecond: number, clock: () => number) {
    this.#perSecond = perSecond
    this.#clock = clock
  }

  /** Counts a call; `false` where it is one too many. */
  take(key: string): boolean {
    const now = this.#clock()
    const bucket = this.#bucketOf(key, now)
    const sinceMs = Math.max(0, now - bucket.filledAt)
    bucket.left = Math.min(this.#perSecond, bucket.left + (sinceMs * this.#perSecond) / 1_000)
    bucket.filledAt = now
    if (bucket.left < 1) return false
    bucket.left -= 1
    return true
  }

  #bucketOf(key: string, now: number): Bucket {
    const found = this.#buckets.get(key)
    if (found !== undefined) return found
    if (this.#buckets.size >= MAX_COUNTED) this.#buckets.delete(this.#buckets.keys().next().value!)
    const bucket = { left: this.#perSecond, filledAt: now }
    this.#buckets.set(key, bucket)
    return bucket
  }
}
