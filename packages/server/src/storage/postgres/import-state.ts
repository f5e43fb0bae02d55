/** How far an import into PostgreSQL has come. @module */

import type { ImportState } from '../import-refusals.ts'
import type { Queries } from './database.ts'
import { raw, sql } from './sql.ts'

/** Returns the state of the import; `null` in a database that was not imported. */
export async function findImport(queries: Queries): Promise<ImportState | null> {
  const table = await queries.row(raw("SELECT to_regclass('import_state') AS found"))
  if (table!['found'] === null) return null
  const row = await queries.row(raw('SELECT * FROM import_state'))
  if (row === undefined) return null
  return {
    exportId: row['export_id'] as string,
    chunk: row['chunk'] as number,
    checksum: row['checksum'] as string,
    isFinished: row['is_finished'] === true,
  }
}

/** Notes that an import begins. The table is there only in databases that were imported. */
export async function noteImport(
  transaction: Queries,
  { exportId, chunk, checksum }: ImportState,
): Promise<void> {
  await transaction.change(
    raw(
      `CREATE TABLE IF NOT EXISTS import_state (
         export_id text COLLATE "C" PRIMARY KEY,
         chunk bigint NOT NULL,
         checksum text COLLATE "C" NOT NULL,
         is_finished boolean NOT NULL
       )`,
    ),
  )
  await transaction.change(sql`INSERT INTO import_state VALUES (${exportId}, ${chunk}, ${checksum}, false)`)
}
