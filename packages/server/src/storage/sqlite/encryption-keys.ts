/**
 * Which keys seal and open, in SQLite.
 *
 *     (none) ─offer─▶ offered ─the server takes it─▶ opens ⇄ seals ─▶ opens ─nothing is sealed by it─▶ forgotten
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import type { EncryptionKey } from '../port/encryption-keys.ts'
import { type KeyedBox, headerOf } from '../secret-box.ts'
import { type SealedTable, sealedTables } from './sealed-columns.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

type EncryptionKeyMethods =
  'listEncryptionKeys' | 'offerEncryptionKey' | 'sealWith' | 'resealSecrets' | 'forgetEncryptionKeys'

/** Returns the id of the key that seals; `null` in a database that was never told. */
export function sealingKeyId(database: DatabaseSync): () => string | null {
  const statement = database.prepare("SELECT id FROM encryption_key WHERE state = 'seals'")
  return () => (statement.get()?.['id'] ?? null) as string | null
}

/**
 * Holds the keys that were given against what is sealed: a wrong key would otherwise be noticed by the first message, and
 * fail every one. Then notes which key seals; a server, and nothing beside it, seals with the first one given.
 *
 * @throws {PosthornError} `bad_key`.
 */
export function settleKeys(database: DatabaseSync, box: KeyedBox, { isServer }: { isServer: boolean }): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    const known = listKeys(database)
    if (known.length === 0) openOneOfEach(database, box)
    requireKeys(known, box)
    if (known.length === 0 || isServer) switchTo(database, box.preferred())
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

/** Takes keys that were offered, where the box has them: from now on this process can open what they seal. */
export function takeOfferedKeys(database: DatabaseSync, box: KeyedBox): void {
  for (const { id, state } of listKeys(database)) {
    if (state === 'offered' && box.has(id)) setState(database, id, 'opens')
  }
}

/**
 * The methods on keys.
 *
 * @param isServedByAnother - Tells whether a server runs on this database in another process.
 */
export function encryptionKeyMethods(
  database: DatabaseSync,
  box: KeyedBox,
  isServedByAnother: () => boolean,
): Synchronous<EncryptionKeyMethods> {
  const prepared = statementCache(database)
  const sealing = sealingKeyId(database)

  const reseal = ({ table, key, columns }: SealedTable, row: Row, header: Uint8Array): boolean => {
    const old = columns.filter((column) => {
      const sealed = row[column]
      return sealed instanceof Uint8Array && !beginsWith(sealed, header)
    })
    if (old.length === 0) return false
    prepared(
      `UPDATE ${table} SET ${old.map((column) => `${column} = ?`).join(', ')}
       WHERE ${key.map((column) => `${column} = ?`).join(' AND ')}`,
    ).run(
      ...old.map((column) => box.seal(box.open(row[column] as Uint8Array))),
      ...key.map((column) => row[column] as SQLInputValue),
    )
    return true
  }

  return {
    listEncryptionKeys: () => listKeys(database),

    offerEncryptionKey(id) {
      prepared("INSERT OR IGNORE INTO encryption_key VALUES (?, 'offered')").run(id)
    },

    sealWith(id) {
      if (!box.has(id)) {
        throw new PosthornError('bad_key', `The encryption key ${id} is not among those given`)
      }
      const state = listKeys(database).find((key) => key.id === id)?.state
      const isTaken = state === 'seals' || state === 'opens'
      if (!isTaken && isServedByAnother()) return false
      switchTo(database, id)
      return true
    },

    resealSecrets(after, limit) {
      const tables = sealedTables(database)
      const [at, ...keyBefore] = (after === null ? [0] : JSON.parse(after)) as [number, ...SQLInputValue[]]
      const sealed = tables[at]
      if (sealed === undefined) return { resealed: 0, next: null }

      const names = sealed.key.join(', ')
      const beyond =
        keyBefore.length === 0 ? '' : `WHERE (${names}) > (${keyBefore.map(() => '?').join(', ')})`
      const rows = prepared(
        `SELECT ${[...sealed.key, ...sealed.columns].join(', ')} FROM ${sealed.table} ${beyond}
         ORDER BY ${names} LIMIT ?`,
      ).all(...keyBefore, limit) as Row[]
      const header = headerOf(sealing() ?? box.preferred())
      const resealed = rows.filter((row) => reseal(sealed, row, header)).length

      const last = rows.at(-1)
      if (rows.length === limit && last !== undefined) {
        return { resealed, next: JSON.stringify([at, ...sealed.key.map((column) => last[column])]) }
      }
      return { resealed, next: at + 1 < tables.length ? JSON.stringify([at + 1]) : null }
    },

    forgetEncryptionKeys() {
      const id = sealing()
      if (id === null) return null
      // With the write lock held: since this key was chosen, nobody has sealed with another one.
      const isAnyLeft = sealedTables(database).some(({ table, columns }) =>
        columns.some(
          (column) =>
            prepared(`SELECT 1 FROM ${table} WHERE substr(${column}, 1, ?1) <> ?2 LIMIT 1`).get(
              headerOf(id).length,
              headerOf(id),
            ) !== undefined,
        ),
      )
      if (isAnyLeft) return null
      return prepared('DELETE FROM encryption_key WHERE id <> ? RETURNING id')
        .all(id)
        .map((row) => row['id'] as string)
    },
  }
}

function listKeys(database: DatabaseSync): EncryptionKey[] {
  return database
    .prepare('SELECT id, state FROM encryption_key ORDER BY id')
    .all() as unknown as EncryptionKey[]
}

function setState(database: DatabaseSync, id: string, state: EncryptionKey['state']): void {
  database.prepare('INSERT OR REPLACE INTO encryption_key VALUES (?, ?)').run(id, state)
}

function switchTo(database: DatabaseSync, id: string): void {
  const before = listKeys(database).find(({ state }) => state === 'seals')
  if (before?.id === id) return
  if (before !== undefined) setState(database, before.id, 'opens')
  setState(database, id, 'seals')
}

/** A key that is only offered has sealed nothing yet. */
function requireKeys(known: readonly EncryptionKey[], box: KeyedBox): void {
  const missing = known.find(({ id, state }) => state !== 'offered' && !box.has(id))
  if (missing === undefined) return
  throw new PosthornError(
    'bad_key',
    `The database has secrets that the encryption key ${missing.id} has sealed, and that key is missing`,
    {
      hint: 'Give it again, beside any newer one: a line of the key file, or in POSTHORN_ENCRYPTION_KEY after a comma',
    },
  )
}

/** In a database of before keys had ids, only trying tells. */
function openOneOfEach(database: DatabaseSync, box: KeyedBox): void {
  for (const { table, columns } of sealedTables(database)) {
    for (const column of columns) {
      const row = database.prepare(`SELECT ${column} FROM ${table} WHERE ${column} IS NOT NULL LIMIT 1`).get()
      if (row !== undefined) box.open(row[column] as Uint8Array)
    }
  }
}

function beginsWith(bytes: Uint8Array, header: Uint8Array): boolean {
  return header.every((byte, i) => bytes[i] === byte)
}
