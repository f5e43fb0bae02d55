/** An inbox in SQLite. @module */

import type { InboxStore } from '../inbox/inbox-store.ts'
import { inboxSql } from './sql-inbox.ts'
import { tableName } from './sql.ts'
import { sqliteRunner, type SqliteDatabase } from './sqlite-database.ts'

/**
 * Makes an inbox in a SQLite database. An event is answered when its transaction is on disk as far as the database's
 * `synchronous` goes: with `PRAGMA journal_mode = WAL`, set it to FULL.
 *
 * @param options.table - Default `posthorn_inbox`. It is made if it is not there.
 * @throws {RangeError} `table` is not a name.
 */
export function sqliteInbox(database: SqliteDatabase, options: { readonly table?: string } = {}): InboxStore {
  const table = tableName(options.table ?? 'posthorn_inbox')
  database.exec(`
    CREATE TABLE IF NOT EXISTS ${table} (
      id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, source TEXT NOT NULL, event_id TEXT NOT NULL,
      event_type TEXT, signed_at INTEGER NOT NULL, body BLOB, state TEXT NOT NULL, attempts INTEGER NOT NULL,
      due_at INTEGER NOT NULL, token TEXT, error TEXT
    );
    CREATE INDEX IF NOT EXISTS ${table}_due ON ${table} (state, due_at, id);
    CREATE INDEX IF NOT EXISTS ${table}_dead ON ${table} (id) WHERE state = 'dead'`)
  const run = sqliteRunner(database)
  const { succeed, fail, ...statements } = inboxSql(table, run, '')
  return {
    ...statements,
    begin: async (event) => ({
      tx: undefined,
      succeed: async (forgetAtMs) => succeed(run, event, forgetAtMs),
      fail: async (error, retryAtMs) => fail(event, error, retryAtMs),
    }),
  }
}
