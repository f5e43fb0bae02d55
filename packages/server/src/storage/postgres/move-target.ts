/** PostgreSQL as the target of a move. @module */

import { instantOf } from '../../domain/id.ts'
import { notEmpty, requireNext, requireSameExport } from '../import-refusals.ts'
import type { GivenKeys } from '../key-ring.ts'
import { type Cell, type ImportChunk, MOVED_TABLES, type MoveTarget, placeOf } from '../move.ts'
import { headerOf, isSealedBy } from '../secret-box.ts'
import { Database, type DatabaseOptions, type Queries, lockOf } from './database.ts'
import { KeyRing, sealingKeyId, settleKeys } from './encryption-keys.ts'
import { CHANNEL, TAG } from './few-messages.ts'
import { findImport, noteImport } from './import-state.ts'
import { applyMigrations } from './migrate.ts'
import { type Day, PartitionMaker, dayOf } from './partitions.ts'
import { type Sql, arrayText, joined, raw, sql } from './sql.ts'

/**
 * Opens a database to import into, and makes its schema.
 *
 * @throws {PosthornError} `data_unreadable`, `bad_key`.
 */
export async function openPostgresTarget(options: DatabaseOptions, given: GivenKeys): Promise<MoveTarget> {
  const database = new Database(options)
  try {
    await applyMigrations(database)
    const keys = new KeyRing(given)
    await settleKeys(database, keys, { isServer: true })
    return { ...targetMethods(database, keys), close: () => database.stop() }
  } catch (error) {
    await database.stop()
    throw error
  }
}

function targetMethods(database: Database, keys: KeyRing): Omit<MoveTarget, 'close'> {
  const partitions = new PartitionMaker(database)
  const lock = lockOf(database.options.schema, 'import')
  const known = new Set<string>()
  const newDaysOf = (chunk: ImportChunk) => {
    const days = daysOf(chunk).filter(({ name }) => !known.has(name))
    for (const { name } of days) known.add(name)
    return days
  }
  return {
    begin: (exportId, checksum) =>
      database.write(async (transaction) => {
        await transaction.row(lock)
        const state = await findImport(transaction)
        if (state !== null) {
          requireSameExport(state, exportId)
          return state
        }
        for (const { name } of MOVED_TABLES) {
          if ((await transaction.row(raw(`SELECT 1 FROM ${name} LIMIT 1`))) !== undefined)
            throw notEmpty(name)
        }
        const begun = { exportId, chunk: 0, checksum, isFinished: false }
        await noteImport(transaction, begun)
        return begun
      }),

    async write(chunk) {
      if (chunk.table.name === 'message') await partitions.makeDays(newDaysOf(chunk))
      const { cleaned, replaced } = withoutNul(chunk)
      await database.write(async (transaction) => {
        await transaction.row(lock)
        requireNext((await findImport(transaction))!, chunk)
        await insert(transaction, { ...cleaned, rows: await resealed(transaction, keys, cleaned) })
        if (chunk.table.name === 'message') await insertWhatFollows(transaction, cleaned)
        await transaction.change(
          sql`UPDATE import_state SET chunk = ${chunk.chunk}, checksum = ${chunk.checksum}`,
        )
      })
      return replaced
    },

    countRows: async ({ name }) =>
      (await database.row(raw(`SELECT count(*) AS count FROM ${name}`)))!['count'] as number,

    async finish() {
      // The first statements of the servers are to be planned by what is there.
      for (const { name } of MOVED_TABLES) await database.change(raw(`ANALYZE ${name}`))
      await database.change(raw('UPDATE import_state SET is_finished = true'))
    },
  }
}

/** The days of the messages of a chunk: old ones are dropped by day as new ones are. */
function daysOf({ table, rows }: ImportChunk): Day[] {
  const id = placeOf(table, 'id')
  const days = rows
    .map((row) => instantOf('message', row[id] as string))
    .filter((at) => at >= 0 && at < LAST_INSTANT)
  return [...new Map(days.map((at) => [dayOf(at).name, dayOf(at)])).values()]
}

/** Names of days have eight digits. */
const LAST_INSTANT = Date.UTC(10_000, 0)

/** PostgreSQL's text has no NUL. */
function withoutNul(chunk: ImportChunk): { readonly cleaned: ImportChunk; readonly replaced: number } {
  let replaced = 0
  const clean = (cell: Cell): Cell => {
    if (typeof cell === 'string' && cell.includes('\0')) {
      replaced += 1
      return cell.replaceAll('\0', '\uFFFD')
    }
    return Array.isArray(cell) ? cell.map((text: string) => clean(text) as string) : cell
  }
  return { cleaned: { ...chunk, rows: chunk.rows.map((row) => row.map(clean)) }, replaced }
}

async function resealed(
  transaction: Queries,
  keys: KeyRing,
  { table, rows }: ImportChunk,
): Promise<ImportChunk['rows']> {
  if (!table.columns.some(({ kind }) => kind === 'sealed')) return rows
  const box = await keys.sealer(transaction)
  const header = headerOf((await sealingKeyId(transaction)) ?? keys.preferred())
  return rows.map((row) =>
    row.map((cell, i) => {
      if (table.columns[i]!.kind !== 'sealed' || cell === null) return cell
      const sealed = cell as Uint8Array
      return isSealedBy(sealed, header) ? sealed : box.seal(box.open(sealed))
    }),
  )
}

/** Inserts rows by one statement: each column is an array, whose text and plan are the same for any number of rows. */
async function insert(transaction: Queries, { table, rows }: ImportChunk): Promise<void> {
  const given: Sql[] = []
  const names: string[] = []
  const cells: Sql[] = []
  for (const [i, { name, kind }] of table.columns.entries()) {
    const column = rows.map((row) => row[i] as Cell)
    names.push(name)
    switch (kind) {
      case 'bytes':
      case 'sealed': {
        // One value of bytes goes as it is; an array of them would be written in hex.
        const lengths = column.map((bytes) => (bytes === null ? null : (bytes as Uint8Array).byteLength))
        let end = 0
        const starts = lengths.map((length) => (end += length ?? 0) - (length ?? 0) + 1)
        const bytes = Buffer.concat(column.filter((cell) => cell !== null) as Uint8Array[])
        given.push(sql`${arrayText(starts)}::integer[], ${arrayText(lengths)}::integer[]`)
        cells.push(sql`substring(${bytes}::bytea FROM given.${raw(name)}_start FOR given.${raw(name)})`)
        break
      }
      case 'texts':
        given.push(
          sql`${arrayText(column.map((texts) => (texts === null ? null : arrayText(texts as string[]))))}::text[]`,
        )
        cells.push(raw(`given.${name}::text[]`))
        break
      case 'json':
        given.push(sql`${arrayText(column as (string | null)[])}::text[]`)
        cells.push(raw(`given.${name}::json`))
        break
      case 'text':
      case 'integer':
      case 'truth':
        given.push(
          sql`${arrayText(column as (string | number | boolean | null)[])}::${raw(ARRAY_TYPES[kind])}`,
        )
        cells.push(raw(`given.${name}`))
    }
  }
  const arrays = table.columns.flatMap(({ name, kind }) =>
    kind === 'bytes' || kind === 'sealed' ? [`${name}_start`, name] : [name],
  )
  await transaction.change(
    sql`INSERT INTO ${raw(table.name)} (${raw(names.join(', '))}) SELECT ${joined(cells, ', ')}
        FROM unnest(${joined(given, ', ')}) AS given (${raw(arrays.join(', '))})`,
  )
}

const ARRAY_TYPES = { text: 'text[]', integer: 'bigint[]', truth: 'boolean[]' } as const

/** Labels and event ids, which have tables of their own. */
async function insertWhatFollows(transaction: Queries, { table, rows }: ImportChunk): Promise<void> {
  const cellOf = (row: readonly Cell[], column: string) => row[placeOf(table, column)] as Cell
  const labels = rows.flatMap((row) =>
    (
      [
        [TAG, 'tags'],
        [CHANNEL, 'channels'],
      ] as const
    ).flatMap(([kind, column]) =>
      ((cellOf(row, column) ?? []) as string[]).map((name) => ({ kind, name, row })),
    ),
  )
  const textsOf = (some: readonly (readonly Cell[])[], column: string) =>
    arrayText(some.map((row) => cellOf(row, column) as string))
  if (labels.length > 0) {
    const owners = labels.map(({ row }) => row)
    await transaction.change(
      sql`INSERT INTO message_label (application_id, kind, name, message_id)
          SELECT * FROM unnest(${textsOf(owners, 'application_id')}::text[],
            ${arrayText(labels.map(({ kind }) => kind))}::integer[],
            ${arrayText(labels.map(({ name }) => name))}::text[], ${textsOf(owners, 'id')}::text[])
          ON CONFLICT DO NOTHING`,
    )
  }
  const named = rows.filter((row) => cellOf(row, 'event_id') !== null)
  if (named.length > 0) {
    await transaction.change(
      sql`INSERT INTO message_event (application_id, event_id, message_id)
          SELECT * FROM unnest(${textsOf(named, 'application_id')}::text[], ${textsOf(named, 'event_id')}::text[],
            ${textsOf(named, 'id')}::text[])`,
    )
  }
}
