/** The stores in SQLite. @module */

export type { SqliteDatabase } from './stores/sqlite-database.ts'
export { sqliteDedupe, type DedupeTableOptions } from './stores/sqlite-dedupe.ts'
export { sqliteInbox } from './stores/sqlite-inbox.ts'
