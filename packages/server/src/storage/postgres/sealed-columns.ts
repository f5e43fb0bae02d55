/** Which columns of the database hold sealed values. @module */

import type { Queries } from './database.ts'
import { sql } from './sql.ts'

/** A table with sealed values. */
export interface SealedTable {
  readonly table: string
  /** Columns of its primary key. */
  readonly key: readonly string[]
  readonly columns: readonly string[]
}

/**
 * Returns the tables with sealed values, by name: found in the schema, so that a column which is added cannot be left out
 * when keys are changed. Every column of bytes counts as sealed, save in tables with partitions: those hold payloads.
 */
export async function sealedTables(queries: Queries): Promise<SealedTable[]> {
  const rows = await queries.rows(
    sql`SELECT c.relname AS "table",
          array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum))
            FILTER (WHERE a.attnum = ANY (i.indkey)) AS key,
          array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.atttypid = 'bytea'::regtype) AS columns
        FROM pg_class c
          JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
        GROUP BY c.relname ORDER BY c.relname`,
  )
  return rows.filter((row) => row['columns'] !== null) as unknown as SealedTable[]
}
