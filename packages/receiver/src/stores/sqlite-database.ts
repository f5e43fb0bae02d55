/** SQLite, as `node:sqlite` and better-sqlite3 both offer it. @module */

import type { RunSql, SqlRow, SqlValue } from './sql.ts'

/**
 * A database: `new DatabaseSync(path)` of node:sqlite, or `new Database(path)` of better-sqlite3. Give the store a
 * connection of its own: its statements would otherwise be part of whatever transaction is open. With several
 * processes on one file, set `PRAGMA journal_mode = WAL` and a `busy_timeout`.
 */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): { all(...values: SqlValue[]): unknown[] }
}

/** Returns how to run statements. Each is prepared once. */
export function sqliteRunner(database: SqliteDatabase): RunSql {
  const prepared = new Map<string, ReturnType<SqliteDatabase['prepare']>>()
  return async (text, values) => {
    let statement = prepared.get(text)
    if (statement === undefined) {
      statement = database.prepare(text.replaceAll(/\$\d+/g, '?'))
      prepared.set(text, statement)
    }
    return statement.all(...values) as SqlRow[]
  }
}
