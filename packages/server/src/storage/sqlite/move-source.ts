/** The embedded database as the source of a move. @module */

import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import { firstIdAt } from '../../domain/id.ts'
import { IDEMPOTENCY_MS } from '../../domain/idempotency.ts'
import { requireFinished } from '../import-refusals.ts'
import type { GivenKeys } from '../key-ring.ts'
import {
  CHUNK_BYTES,
  CHUNK_ROWS,
  type Cell,
  type CellKind,
  type MoveSource,
  type MovedRow,
  type MovedTable,
  sizeOfRow,
} from '../move.ts'
import { secretBox } from '../secret-box.ts'
import { isClaimed, openDatabase } from './database.ts'
import { settleKeys } from './encryption-keys.ts'
import { findImport } from './import-state.ts'

/**
 * Opens a database to move it, as it is now: a server beside it goes on, and the write-ahead log grows meanwhile.
 *
 * @throws {PosthornError} `data_unreadable`: not there, or itself only imported in part. `bad_key`.
 */
export function openSqliteSource(path: string, keys: GivenKeys): MoveSource {
  if (!existsSync(path)) {
    throw new PosthornError('data_unreadable', `There is no database ${path}`, {
      hint: 'Name the folder that it is in with --data',
    })
  }
  const isServed = isClaimed(path)
  const database = openDatabase(path)
  try {
    requireFinished(findImport(database))
    settleKeys(database, secretBox(keys), { isServer: false })
    // Sorting may take more than there is memory for.
    database.exec('PRAGMA temp_store = FILE; BEGIN')
    const known = database.prepare("SELECT id FROM encryption_key WHERE state <> 'offered' ORDER BY id").all()
    return {
      isServed,
      unmovable: null,
      keyIds: known.map((row) => row['id'] as string),
      async *readRows(table) {
        yield* batches(database, table)
      },
      close: async () => database.close(),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

function* batches(database: DatabaseSync, table: MovedTable): Generator<readonly MovedRow[]> {
  const kinds = table.columns.map(({ kind }) => kind)
  const statement = database.prepare(queryFor(database, table))
  statement.setReturnArrays(true)
  let batch: MovedRow[] = []
  let bytes = 0
  for (const cells of statement.iterate() as unknown as Iterable<readonly SqliteCell[]>) {
    const row = cells.map((cell, i) => cellOf(cell, kinds[i]!))
    batch.push(row)
    bytes += sizeOfRow(row)
    if (batch.length < CHUNK_ROWS && bytes < CHUNK_BYTES) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

type SqliteCell = string | number | Uint8Array | null

function queryFor(database: DatabaseSync, { name, columns }: MovedTable): string {
  const names = columns.map((column) => column.name).join(', ')
  switch (name) {
    case 'message':
      return `SELECT ${names} FROM message ORDER BY rowid`
    case 'message_key':
      return `SELECT m.application_id, k.key, k.epoch, k.body, k.message_id
        FROM message m INDEXED BY message_id CROSS JOIN message_key k ON k.message_id = m.id
        WHERE m.id >= '${oldestWithKey(database)}'`
    default:
      return `SELECT ${names} FROM ${name}`
  }
}

/**
 * No older message has a key. Elsewhere keys belong to an application, and here only their messages tell which: those of
 * messages that are gone are left out.
 */
function oldestWithKey(database: DatabaseSync): string {
  const row = database.prepare('SELECT min(epoch) AS epoch FROM message_key').get()
  return firstIdAt('message', ((row!['epoch'] as number | null) ?? 0) * IDEMPOTENCY_MS)
}

function cellOf(cell: SqliteCell, kind: CellKind): Cell {
  if (cell === null) return null
  if (kind === 'truth') return cell === 1
  return kind === 'texts' ? (JSON.parse(cell as string) as string[]) : cell
}
