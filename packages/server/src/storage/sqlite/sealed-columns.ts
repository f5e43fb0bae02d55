/** Which columns of the database hold sealed values. @module */

import type { DatabaseSync } from 'node:sqlite'

/** Columns of bytes that are not sealed. */
const PLAIN: ReadonlySet<string> = new Set(['message.payload'])

/** A table with sealed values. */
export interface SealedTable {
  readonly table: string
  /** Columns of its primary key. */
  readonly key: readonly string[]
  readonly columns: readonly string[]
}

/**
 * Returns the tables with sealed values, by name: found in the schema, so that a column which is added cannot be left out
 * when keys are changed. Every column of bytes counts as sealed, save those in {@link PLAIN}.
 */
export function sealedTables(database: DatabaseSync): SealedTable[] {
  const rows = database
    .prepare(
      `SELECT list.name AS "table", info.name AS column, info.type, info.pk
       FROM pragma_table_list AS list JOIN pragma_table_info(list.name) AS info
       WHERE list.schema = 'main' AND list.type = 'table' AND list.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY list.name, info.pk, info.cid`,
    )
    .all() as unknown as { table: string; column: string; type: string; pk: number }[]
  return [...Map.groupBy(rows, ({ table }) => table)].flatMap(([table, all]) => {
    const columns = all
      .filter(({ type, column }) => type === 'BLOB' && !PLAIN.has(`${table}.${column}`))
      .map(({ column }) => column)
    const key = all.filter(({ pk }) => pk > 0).map(({ column }) => column)
    return columns.length === 0 ? [] : [{ table, key, columns }]
  })
}
