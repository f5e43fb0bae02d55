/** Idempotency keys: a POST that is repeated is done once. @module */

/** How long an answer is kept for its key: 12 h, in milliseconds. */
export const IDEMPOTENCY_MS = 43_200_000

/** A caller's key for one request, as it is stored. */
export interface IdempotencyKey {
  /** Hash of the key with its scope: 22 characters, 132 bits. */
  readonly key: string
  /** Hash of the body, to tell a repetition from another request under the same key. */
  readonly body: string
}

/** What a POST answered. */
export interface IdempotentAnswer extends IdempotencyKey {
  readonly status: number
  /** The answer's body; empty for none. */
  readonly content: string
  readonly createdAt: number
}

/** Returns the epoch of an instant: that of now and the one before it hold all keys that still count. */
export function epochOf(at: number): number {
  return Math.floor(at / IDEMPOTENCY_MS)
}
