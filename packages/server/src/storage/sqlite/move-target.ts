/** The embedded database as the target of a move. @module */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'

import { notEmpty, requireNext, requireSameExport } from '../import-refusals.ts'
import type { GivenKeys } from '../key-ring.ts'
import {
  type Cell,
  type ImportChunk,
  MOVED_TABLES,
  type MoveTarget,
  type MovedRow,
  type MovedTable,
  placeOf,
} from '../move.ts'
import { headerOf, isSealedBy, type KeyedBox, secretBox } from '../secret-box.ts'
import { claimFolder, openDatabase } from './database.ts'
import { sealingKeyId, settleKeys } from './encryption-keys.ts'
import { CHANNEL, TAG } from './few-messages.ts'
import { findImport, noteImport } from './import-state.ts'
import { statementCache } from './tables.ts'

/**
 * Opens a database to import into; makes it where it is not there. No server can start on it meanwhile.
 *
 * @throws {PosthornError} `data_in_use`, `data_unreadable`, `bad_key`.
 */
export function openSqliteTarget(path: string, keys: GivenKeys): MoveTarget {
  const claim = claimFolder(path)
  let database: DatabaseSync | undefined
  try {
    database = openDatabase(path)
    const opened = database
    const box = secretBox(keys, sealingKeyId(database))
    settleKeys(database, box, { isServer: true })
    const close = async () => {
      opened.close()
      claim.close()
    }
    return { ...targetMethods(database, box), close }
  } catch (error) {
    database?.close()
    claim.close()
    throw error
  }
}

function targetMethods(database: DatabaseSync, box: KeyedBox): Omit<MoveTarget, 'close'> {
  const prepared = statementCache(database)
  const sealingId = sealingKeyId(database)

  return {
    begin: async (exportId, checksum) =>
      inTransaction(database, () => {
        const state = findImport(database)
        if (state !== null) {
          requireSameExport(state, exportId)
          return state
        }
        const full = MOVED_TABLES.find(
          ({ name }) => database.prepare(`SELECT 1 FROM ${name} LIMIT 1`).get() !== undefined,
        )
        if (full !== undefined) throw notEmpty(full.name)
        const begun = { exportId, chunk: 0, checksum, isFinished: false }
        noteImport(database, begun)
        return begun
      }),

    async write(chunk) {
      inTransaction(database, () => {
        requireNext(findImport(database)!, chunk)
        const header = headerOf(sealingId() ?? box.preferred())
        const statement = prepared(insertInto(chunk.table))
        for (const row of chunk.rows)
          statement.run(...valuesOf(chunk.table, row, (sealed) => reseal(sealed, header)))
        if (chunk.table.name === 'message') label(chunk)
        prepared('UPDATE import_state SET chunk = ?, checksum = ?').run(chunk.chunk, chunk.checksum)
      })
      return 0
    },

    countRows: async ({ name }) =>
      prepared(`SELECT count(*) AS count FROM ${name}`).get()!['count'] as number,

    async finish() {
      prepared('UPDATE import_state SET is_finished = 1').run()
    },
  }

  function reseal(sealed: Uint8Array, header: Uint8Array): Uint8Array {
    return isSealedBy(sealed, header) ? sealed : box.seal(box.open(sealed))
  }

  function label({ table, rows }: ImportChunk): void {
    const statement = prepared('INSERT OR IGNORE INTO message_label VALUES (?, ?, ?, ?)')
    const [application, id] = [placeOf(table, 'application_id'), placeOf(table, 'id')]
    for (const [kind, place] of [
      [TAG, placeOf(table, 'tags')] as const,
      [CHANNEL, placeOf(table, 'channels')] as const,
    ]) {
      for (const row of rows) {
        for (const name of (row[place] ?? []) as readonly string[]) {
          statement.run(row[application] as string, kind, name, row[id] as string)
        }
      }
    }
  }
}

/** Here an idempotency key belongs to its message, and to no application beside. */
function isKept({ name }: MovedTable, column: string): boolean {
  return !(name === 'message_key' && column === 'application_id')
}

function insertInto(table: MovedTable): string {
  const columns = table.columns.filter((column) => isKept(table, column.name))
  return `INSERT INTO ${table.name} (${columns.map(({ name }) => name).join(', ')})
    VALUES (${columns.map(() => '?').join(', ')})`
}

function valuesOf(
  table: MovedTable,
  row: MovedRow,
  reseal: (sealed: Uint8Array) => Uint8Array,
): SQLInputValue[] {
  return table.columns.flatMap(({ name, kind }, i) => {
    if (!isKept(table, name)) return []
    const cell = row[i] as Cell
    if (kind === 'sealed' && cell !== null) return [reseal(cell as Uint8Array)]
    if (typeof cell === 'boolean') return [Number(cell)]
    return [Array.isArray(cell) ? JSON.stringify(cell) : (cell as SQLInputValue)]
  })
}

function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const value = work()
    database.exec('COMMIT')
    return value
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
