/** The store's port: the answers to calls with an idempotency key. @module */

import type { IdempotentAnswer } from '../../domain/idempotency.ts'

/** Answers that are kept to be given again. */
export interface IdempotencyStore {
  /** Returns what was answered under this key since `after`, or `null`. */
  findAnswer(key: string, after: number): Promise<IdempotentAnswer | null>
  /** Keeps an answer in place of an older one of the same key. */
  saveAnswer(answer: IdempotentAnswer): Promise<void>
}
