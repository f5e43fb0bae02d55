/** Generated content of all tables that are moved, and what an end of a move has. @module */

import { DatabaseSync } from 'node:sqlite'

import * as fc from 'fast-check'

import { firstIdAt } from '../../src/domain/id.ts'
import { keyIdOf } from '../../src/storage/key-ring.ts'
import {
  type Cell,
  type CellKind,
  MOVED_TABLES,
  type MoveSource,
  type MovedRow,
  type MovedTable,
  placeOf,
} from '../../src/storage/move.ts'
import { secretBox } from '../../src/storage/secret-box.ts'
import { openDatabase } from '../../src/storage/sqlite/database.ts'

/** Rows of each table, by its name. */
export type Content = Readonly<Record<string, readonly MovedRow[]>>

const DAY_MS = 86_400_000
const FIRST_DAY = Date.UTC(2026, 0, 1)

const oddText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  fc.constantFrom(
    '',
    '\0',
    'a\0b',
    '{}',
    '{"a",\\b}',
    '\\',
    '"',
    "'",
    'NULL',
    '\u2028',
    '🐎',
    'é\u0301',
    'line\nline\r\n\t',
  ),
)
const json = fc.oneof(
  fc.json(),
  fc.constantFrom('{ "a" : 1.0,"a":2 }', '{"a":"\\u0000\\ud800"}', '12345678901234567890', '{"b":1,"a":[]}'),
)
const bytes = fc.uint8Array({ maxLength: 40 })

/** Returns an arbitrary of what all tables may hold. */
export function content(key: Uint8Array): fc.Arbitrary<Content> {
  const box = secretBox(key)
  const nullable = nullableColumns()
  const cells: { readonly [K in CellKind]: fc.Arbitrary<Cell> } = {
    text: oddText,
    integer: fc.nat(999),
    truth: fc.boolean(),
    json,
    texts: fc.array(oddText, { maxLength: 3 }),
    bytes,
    sealed: oddText.map((text) => box.seal(text)),
  }
  const columnOf = (table: MovedTable, { name, kind }: MovedTable['columns'][number]): fc.Arbitrary<Cell> => {
    const isLarge = kind === 'integer' && /_at$|^last$|^ordinal$/.test(name)
    const cell = isLarge ? fc.maxSafeNat() : cells[kind]
    return nullable.has(`${table.name}.${name}`) ? fc.option(cell) : cell
  }
  const rowsOf = (table: MovedTable) =>
    fc.array(fc.tuple(...table.columns.map((column) => columnOf(table, column))), {
      minLength: 1,
      maxLength: 8,
    })
  const days = fc.array(fc.nat(40), { minLength: 8, maxLength: 8 })
  return fc.tuple(days, ...MOVED_TABLES.map(rowsOf)).map(([instants, ...all]) => {
    const messageIds = instants.map(
      (day, i) => `${firstIdAt('message', FIRST_DAY + day * DAY_MS + i)}${String(i).padStart(19, '0')}`,
    )
    return Object.fromEntries(
      MOVED_TABLES.map((table, at) => [
        table.name,
        all[at]!.map((row, i) => unique(table, row, i, messageIds)),
      ]),
    )
  })
}

/** Gives a row keys that no other has, and that lead to the message that it belongs to. */
function unique(table: MovedTable, row: MovedRow, i: number, messageIds: readonly string[]): MovedRow {
  const { name } = table
  const set: Record<string, Cell> = { application_id: 'app_1', id: `${name}_${i}` }
  if (name === 'message') Object.assign(set, { id: messageIds[i] })
  if (name === 'message_key') Object.assign(set, { message_id: messageIds[0], epoch: 1, key: `key${i}` })
  if (name === 'delivery' || name === 'attempt')
    Object.assign(set, { message_id: messageIds[i], endpoint_id: `ep_${i}` })
  if (name === 'endpoint_history' || name === 'endpoint_line') Object.assign(set, { endpoint_id: `ep_${i}` })
  return row.map((cell, place) => {
    const column = table.columns[place]!.name
    if (column === 'application_id' && cell === null) return null
    if (column in set) return set[column]!
    if (typeof cell === 'string' && /^(uid|event_id|hash|key|name|prefix)$/.test(column)) return `${cell}${i}`
    return cell
  })
}

function nullableColumns(): Set<string> {
  const database = openDatabase(':memory:')
  const columns = MOVED_TABLES.flatMap(({ name }) =>
    database
      .prepare(`SELECT name FROM pragma_table_info(?) WHERE "notnull" = 0 AND pk = 0`)
      .all(name)
      .map((row) => `${name}.${row['name'] as string}`),
  )
  database.close()
  return new Set(columns)
}

/** Makes an embedded database with this content, by plain SQL. */
export function fillSqlite(path: string, key: Uint8Array, rows: Content): void {
  openDatabase(path).close()
  const database = new DatabaseSync(path)
  database.exec('BEGIN')
  database.prepare("INSERT INTO encryption_key VALUES (?, 'seals')").run(keyIdOf(key))
  for (const table of MOVED_TABLES) {
    // Here a key belongs to its message alone.
    const columns = table.columns.filter(
      ({ name }) => table.name !== 'message_key' || name !== 'application_id',
    )
    const insert = database.prepare(
      `INSERT INTO ${table.name} (${columns.map(({ name }) => name).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    )
    for (const row of rows[table.name]!) {
      insert.run(
        ...columns.map(({ name }) => {
          const cell = row[placeOf(table, name)]!
          if (Array.isArray(cell)) return JSON.stringify(cell)
          return typeof cell === 'boolean' ? Number(cell) : (cell as string)
        }),
      )
    }
  }
  database.exec('COMMIT')
  database.close()
}

/** Returns all rows of a source as texts in order, with sealed values opened. */
export async function everythingIn(source: MoveSource, key: Uint8Array): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {}
  for (const table of MOVED_TABLES) {
    const rows: MovedRow[] = []
    for await (const some of source.readRows(table)) rows.push(...some)
    all[table.name] = shown(table, rows, key)
  }
  await source.close()
  return all
}

/** Returns content in the form of {@link everythingIn}. */
export function everythingOf(rows: Content, key: Uint8Array): Record<string, string[]> {
  return Object.fromEntries(MOVED_TABLES.map((table) => [table.name, shown(table, rows[table.name]!, key)]))
}

/** What PostgreSQL makes of it: its text has no NUL. */
export function withoutNul(rows: Content): Content {
  const clean = (cell: Cell): Cell => {
    if (typeof cell === 'string') return cell.replaceAll('\0', '\uFFFD')
    return Array.isArray(cell) ? cell.map((text: string) => text.replaceAll('\0', '\uFFFD')) : cell
  }
  return Object.fromEntries(
    Object.entries(rows).map(([name, some]) => [name, some.map((row) => row.map(clean))]),
  )
}

function shown({ columns }: MovedTable, rows: readonly MovedRow[], key: Uint8Array): string[] {
  const box = secretBox(key)
  return rows
    .map((row) =>
      JSON.stringify(
        row.map((cell, i) => {
          if (!(cell instanceof Uint8Array)) return cell
          return columns[i]!.kind === 'sealed' ? box.open(cell) : Buffer.from(cell).toString('hex')
        }),
      ),
    )
    .toSorted()
}
