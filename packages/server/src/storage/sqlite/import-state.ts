/** How far an import into the embedded database has come. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { ImportState } from '../import-refusals.ts'

/** Returns the state of the import; `null` in a database that was not imported. */
export function findImport(database: DatabaseSync): ImportState | null {
  const table = database
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'import_state'")
    .get()
  if (table === undefined) return null
  const row = database.prepare('SELECT * FROM import_state').get()
  if (row === undefined) return null
  return {
    exportId: row['export_id'] as string,
    chunk: row['chunk'] as number,
    checksum: row['checksum'] as string,
    isFinished: row['is_finished'] === 1,
  }
}

/** Notes that an import begins. The table is there only in databases that were imported. */
export function noteImport(database: DatabaseSync, { exportId, chunk, checksum }: ImportState): void {
  database.exec(
    `CREATE TABLE IF NOT EXISTS import_state (
       export_id TEXT PRIMARY KEY,
       chunk INTEGER NOT NULL,
       checksum TEXT NOT NULL,
       is_finished INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID`,
  )
  database.prepare('INSERT INTO import_state VALUES (?, ?, ?, 0)').run(exportId, chunk, checksum)
}
