/** The days that messages are kept in: each hot table has a partition for each. @module */

import { firstIdAt } from '../../domain/id.ts'
import type { Database, Queries, Row } from './database.ts'
import { lockOf } from './database.ts'
import { isTransient } from './faults.ts'
import { raw, sql } from './sql.ts'

/** Tables in partitions, those that are written first before those that follow from them. */
const TABLES = ['message', 'message_label', 'delivery', 'attempt'] as const

const DAY_MS = 86_400_000

/** Days beyond the present one that have partitions, always. */
const DAYS_AHEAD = 2

/** A partition needs the parent for itself for a moment; who waits for that holds up all who come after. */
const LOCK_TIMEOUT = '1s'

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

/** Makes partitions ahead of time. */
export class PartitionMaker {
  readonly #database: Database
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
    this.#madeUntil = until
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
 * @returns About how many messages it had; `null` where it stays, for now or for the sake of what is pending.
 */
export async function dropDay(database: Database, { name }: Day): Promise<number | null> {
  try {
    return await database.write(async (transaction) => {
      await transaction.change(raw(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`))
      await transaction.change(raw(`LOCK TABLE ${TABLES.join(', ')} IN ACCESS EXCLUSIVE MODE`))
      const row: Row | undefined = await transaction.row(
        raw(
          `SELECT EXISTS (SELECT 1 FROM delivery_${name} WHERE status = 1 AND lease IS NULL)
             OR EXISTS (SELECT 1 FROM delivery_${name} WHERE lease IS NOT NULL) AS is_pending,
             (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'message_${name}'::regclass) AS messages`,
        ),
      )
      if (row!['is_pending'] === true) return null
      for (const table of TABLES) await transaction.change(raw(`DROP TABLE ${table}_${name}`))
      return row!['messages'] as number
    })
  } catch (error) {
    if (isTransient(error)) return null
    throw error
  }
}
