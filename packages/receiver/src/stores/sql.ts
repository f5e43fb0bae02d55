/**
 * What SQLite and PostgreSQL agree on. SQL is written once, with `$1`, `$2` … each used once and in order, so that
 * SQLite's plain `?` can stand in their place. Each statement returns rows: one driver's way to run it is enough.
 *
 * @module
 */

/** Runs one statement and returns its rows. */
export type RunSql = (text: string, values: readonly SqlValue[]) => Promise<readonly SqlRow[]>

/** What a statement takes. Whole numbers are below 2^53. */
export type SqlValue = string | number | Uint8Array | null

/** A row by column. PostgreSQL returns a BIGINT as text: read it with `numberOf`. */
export type SqlRow = Readonly<Record<string, unknown>>

/** How many rows a sweep removes at most, so that it is over soon. */
export const SWEEP_ROWS = 1_000

/** Returns a number column. */
export function numberOf(row: SqlRow, column: string): number {
  return Number(row[column])
}

/** Returns a text column, or `null`. */
export function textOf(row: SqlRow, column: string): string | null {
  const value = row[column]
  return typeof value === 'string' ? value : null
}

/**
 * Returns a table's name, which becomes part of statements.
 *
 * @throws {RangeError} It is more than a name, or a schema's and a name.
 */
export function tableName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,47}(\.[a-z_][a-z0-9_]{0,47})?$/.test(name)) return name
  throw new RangeError(
    `bad table ${name}: lower-case letters, digits and _, with a schema before it if you like`,
  )
}

/** Does `make` before the first use and waits for it; again, when it failed. */
export function beforeFirst(make: () => Promise<void>): () => Promise<void> {
  let made: Promise<void> | null = null
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null
      throw error
    })
    return made
  }
}
