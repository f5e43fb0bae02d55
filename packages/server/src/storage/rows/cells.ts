/** Cells that the databases' drivers give in different forms. @module */

/** A row as either driver gives it. */
export type Row = Readonly<Record<string, unknown>>

/** Reads a boolean: SQLite has numbers for them. */
export function flag(cell: unknown): boolean {
  return cell === true || cell === 1
}

/** Reads a list or an object that is kept as JSON, which PostgreSQL's driver has read already; `null` stays `null`. */
export function fromJson<T>(cell: unknown): T {
  return (typeof cell === 'string' ? JSON.parse(cell) : (cell ?? null)) as T
}

/** Writes a value as a JSON cell; `null` stays `null`. */
export function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

/** Reads bytes as what SQLite gives: PostgreSQL's driver gives a `Buffer`, which is more than that. */
export function bytes(cell: unknown): Uint8Array {
  return Buffer.isBuffer(cell)
    ? new Uint8Array(cell.buffer, cell.byteOffset, cell.byteLength)
    : (cell as Uint8Array)
}
