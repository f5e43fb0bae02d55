/** Opens the database that the options name. @module */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { PosthornError } from './domain/errors.ts'
import { type KeyOptions, type Keys, readEncryptionKeys } from './keys.ts'
import { DEFAULTS, type Options } from './options.ts'
import { claimPostgresKeys } from './storage/postgres/key-claim.ts'
import {
  type Migrator,
  type PostgresStoreOptions,
  postgresMigrator,
  postgresStore,
} from './storage/postgres/postgres-store.ts'
import { claimKeyChange } from './storage/sqlite/database.ts'
import { SqliteStore } from './storage/sqlite/sqlite-store.ts'
import type { Store } from './storage/store.ts'

/** What says where the data is. */
export type StoreOptions = KeyOptions &
  Partial<
    Pick<Options, 'database' | 'databaseSchema' | 'databasePool' | 'databaseTimeoutMs' | 'nodeTimeoutMs'>
  >

/** Names of {@link StoreOptions}, for the commands that take them. */
export const STORE_OPTIONS = [
  'data',
  'encryptionKeyFile',
  'database',
  'databaseSchema',
  'databaseTimeoutMs',
] as const satisfies readonly (keyof Options)[]

/** A store that is not yet started, and where its keys are from. */
export interface OpenedStore {
  readonly store: Store
  readonly keys: Keys
}

/**
 * Returns the store of the options, not yet started.
 *
 * @param use.isExclusive - For the server; the CLI works beside one.
 * @param use.clock - Epoch milliseconds of this machine; by default its own.
 */
export function openStore(
  options: StoreOptions,
  use: { readonly isExclusive: boolean; readonly clock?: () => number },
): OpenedStore {
  const { database = null } = options
  return database === null ? openEmbedded(options, use.isExclusive) : openPostgres(options, database, use)
}

function openEmbedded(options: StoreOptions, isExclusive: boolean): OpenedStore {
  const path = embeddedPath(options)
  const keys = readEncryptionKeys(options, path)
  return { store: new SqliteStore({ path, encryptionKey: keys, isExclusive }), keys }
}

function openPostgres(
  options: StoreOptions,
  database: URL,
  { isExclusive, clock }: { readonly isExclusive: boolean; readonly clock?: () => number },
): OpenedStore {
  const { encryptionKeys = null, encryptionKeyFile = null } = options
  // A node whose key is given needs no folder, which it may have nowhere to make.
  if (encryptionKeys === null && encryptionKeyFile === null) makeFolder(options)
  const keys = readEncryptionKeys(options, null)
  const store = postgresStore({
    ...connectionOf(options, database),
    encryptionKey: keys,
    isServer: isExclusive,
    takeOverAfterMs: options.nodeTimeoutMs ?? DEFAULTS.nodeTimeoutMs,
    ...(clock === undefined ? {} : { clock }),
  })
  const start = store.start.bind(store)
  return { store: Object.assign(store, { start: () => startWithKey(start, keys) }), keys }
}

/**
 * A key that was just made for want of one is wrong where another node made the database: left in its place it would be
 * taken for the right one next time.
 *
 * @throws {PosthornError} `bad_key`.
 */
async function startWithKey(start: () => Promise<void>, { isNew, file }: Keys): Promise<void> {
  try {
    await start()
  } catch (error) {
    if (!isNew || !(error instanceof PosthornError) || error.code !== 'bad_key') throw error
    rmSync(file!, { force: true })
    throw new PosthornError('bad_key', 'This database has its encryption key already, and it was not given', {
      hint: 'Every node needs the same one: give that of the node which made the database, as POSTHORN_ENCRYPTION_KEY or --encryption-key-file',
      cause: error,
    })
  }
}

/** Returns how PostgreSQL is reached. */
export function connectionOf(
  { databaseSchema, databasePool, databaseTimeoutMs }: Omit<StoreOptions, 'data'>,
  database: URL,
): Pick<Required<PostgresStoreOptions>, 'url' | 'schema' | 'poolSize' | 'statementTimeoutMs'> {
  return {
    url: database.href,
    schema: databaseSchema ?? DEFAULTS.databaseSchema,
    poolSize: databasePool ?? DEFAULTS.databasePool,
    statementTimeoutMs: databaseTimeoutMs ?? DEFAULTS.databaseTimeoutMs,
  }
}

/** Returns what brings the schema in PostgreSQL up to date. @throws {PosthornError} `data_unreadable`, by each call. */
export function openMigration(options: Omit<StoreOptions, 'data'>, database: URL): Migrator {
  return postgresMigrator(connectionOf(options, database))
}

/** Keeps others from changing the keys until what it returns is called. @throws {PosthornError} `data_in_use`. */
export async function claimKeys(options: StoreOptions): Promise<() => Promise<void>> {
  const { database = null } = options
  if (database !== null) return claimPostgresKeys(connectionOf(options, database))
  const claim = claimKeyChange(embeddedPath(options))
  return async () => claim.close()
}

function embeddedPath(options: KeyOptions): string {
  makeFolder(options)
  return join(options.data, 'posthorn.db')
}

function makeFolder({ data }: KeyOptions): void {
  mkdirSync(data, { recursive: true, mode: 0o700 })
}
