/**
 * The days in which deliveries wait: of three months of days a handful. What is asked and claimed many times a second need
 * then not look into all of them.
 *
 *     look, with each poll ──▶ days in which nothing waits are closed
 *     what this node accepts and records opens its days again
 *     any other write of this node may have made something due in any day: all are open until the next look
 *
 * What another node makes due in a day that is closed here is found with the next poll, which its word sets off. Lines need
 * to be sure, so they look into all days.
 *
 * @module
 */

import { PENDING } from '../rows/delivery.ts'
import type { Database } from './database.ts'
import { ALL_IDS, type IdRange, rangesWithout } from './day-ranges.ts'
import { isMissingTable } from './faults.ts'
import { type Day, type PartitionMaker, dayOf } from './partitions.ts'

const DAY_MS = 86_400_000

/** A look is relied on for so long; there is one with each poll. */
const HOLDS_MS = 5_000

/** What {@link WaitingDays} is made of. */
export interface WaitingDaysDeps {
  readonly database: Database
  readonly partitions: PartitionMaker
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** Monotonic milliseconds. */
  readonly monotonic: () => number
}

/** What a look found. */
interface Seen {
  readonly days: readonly Day[]
  readonly open: ReadonlySet<string>
  /** Writes of unknown effect before it. */
  readonly writes: number
  readonly at: number
}

/** This node's view of the days in which something waits. */
export class WaitingDays {
  readonly #deps: WaitingDaysDeps
  /** Days that were opened here, and when, as a number that grows. */
  readonly #opened = new Map<string, number>()
  #turn = 0
  #seen: Seen | null = null
  #ranges: readonly IdRange[] | null = null
  #looking: Promise<void> = Promise.resolve()

  constructor(deps: WaitingDaysDeps) {
    this.#deps = deps
  }

  /** Looks which days have something that waits. @throws {PosthornError} `busy`: the database cannot be reached. */
  async look(): Promise<void> {
    // One after the other, so that what an older one saw never takes the place of what a newer one did.
    const look = this.#looking.then(() => this.#look())
    this.#looking = look.catch(() => {})
    await look
  }

  /** The ids of all deliveries that may wait, as far as this node knows. */
  ranges(): readonly IdRange[] {
    const { database, monotonic } = this.#deps
    const seen = this.#seen
    if (seen === null || seen.writes !== database.writes || monotonic() - seen.at > HOLDS_MS) return ALL_IDS
    this.#ranges ??= rangesWithout(seen.days, ({ name }) => !seen.open.has(name) && !this.#opened.has(name))
    return this.#ranges
  }

  /** Takes note that deliveries of these messages may wait now. To be called once that is committed. */
  open(messageIds: Iterable<string>): void {
    this.#turn += 1
    for (const id of messageIds) {
      const day = this.#deps.partitions.dayWith(id)
      if (day === null) continue
      if (!this.#opened.has(day.name)) this.#ranges = null
      this.#opened.set(day.name, this.#turn)
    }
  }

  async #look(): Promise<void> {
    const { database, partitions, clock, monotonic } = this.#deps
    const [turn, writes, at, days] = [this.#turn, database.writes, monotonic(), partitions.days()]
    // Nearly all that is accepted is of today, so it is open without a look.
    const recent = dayOf(clock() - DAY_MS).from
    const asked = days.filter(({ from }) => from < recent)
    const open = new Set(days.filter(({ from }) => from >= recent).map(({ name }) => name))
    if (asked.length > 0) {
      try {
        const rows = await database.readByIndex(statementFor(asked), [])
        for (const row of rows) open.add(row['day'] as string)
      } catch (error) {
        if (!isMissingTable(error)) throw error
        // Retention has dropped one of them. Until the next look all are open.
        this.#seen = null
        await partitions.listAgain()
        return
      }
    }
    for (const [day, openedAt] of this.#opened) if (openedAt <= turn) this.#opened.delete(day)
    this.#seen = { days, open, writes, at }
    this.#ranges = null
  }
}

/** A seek in each day, by name: the first of what waits is the first of the index, whatever else that day has. */
function statementFor(days: readonly Day[]) {
  const seeks = days.map(
    ({ name }) =>
      `SELECT '${name}' AS day WHERE EXISTS (SELECT 1 FROM delivery_${name} WHERE status = ${PENDING} AND lease IS NULL
         ORDER BY application_id, endpoint_id, priority, due_at LIMIT 1)`,
  )
  const names = days.map(({ name }) => name)
  return { name: nameOf(names), text: seeks.join('\nUNION ALL\n') }
}

/** The text is that of all days, and a name has 63 characters: each list of days has a number. */
const numbers = new Map<string, number>()

function nameOf(names: readonly string[]): string {
  const list = names.join(' ')
  const number = numbers.get(list) ?? numbers.size
  numbers.set(list, number)
  return `waiting days ${number}`
}
