/** Takes messages from another database's outbox to Posthorn, each once. @module */

import { setTimeout as pause } from 'node:timers/promises'

import type { RelayOutbox, RelayRefusal, RelayRow } from '../storage/postgres/relay-outbox.ts'
import type { PostResult } from './post-row.ts'

/** How often the outbox is looked at of which nothing was told, and how often one that stands by asks: milliseconds. */
const LOOK_EVERY_MS = 500

/** Looks after one that found something, because most transactions tell nobody: doubled up to {@link LOOK_EVERY_MS}. */
const SHORTEST_LOOK_MS = 10

const FIRST_BACKOFF_MS = 250
const LONGEST_BACKOFF_MS = 30_000

/** Requests under way at once. */
const MAX_UNDER_WAY = 32

/** After so long no more of what was taken is sent before what was sent is removed: the session must not look dead. */
const LONGEST_STEP_MS = 15_000

/** How often what was refused long ago is removed. */
const FORGET_EVERY_MS = 3_600_000

/** What {@link Relay} is made of. */
export interface RelayDeps {
  /** Connects to the outbox. @throws It cannot be reached, or is not there. */
  readonly open: (onSend: () => void) => Promise<RelayOutbox>
  /** Gives Posthorn one row. */
  readonly post: (row: RelayRow) => Promise<PostResult>
  /** Rows of one application may pass each other, and so several of them are under way at once. */
  readonly isUnordered: boolean
  readonly random: () => number
  /** Milliseconds that only grow. */
  readonly monotonic: () => number
  readonly log: {
    info(fields: object, text: string): void
    warn(fields: object, text: string): void
    error(fields: object, text: string): void
  }
}

/**
 * A relay, from start to stop. A row is removed after Posthorn has answered 202; what was sent and not removed, as by a relay
 * that was killed, is sent again and known by its event id.
 *
 *     connect ─▶ lead ─▶ take ─▶ post each ─▶ remove ─▶ take …      any fault: wait, connect anew
 *                 └─ another does: stand by
 */
export class Relay {
  readonly #deps: RelayDeps
  readonly #stopping = new AbortController()
  #stir: () => void = () => {}
  #isStirred = false
  #backoffMs = FIRST_BACKOFF_MS
  #nextForgetAt = Number.NEGATIVE_INFINITY
  #run: Promise<void> | null = null

  constructor(deps: RelayDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#run = this.#connectForever()
  }

  /** Removes what was answered, and ends. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#stir()
    await this.#run
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  async #connectForever(): Promise<void> {
    while (!this.#isStopped) {
      let outbox: RelayOutbox | null = null
      try {
        outbox = await this.#deps.open(() => {
          this.#isStirred = true
          this.#stir()
        })
        this.#deps.log.info({}, 'connected to the outbox')
        await this.#work(outbox)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        const waitMs = this.#nextBackoff()
        this.#deps.log.error({ why, waitMs }, 'the outbox cannot be reached; it is tried again')
        await this.#rest(waitMs)
      } finally {
        await outbox?.close()
      }
    }
  }

  async #work(outbox: RelayOutbox): Promise<void> {
    let isToldThatItStandsBy = false
    let lookMs = SHORTEST_LOOK_MS
    let after = ''
    while (!this.#isStopped) {
      this.#isStirred = false
      if (!(await outbox.lead())) {
        if (!isToldThatItStandsBy) this.#deps.log.info({}, 'another relay works; this one stands by')
        isToldThatItStandsBy = true
        await this.#rest(LOOK_EVERY_MS)
        continue
      }
      await this.#forget(outbox)
      const rows = await outbox.take(after)
      if (rows.length > 0) {
        const waitMs = await this.#sendAll(outbox, rows)
        if (waitMs === null) this.#backoffMs = FIRST_BACKOFF_MS
        else await this.#rest(waitMs)
        lookMs = SHORTEST_LOOK_MS
        after = rows.at(-1)!.application
        continue
      }
      this.#backoffMs = FIRST_BACKOFF_MS
      if (after !== '') {
        // Round again: what comes before was left, or came meanwhile.
        after = ''
        continue
      }
      if (!this.#isStirred) await this.#untilStirred(lookMs)
      lookMs = Math.min(2 * lookMs, LOOK_EVERY_MS)
    }
  }

  /** Sends rows; returns how long to wait before more are sent, or `null` where all went well. */
  async #sendAll(outbox: RelayOutbox, rows: readonly RelayRow[]): Promise<number | null> {
    const lines = this.#linesOf(rows)
    const endAt = this.#deps.monotonic() + LONGEST_STEP_MS
    const sent: RelayRow[] = []
    const refused: RelayRefusal[] = []
    const later: { row: RelayRow; why: string; waitMs: number | null }[] = []
    const work = async (): Promise<void> => {
      for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
        for (const row of line) {
          if (this.#isStopped || this.#deps.monotonic() > endAt) return
          const result = await this.#deps.post(row)
          if (result.kind === 'sent') sent.push(row)
          else if (result.kind === 'refused') refused.push(this.#refusalOf(row, result))
          else {
            later.push({ row, ...result })
            break
          }
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(MAX_UNDER_WAY, lines.length) }, work))
    if (sent.length > 0) await outbox.remove(sent)
    if (refused.length > 0) await outbox.refuse(refused)
    return later.length === 0 ? null : this.#waitAfter(later)
  }

  async #forget(outbox: RelayOutbox): Promise<void> {
    const now = this.#deps.monotonic()
    if (now < this.#nextForgetAt) return
    this.#nextForgetAt = now + FORGET_EVERY_MS
    try {
      await outbox.forgetRefused()
    } catch (error) {
      // A role that may not, as the printed SQL of before had it, relays all the same.
      const why = error instanceof Error ? error.message : String(error)
      this.#deps.log.warn({ why }, 'what was refused long ago cannot be removed')
    }
  }

  /** Rows that go one after the other: those of an application, or each alone. */
  #linesOf(rows: readonly RelayRow[]): RelayRow[][] {
    if (this.#deps.isUnordered) return rows.map((row) => [row])
    return [...Map.groupBy(rows, ({ application }) => application).values()]
  }

  #refusalOf(row: RelayRow, { code, reason }: { code: string; reason: string }): RelayRefusal {
    const { application, eventId } = row
    this.#deps.log.warn({ application, eventId, code, reason }, 'Posthorn refused a message')
    return { row, code, reason }
  }

  /** As long as Posthorn has asked for, or longer each time. */
  #waitAfter(later: readonly { row: RelayRow; why: string; waitMs: number | null }[]): number {
    const waitMs = Math.max(...later.map((each) => each.waitMs ?? 0)) || this.#nextBackoff()
    const { row, why } = later[0]!
    this.#deps.log.warn(
      { application: row.application, applications: later.length, why, waitMs },
      'Posthorn did not take a message; it is tried again',
    )
    return waitMs
  }

  #nextBackoff(): number {
    const waitMs = this.#backoffMs * (1 + 0.2 * this.#deps.random())
    this.#backoffMs = Math.min(2 * this.#backoffMs, LONGEST_BACKOFF_MS)
    return Math.round(waitMs)
  }

  async #rest(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#stopping.signal }).catch(() => {})
  }

  async #untilStirred(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stir = resolve
    const timer = setTimeout(resolve, ms)
    await promise
    clearTimeout(timer)
    this.#stir = () => {}
  }
}
