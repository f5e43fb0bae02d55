/**
 * Which keys seal and open, in PostgreSQL. Each node tells which keys it has, so that none seals with a key that another
 * could not open with.
 *
 *     (none) ─offer─▶ offered ─every node takes it─▶ opens ⇄ seals ─▶ opens ─nothing is sealed by it─▶ forgotten
 *
 * @module
 */

import { PosthornError } from '../../domain/errors.ts'
import type { GivenKeys } from '../key-ring.ts'
import type { EncryptionKey } from '../port/encryption-keys.ts'
import { type KeyedBox, type SecretBox, headerOf, secretBox } from '../secret-box.ts'
import type { Store } from '../store.ts'
import { type Database, type Queries, type Row, lockOf } from './database.ts'
import type { Notices } from './notices.ts'
import { type SealedTable, sealedTables } from './sealed-columns.ts'
import { type Sql, joined, raw, sql } from './sql.ts'

type EncryptionKeyMethods =
  'listEncryptionKeys' | 'offerEncryptionKey' | 'sealWith' | 'resealSecrets' | 'forgetEncryptionKeys'

/** The keys that this process was given. */
export class KeyRing {
  readonly #given: Uint8Array | GivenKeys
  readonly #box: KeyedBox

  /** @throws {PosthornError} `bad_key`: a key that has not 32 bytes. */
  constructor(given: Uint8Array | GivenKeys) {
    this.#given = given
    this.#box = secretBox(given)
  }

  /** @throws {PosthornError} `bad_key`: sealed with a key that is not here, or changed since. */
  open(sealed: Uint8Array): string {
    return this.#box.open(sealed)
  }

  has(id: string): boolean {
    return this.#box.has(id)
  }

  preferred(): string {
    return this.#box.preferred()
  }

  /** Returns the box that seals in this transaction. A change of keys waits for the transaction, and it for that. */
  async sealer(transaction: Queries): Promise<SecretBox> {
    const row = await transaction.row(sql`SELECT id FROM encryption_key WHERE state = 'seals' FOR SHARE`)
    const id = (row?.['id'] as string | undefined) ?? null
    return secretBox(this.#given, () => id)
  }
}

/**
 * Holds the keys that were given against what is sealed: a wrong key would otherwise be noticed by the first message, and
 * fail every one. Then notes which key seals: the first that a server was given, once all nodes have it.
 *
 * @throws {PosthornError} `bad_key`.
 */
export function settleKeys(
  database: Database,
  keys: KeyRing,
  use: { readonly isServer: boolean },
): Promise<void> {
  return database.write(async (transaction) => {
    await transaction.row(lockOf(database.options.schema, 'keys'))
    const known = await listKeys(transaction)
    if (known.length === 0) await openOneOfEach(transaction, keys)
    requireKeys(known, keys)
    const preferred = keys.preferred()
    if (known.length === 0 || (use.isServer && (await haveAllNodes(transaction, preferred)))) {
      await switchTo(transaction, preferred)
    } else if (use.isServer) {
      await offer(transaction, preferred)
    }
  })
}

/** Returns the ids of the known keys that this process has, for its node to tell. */
export async function heldKeyIds(database: Database, keys: KeyRing): Promise<string[]> {
  const known = await listKeys(database)
  return known.filter(({ id }) => keys.has(id)).map(({ id }) => id)
}

/** The methods on keys. */
export function encryptionKeyMethods(
  database: Database,
  notices: Notices,
  keys: KeyRing,
): Pick<Store, EncryptionKeyMethods> {
  return {
    listEncryptionKeys: () => listKeys(database),

    offerEncryptionKey: (id) => notices.writeTold(null, (transaction) => offer(transaction, id)),

    async sealWith(id) {
      if (!keys.has(id)) {
        throw new PosthornError('bad_key', `The encryption key ${id} is not among those given`)
      }
      return database.write(async (transaction) => {
        await transaction.row(lockOf(database.options.schema, 'keys'))
        const state = (await listKeys(transaction)).find((key) => key.id === id)?.state
        const isTaken = state === 'seals' || state === 'opens'
        if (!isTaken && !(await haveAllNodes(transaction, id))) return false
        await switchTo(transaction, id)
        return true
      })
    },

    resealSecrets: (after, limit) =>
      database.write(async (transaction) => {
        const tables = await sealedTables(transaction)
        const [at, ...keyBefore] = (after === null ? [0] : JSON.parse(after)) as [number, ...unknown[]]
        const sealed = tables[at]
        if (sealed === undefined) return { resealed: 0, next: null }
        const box = await keys.sealer(transaction)
        const header = headerOf((await sealingKeyId(transaction)) ?? keys.preferred())

        const rows = await transaction.rows(rowsBeyond(sealed, keyBefore, limit))
        let resealed = 0
        for (const row of rows) if (await reseal(transaction, sealed, row, { box, header })) resealed += 1

        const last = rows.at(-1)
        if (rows.length === limit && last !== undefined) {
          return { resealed, next: JSON.stringify([at, ...sealed.key.map((column) => last[column])]) }
        }
        return { resealed, next: at + 1 < tables.length ? JSON.stringify([at + 1]) : null }
      }),

    forgetEncryptionKeys: () =>
      database.write(async (transaction) => {
        // Who seals holds the row of the key: with this lock, nobody is sealing with another one.
        await transaction.rows(sql`SELECT id FROM encryption_key ORDER BY id FOR UPDATE`)
        const id = await sealingKeyId(transaction)
        if (id === null) return null
        const header = headerOf(id)
        for (const { table, columns } of await sealedTables(transaction)) {
          for (const column of columns) {
            const left = await transaction.row(
              sql`SELECT 1 FROM ${raw(table)} WHERE substr(${raw(column)}, 1, ${header.length}) <> ${header} LIMIT 1`,
            )
            if (left !== undefined) return null
          }
        }
        const rows = await transaction.rows(sql`DELETE FROM encryption_key WHERE id <> ${id} RETURNING id`)
        return rows.map((row) => row['id'] as string)
      }),
  }
}

function rowsBeyond({ table, key, columns }: SealedTable, keyBefore: readonly unknown[], limit: number): Sql {
  const names = raw(key.join(', '))
  const values = joined(
    keyBefore.map((value) => sql`${value}::text`),
    ', ',
  )
  const beyond = keyBefore.length === 0 ? raw('') : sql`WHERE (${names}) > (${values})`
  return sql`SELECT ${raw([...key, ...columns].join(', '))} FROM ${raw(table)} ${beyond}
    ORDER BY ${names} LIMIT ${limit} FOR UPDATE`
}

async function reseal(
  transaction: Queries,
  { table, key, columns }: SealedTable,
  row: Row,
  { box, header }: { readonly box: SecretBox; readonly header: Uint8Array },
): Promise<boolean> {
  const old = columns.filter((column) => {
    const sealed = row[column]
    return sealed instanceof Uint8Array && !header.every((byte, i) => sealed[i] === byte)
  })
  if (old.length === 0) return false
  const set = old.map((column) => sql`${raw(column)} = ${box.seal(box.open(row[column] as Uint8Array))}`)
  const where = key.map((column) => sql`${raw(column)} = ${row[column]}`)
  await transaction.change(sql`UPDATE ${raw(table)} SET ${joined(set, ', ')} WHERE ${joined(where, ' AND ')}`)
  return true
}

async function listKeys(queries: Queries): Promise<EncryptionKey[]> {
  return (await queries.rows(
    sql`SELECT id, state FROM encryption_key ORDER BY id`,
  )) as unknown as EncryptionKey[]
}

/** Returns the id of the key that seals; `null` in a database that was never told. */
export async function sealingKeyId(queries: Queries): Promise<string | null> {
  const row = await queries.row(sql`SELECT id FROM encryption_key WHERE state = 'seals'`)
  return (row?.['id'] as string | undefined) ?? null
}

async function offer(transaction: Queries, id: string): Promise<void> {
  await transaction.change(
    sql`INSERT INTO encryption_key (id, state) VALUES (${id}, 'offered') ON CONFLICT DO NOTHING`,
  )
}

async function switchTo(transaction: Queries, id: string): Promise<void> {
  await transaction.change(
    sql`UPDATE encryption_key SET state = 'opens' WHERE state = 'seals' AND id <> ${id}`,
  )
  await transaction.change(
    sql`INSERT INTO encryption_key (id, state) VALUES (${id}, 'seals')
        ON CONFLICT (id) DO UPDATE SET state = excluded.state WHERE encryption_key.state <> excluded.state`,
  )
}

async function haveAllNodes(queries: Queries, id: string): Promise<boolean> {
  const row = await queries.row(sql`SELECT 1 FROM node WHERE NOT key_ids @> ARRAY[${id}::text] LIMIT 1`)
  return row === undefined
}

/** A key that is only offered has sealed nothing yet. */
function requireKeys(known: readonly EncryptionKey[], keys: KeyRing): void {
  const missing = known.find(({ id, state }) => state !== 'offered' && !keys.has(id))
  if (missing === undefined) return
  throw new PosthornError(
    'bad_key',
    `The database has secrets that the encryption key ${missing.id} has sealed, and that key is missing`,
    {
      hint: 'Give it again, beside any newer one: a line of the key file, or in POSTHORN_ENCRYPTION_KEY after a comma',
    },
  )
}

/** In a database that was never told of a key, only trying tells. */
async function openOneOfEach(queries: Queries, keys: KeyRing): Promise<void> {
  for (const { table, columns } of await sealedTables(queries)) {
    for (const column of columns) {
      const row = await queries.row(
        sql`SELECT ${raw(column)} AS sealed FROM ${raw(table)} WHERE ${raw(column)} IS NOT NULL LIMIT 1`,
      )
      if (row !== undefined) keys.open(row['sealed'] as Uint8Array)
    }
  }
}
