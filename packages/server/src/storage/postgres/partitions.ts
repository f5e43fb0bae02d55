/** The days that messages are kept in: each hot table has a partition for each. @module */

import { setTimeout as pause } from 'node:timers/promises'

import { firstIdAt } from '../../domain/id.ts'
import type { Database, Queries, Row } from './database.ts'
import { lockOf } from './database.ts'
import { isMissingTable, isTransient, refusalOf } from './faults.ts'
import { raw, sql } from './sql.ts'

/** Tables in partitions, those that are written first before those that follow from them. */
const TABLES = ['message', 'message_label', 'delivery', 'attempt'] as const

const DAY_MS = 86_400_000

/** Days beyond the present one that have partitions, always. */
const DAYS_AHEAD = 2

/** A partition needs the parent for itself for a moment; who waits for that holds up all who come after. */
const LOCK_TIMEOUT = '1s'

/** The same for a day that is dropped: shorter than `deadlock_timeout`, so that it is the drop that gives way. */
const DROP_LOCK_TIMEOUT = '300ms'

/** Tries to drop a day, and what the traffic has for itself between two. */
const DROP_TRIES = 5
const DROP_PAUSE_MS = 500

/** Many rows of a delivery's day change once: their dead versions are to be gone while they are still in memory. */
const SETTINGS = {
  message: '',
  message_label: '',
  delivery: 'WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.5)',
  attempt: '',
} as const satisfies Record<(typeof TABLES)[number], string>

/** A day of messages. */
export interface Day {
  /** `20261124`: its partitions are `message_20261124` and so on. */
  readonly name: string
  /** Messages from this id on. */
  readonly from: string
  /** Up to and without this one. */
  readonly to: string
}

/** Returns the day of an instant, in UTC. */
export function dayOf(at: number): Day {
  const start = Math.floor(at / DAY_MS) * DAY_MS
  return {
    name: new Date(start).toISOString().slice(0, 10).replaceAll('-', ''),
    from: firstIdAt('message', start),
    to: firstIdAt('message', start + DAY_MS),
  }
}

/** Makes partitions ahead of time, and knows those that there are. */
export class PartitionMaker {
  readonly #database: Database
  /** Oldest first. */
  #days: readonly Day[] = []
  #madeUntil = 0
  #isMaking = false

  constructor(database: Database) {
    this.#database = database
  }

  /** Makes those of today and the next days that are missing. Costs nothing where that was done today. */
  async keepAhead(now: number): Promise<void> {
    const until = (Math.floor(now / DAY_MS) + DAYS_AHEAD) * DAY_MS
    if (until <= this.#madeUntil) return
    for (let at = now; dayOf(at).from <= dayOf(until).from; at += DAY_MS) await this.#make(dayOf(at))
    await this.listAgain()
    this.#madeUntil = until
  }

  /** Finds out which days have partitions. */
  async listAgain(): Promise<void> {
    this.#days = (await listDays(this.#database)).map(dayNamed)
  }

  /** Returns the days that are known to have partitions, oldest first. Retention may have dropped some since. */
  days(): readonly Day[] {
    return this.#days
  }

  /**
   * Returns the day in whose partitions all is that belongs to a message: no row of a day that has partitions can be
   * elsewhere. `null` where none is known: then all has to be looked through. Retention may have dropped it meanwhile.
   */
  dayWith(messageId: string): Day | null {
    // The newest first: most are of today.
    return this.#days.findLast(({ from, to }) => messageId >= from && messageId < to) ?? null
  }

  /** Takes note that a day was dropped. */
  forget(day: Day): void {
    this.#days = this.#days.filter(({ name }) => name !== day.name)
  }

  /**
   * The same without being waited for: a lock that somebody else holds for long, such as an export, must not hold up a beat.
   * There are days to spare, and what fails is tried again with the next beat.
   */
  keepAheadBeside(now: number): void {
    if (this.#isMaking) return
    this.#isMaking = true
    this.keepAhead(now)
      .catch(() => {})
      .finally(() => (this.#isMaking = false))
  }

  /** Makes those of these days that are missing, for messages of the past that are brought here. */
  async makeDays(days: readonly Day[]): Promise<void> {
    for (const day of days) await this.#make(day)
  }

  async #make(day: Day): Promise<void> {
    if ((await listDays(this.#database)).includes(day.name)) return
    await this.#database.write(async (transaction) => {
      await transaction.row(lockOf(this.#database.options.schema, 'partitions'))
      if ((await listDays(transaction)).includes(day.name)) return
      await transaction.change(raw(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`))
      // Rows of that day in the default partition, as of a node whose clock is ahead, would be in the way.
      if (await hasRowsInDefault(transaction, day)) return
      for (const table of TABLES) {
        await transaction.change(
          raw(
            `CREATE TABLE ${table}_${day.name} PARTITION OF ${table} FOR VALUES FROM ('${day.from}') TO ('${day.to}')
             ${SETTINGS[table]}`,
          ),
        )
      }
    })
  }
}

async function hasRowsInDefault(transaction: Queries, { from, to }: Day): Promise<boolean> {
  const row = await transaction.row(
    sql`SELECT EXISTS (SELECT 1 FROM message_default WHERE id >= ${from} AND id < ${to}) AS has_rows`,
  )
  return row?.['has_rows'] === true
}

/** Returns the names of the days that have partitions, oldest first. */
export async function listDays(queries: Queries): Promise<string[]> {
  const rows = await queries.rows(
    sql`SELECT right(c.relname, 8) AS day FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass('message') AND c.relname ~ '^message_[0-9]{8}$' ORDER BY 1`,
  )
  return rows.map((row) => row['day'] as string)
}

/** Returns the day with this name. */
export function dayNamed(name: string): Day {
  return dayOf(Date.parse(`${name.slice(0, 4)}-${name.slice(4, 6)}-${name.slice(6)}`))
}

/**
 * Drops a day with all of its messages, unless one of them still waits or is being sent.
 *
 * Nobody may use the tables meanwhile, and who comes while it waits for that waits behind it. So it waits for a moment only,
 * and in turns with the traffic.
 *
 * @returns About how many messages it had; `pending` where it stays for the sake of those; `busy` where others had the
 *   tables all the time.
 */
export async function dropDay(database: Database, day: Day): Promise<number | 'pending' | 'busy'> {
  for (let tries = 1; ; tries++) {
    try {
      // Before any lock: a day that stays is found without holding up anyone.
      if (await isPending(database, day)) return 'pending'
      return await database.writeBatch(async (transaction) => {
        await transaction.change(raw(`SET LOCAL lock_timeout = '${DROP_LOCK_TIMEOUT}'`))
        // Not the other days: an autovacuum of today would be in the way. Table by table, as writers take their locks.
        const tables = TABLES.map((table) => `ONLY ${table}, ${table}_default, ${table}_${day.name}`)
        await transaction.change(raw(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`))
        if (await isPending(transaction, day)) return 'pending'
        const row: Row | undefined = await transaction.row(
          raw(
            `SELECT greatest(reltuples, 0)::bigint AS messages FROM pg_class WHERE oid = 'message_${day.name}'::regclass`,
          ),
        )
        for (const table of TABLES) await transaction.change(raw(`DROP TABLE ${table}_${day.name}`))
        return row!['messages'] as number
      })
    } catch (error) {
      // By another node.
      if (isMissingTable(error)) return 0
      if (!isTransient(error)) throw refusalOf(error)
      if (tries === DROP_TRIES) return 'busy'
      await pause(DROP_PAUSE_MS)
    }
  }
}

/** In the order of an index, so that it is the index which is asked, whatever the statistics say. */
async function isPending(queries: Queries, { name }: Day): Promise<boolean> {
  const row = await queries.row(
    raw(
      `SELECT EXISTS (SELECT 1 FROM delivery_${name} WHERE status = 1 AND lease IS NULL
           ORDER BY application_id, endpoint_id, priority, due_at LIMIT 1)
         OR EXISTS (SELECT 1 FROM delivery_${name} WHERE lease IS NOT NULL
           ORDER BY application_id, endpoint_id, message_id LIMIT 1) AS is_pending`,
    ),
  )
  return row!['is_pending'] === true
}
