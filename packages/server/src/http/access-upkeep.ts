/** What access leaves to be done aside: noting when tokens were used, and removing what no longer counts. @module */

import type { TokenUse } from '../storage/port/tokens.ts'
import type { Store } from '../storage/store.ts'

/** How often, in milliseconds. */
const INTERVAL_MS = 60_000

/** Rows of each kind removed in one transaction, which others wait for: a few milliseconds of work. */
const BATCH = 1_000

/** How long an entry of the audit log is kept: 90 days, in milliseconds. */
const AUDIT_MS = 90 * 86_400_000

/** What the upkeep needs. */
export interface AccessUpkeepDeps {
  readonly store: Store
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly log: { error(fields: object, text: string): void }
  readonly takeUses: () => TokenUse[]
}

/** Runs once a minute, and once more when it stops. */
export class AccessUpkeep {
  readonly #deps: AccessUpkeepDeps
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(deps: AccessUpkeepDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.run())
    }, INTERVAL_MS)
  }

  /** Ends after the batch under way, and notes the last uses of tokens. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#running
    await this.#guard(() => this.#noteUses())
  }

  /** Does all that there is to do now. */
  async run(): Promise<void> {
    await this.#guard(async () => {
      await this.#noteUses()
      const { store, clock } = this.#deps
      for (let removed = BATCH; removed >= BATCH && !this.#isStopped;) {
        const now = clock()
        removed = await store.purgeAccess({ now, auditBefore: now - AUDIT_MS, limit: BATCH })
      }
    })
  }

  async #noteUses(): Promise<void> {
    const uses = this.#deps.takeUses()
    if (uses.length > 0) await this.#deps.store.recordTokenUses(uses)
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#deps.log.error(
        { err: error },
        'tokens and keys could not be kept up; it is tried again in a minute',
      )
    }
  }
}
