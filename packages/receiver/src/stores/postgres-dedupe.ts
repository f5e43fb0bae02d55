/** Remembers events in PostgreSQL, by lease or in the handler's own transaction. @module */

import type { Begun, DedupeStore, RunTimes } from '../handle/dedupe-store.ts'
import {
  beginTransaction,
  postgresRunner,
  type PostgresClient,
  type PostgresPool,
  type PostgresQueryable,
} from './postgres-client.ts'
import { dedupeSql } from './sql-dedupe.ts'
import { beforeFirst, tableName } from './sql.ts'
import { DEDUPE_DEFAULTS, type DedupeTableOptions } from './sqlite-dedupe.ts'

/** Options of the stores in PostgreSQL. */
export interface PostgresDedupeOptions extends DedupeTableOptions {
  /** Make the table where it is not there. Default `true`; `false` where the role may not: `dedupeTable` is its SQL. */
  readonly createTable?: boolean
}

/** Returns the statements that make the table, for migrations. */
export function dedupeTable(table: string = DEDUPE_DEFAULTS.table): string {
  const name = tableName(table)
  return `
    CREATE TABLE IF NOT EXISTS ${name} (
      id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL UNIQUE, token TEXT NOT NULL,
      is_done SMALLINT NOT NULL, held_until BIGINT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS ${name.replace('.', '_')}_held_until ON ${name} (held_until);`
}

/**
 * Makes a store in PostgreSQL, by lease: the handler's effects and the mark are two writes, and a crash between them
 * runs the handler again.
 *
 * @param database - A pool of `pg`, or a client that is used for nothing else.
 * @throws {RangeError} `table` is not a name.
 */
export function postgresDedupe(
  database: PostgresQueryable,
  options: PostgresDedupeOptions = {},
): DedupeStore {
  const { sql, prepare } = dedupeIn(database, options)
  const run = postgresRunner(database)
  return {
    async begin(key, times) {
      await prepare()
      await sql.sweep(run, times.nowMs)
      const taken = await sql.take(run, key, times)
      if (typeof taken !== 'string') return taken
      return {
        state: 'begun',
        run: {
          tx: undefined,
          commit: async () => sql.finish(run, key, taken, times.windowEndMs),
          release: async () => sql.drop(run, key, taken),
        },
      }
    },
  }
}

/**
 * Makes a store whose mark is one transaction with what the handler writes through `context.tx`: an event has its
 * effects in the database exactly once, whatever crashes when. Do not begin, commit or roll back on `tx`, nor use it
 * when the handler is over. One client of the pool is lent to each run, so `max` bounds how many run at once.
 *
 * @throws {RangeError} `table` is not a name.
 */
export function postgresTransaction<Client extends PostgresClient = PostgresClient>(
  pool: PostgresPool<Client>,
  options: PostgresDedupeOptions = {},
): DedupeStore<Client> {
  const { sql, prepare, table } = dedupeIn(pool, options)

  async function begin(key: string, times: RunTimes): Promise<Begun<Client>> {
    await prepare()
    await sql.sweep(postgresRunner(pool), times.nowMs)
    const transaction = await beginTransaction(pool, times.leaseEndMs - times.nowMs)
    const { run, client } = transaction
    try {
      // A second INSERT of the key would wait for the first run's end; this lock answers at once, and ends with its
      // transaction. Two keys of one hash would be each other's "busy", once in 2^64.
      const lock = `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS is_mine`
      const [row] = await run(lock, [`${table}:${key}`])
      const taken = row?.['is_mine'] === true ? await sql.take(run, key, times) : null
      if (typeof taken !== 'string') {
        await transaction.rollback()
        return taken ?? { state: 'running', leaseEndMs: null }
      }
      return {
        state: 'begun',
        run: {
          tx: client,
          async commit() {
            let isMarked = false
            try {
              isMarked = await sql.finish(run, key, taken, times.windowEndMs)
            } catch (error) {
              // Also where the handler swallowed the failure of a statement: all later ones fail.
              await transaction.rollback()
              throw error
            }
            await (isMarked ? transaction.commit() : transaction.rollback())
            return isMarked
          },
          release: transaction.rollback,
        },
      }
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }
  return { begin }
}

function dedupeIn(database: PostgresQueryable, options: PostgresDedupeOptions) {
  const { table, maxRows, createTable } = { ...DEDUPE_DEFAULTS, createTable: true, ...options }
  tableName(table)
  const prepare = beforeFirst(async () => {
    if (createTable) await createInOrder(database, dedupeTable(table))
  })
  return { sql: dedupeSql(table, maxRows), prepare, table }
}

/** Makes tables, one process at a time: two that create the same one at once do not both succeed. */
export async function createInOrder(database: PostgresQueryable, statements: string): Promise<void> {
  // One text without values is one transaction, which holds the lock.
  await database.query(`SELECT pg_advisory_xact_lock(${CREATE_LOCK}); ${statements}`)
}

/** Any number that other applications are unlikely to lock: `posthorn` as bytes. */
const CREATE_LOCK = '8101821198468346478'
