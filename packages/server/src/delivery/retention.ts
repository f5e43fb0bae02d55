/** Removes what has been kept long enough: payloads whose time has come, and old messages. @module */

import { setTimeout as setTimeoutPromise } from 'node:timers/promises'

import type { Store } from '../storage/store.ts'
import type { EngineLog } from './engine.ts'

/** From the end of one sweep to the next, in milliseconds. */
const SWEEP_EVERY_MS = 60_000

/** How often old messages are looked for: seldom, because those that are kept for a pending delivery are looked at again. */
const OLD_EVERY_MS = 3_600_000

/** Payloads or messages of one step. A step shares its transaction with others, and takes a few milliseconds. */
const STEP = 100

/** After a step it rests for so many times as long as the step took, so that it has a tenth of the writer at most. */
const REST = 9

/** What retention is made of. */
export interface RetentionDeps {
  readonly store: Pick<Store, 'expungeExpired' | 'deleteOldMessages' | 'trimEndpointHistory'>
  readonly log: Pick<EngineLog, 'debug' | 'error'>
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** Age at which messages are deleted, in milliseconds; `null` for never. */
  readonly maxAgeMs: number | null
  /** Waits; ends early where the signal says so. By default a timer. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Sweeps the store again and again: a step, a rest, a step, until nothing is left, then a minute of nothing.
 *
 * Old messages have their turn once an hour, and then what endpoints were before them. One with a pending delivery stays,
 * however old.
 */
export class Retention {
  readonly #deps: RetentionDeps
  readonly #stopped = new AbortController()
  #running: Promise<void> | null = null
  #nextOldAt = 0

  constructor(deps: RetentionDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends after the step under way. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#sweep()
      } catch (error) {
        // The store is busy or at fault: what is left is for the next sweep.
        this.#deps.log.error({ err: error }, 'what is too old could not be removed yet')
      }
      await this.#wait(SWEEP_EVERY_MS)
    }
  }

  async #sweep(): Promise<void> {
    const { store, clock, maxAgeMs, log } = this.#deps
    let expunged = STEP
    while (expunged === STEP) expunged = (await this.#step(() => store.expungeExpired(clock(), STEP))) ?? 0
    if (maxAgeMs === null || clock() < this.#nextOldAt) return

    const before = clock() - maxAgeMs
    const messages = await this.#walk((after) => store.deleteOldMessages({ before, after, limit: STEP }))
    // After the messages: what endpoints were is kept for those that are left.
    await this.#walk((after) => store.trimEndpointHistory({ before, after, limit: STEP }))
    this.#nextOldAt = clock() + OLD_EVERY_MS
    if (messages > 0) log.debug({ messages }, 'old messages were deleted')
  }

  /** Takes steps until nothing is left to look at; returns how much they deleted. */
  async #walk(
    step: (after: string | null) => Promise<{ readonly deleted: number; readonly next: string | null }>,
  ): Promise<number> {
    let after: string | null = null
    let total = 0
    do {
      const from: string | null = after
      const result: Awaited<ReturnType<typeof step>> | null = await this.#step(() => step(from))
      total += result?.deleted ?? 0
      after = result?.next ?? null
    } while (after !== null)
    return total
  }

  /** Takes a step and rests; `null`, and no step, once it is to stop. */
  async #step<T>(step: () => Promise<T>): Promise<T | null> {
    if (this.#stopped.signal.aborted) return null
    const startedAt = performance.now()
    const result = await step()
    await this.#wait(REST * (performance.now() - startedAt))
    return result
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#stopped
    const wait = this.#deps.wait ?? sleep
    if (!signal.aborted) await wait(ms, signal)
  }
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  // The end of the process does not wait for it.
  await setTimeoutPromise(ms, undefined, { signal, ref: false }).catch(() => {})
}
