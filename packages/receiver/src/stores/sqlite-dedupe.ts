/** Remembers events in SQLite. @module */

import type { DedupeStore } from '../handle/dedupe-store.ts'
import { dedupeSql } from './sql-dedupe.ts'
import { tableName } from './sql.ts'
import { sqliteRunner, type SqliteDatabase } from './sqlite-database.ts'

/** Options of the dedupe stores in a database. */
export interface DedupeTableOptions {
  /** Default `posthorn_dedupe`. It is made if it is not there. */
  readonly table?: string
  /** About how many events are kept at most, the latest. Default 10 000 000. */
  readonly maxRows?: number
}

/** The defaults of the dedupe stores in a database. */
export const DEDUPE_DEFAULTS = {
  table: 'posthorn_dedupe',
  maxRows: 10_000_000,
} as const satisfies DedupeTableOptions

/**
 * Makes a store in a SQLite database.
 *
 * @throws {RangeError} `table` is not a name.
 */
export function sqliteDedupe(database: SqliteDatabase, options: DedupeTableOptions = {}): DedupeStore {
  const { maxRows, table } = { ...DEDUPE_DEFAULTS, ...options }
  const sql = dedupeSql(tableName(table), maxRows)
  const run = sqliteRunner(database)
  database.exec(`
    CREATE TABLE IF NOT EXISTS ${table} (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, token TEXT NOT NULL,
      is_done INTEGER NOT NULL, held_until INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS ${table}_held_until ON ${table} (held_until)`)

  return {
    async begin(key, times) {
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
