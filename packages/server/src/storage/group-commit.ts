/** Lets operations of one moment share one transaction. Both adapters write through it. @module */

import { PosthornError } from '../domain/errors.ts'

/** Limits of the queue. */
export interface GroupCommitOptions {
  /** Operations in one transaction. */
  readonly maxBatch: number
  /**
   * Wait for company before a transaction starts, in milliseconds. Only where the one before had company too: an operation
   * that comes alone, as from a caller that sends one after the other, is committed at once.
   */
  readonly windowMs: number
  /** Operations that may wait; one more is refused as `busy`. */
  readonly maxQueued: number
  /** Bytes that may wait; an operation that would exceed them is refused as `busy`. */
  readonly maxQueuedBytes: number
}

/** A batch no larger than this is one caller's: its message, and the result of the one before. */
const ALONE = 2

/** What an operation came to. An operation that failed alone leaves the others of its batch committed. */
export type OperationResult = { readonly value: unknown } | { readonly error: unknown }

interface Waiting<Operation> {
  readonly operation: Operation
  readonly bytes: number
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * Collects operations while a transaction runs and commits them together as the next one.
 *
 *     add ─▶ queue ─┬─ alone: at once ─────────────┬─▶ commit(batch) ─▶ each caller is answered
 *                   ├─ in company: a window later ─┤
 *                   └─ a batch is running: after it ┘
 *
 * One batch runs at a time, so operations take effect in the order in which they were added.
 */
export class GroupCommit<Operation> {
  readonly #options: GroupCommitOptions
  readonly #commit: (batch: Operation[]) => Promise<OperationResult[]>
  #queue: Waiting<Operation>[] = []
  #queuedBytes = 0
  #isRunning = false
  #lastBatch = 0
  #isScheduled = false
  #idle: (() => void)[] = []

  /** @param commit - Runs one transaction; results in the order of the batch. Rejects where nothing was committed. */
  constructor(commit: (batch: Operation[]) => Promise<OperationResult[]>, options: GroupCommitOptions) {
    this.#commit = commit
    this.#options = options
  }

  /**
   * Queues an operation and resolves with its value when its transaction is on disk.
   *
   * @param bytes - What it holds in memory, for the bound.
   * @param mayBeRefused - `false` for what must not be lost for want of room, such as the result of an attempt:
   *   its number is bounded by who adds it.
   * @throws {PosthornError} `busy`: the queue is full; the operation was not taken.
   */
  add(operation: Operation, bytes = 0, mayBeRefused = true): Promise<unknown> {
    const { maxQueued, maxQueuedBytes } = this.#options
    const isFull = this.#queue.length >= maxQueued || this.#queuedBytes + bytes > maxQueuedBytes
    if (mayBeRefused && isFull) {
      return Promise.reject(
        new PosthornError('busy', 'The store has more to write than it may queue', {
          hint: 'Send it again after the time in Retry-After',
        }),
      )
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ operation, bytes, resolve, reject })
      this.#queuedBytes += bytes
      this.#schedule()
    })
  }

  /** Resolves when all that was added has been answered. */
  async drain(): Promise<void> {
    if (!this.#isRunning && this.#queue.length === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #schedule(): void {
    if (this.#isRunning || this.#isScheduled) return
    this.#isScheduled = true
    const start = () => {
      this.#isScheduled = false
      void this.#run()
    }
    const hasCompany = this.#lastBatch > ALONE && this.#queue.length < this.#options.maxBatch
    if (hasCompany) setTimeout(start, this.#options.windowMs)
    else setImmediate(start)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const batch = this.#queue.splice(0, this.#options.maxBatch)
    this.#lastBatch = batch.length
    for (const waiting of batch) this.#queuedBytes -= waiting.bytes
    try {
      const results = await this.#commit(batch.map((waiting) => waiting.operation))
      batch.forEach((waiting, i) => {
        const result = results[i]!
        if ('error' in result) waiting.reject(result.error)
        else waiting.resolve(result.value)
      })
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    }
    this.#isRunning = false
    if (this.#queue.length > 0) this.#schedule()
    else for (const resolve of this.#idle.splice(0)) resolve()
  }
}
