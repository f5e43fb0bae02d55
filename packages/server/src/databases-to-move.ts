/** The two ends of a move, by the options of a server: the embedded database, or PostgreSQL. @module */

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { PosthornError } from './domain/errors.ts'
import { type Keys, keyFileOf, readEncryptionKeys } from './keys.ts'
import { type StoreOptions, connectionOf } from './open-store.ts'
import { keyIdOf } from './storage/key-ring.ts'
import type { MoveSource, MoveTarget } from './storage/move.ts'
import type { DatabaseOptions } from './storage/postgres/database.ts'
import { openPostgresSource } from './storage/postgres/move-source.ts'
import { openPostgresTarget } from './storage/postgres/move-target.ts'
import { openSqliteSource } from './storage/sqlite/move-source.ts'
import { openSqliteTarget } from './storage/sqlite/move-target.ts'

/** Long enough for the count of a large table. */
const STATEMENT_TIMEOUT_MS = 3_600_000

/**
 * Opens the database of these options to export it.
 *
 * @throws {PosthornError} `data_unreadable`, `bad_key`.
 */
export async function openMoveSource(options: StoreOptions): Promise<MoveSource> {
  const keys = keysOf(options)
  const { database = null } = options
  return database === null
    ? openSqliteSource(pathOf(options), keys)
    : openPostgresSource(postgresOptions(options, database), keys)
}

/**
 * Opens the database of these options to import into it.
 *
 * @param keyIds - Keys that it needs: without one of them nothing is made.
 * @throws {PosthornError} `bad_key`, `data_in_use`, `data_unreadable`.
 */
export async function openMoveTarget(options: StoreOptions, keyIds: readonly string[]): Promise<MoveTarget> {
  const keys = keysOf(options)
  const ids = new Set(keys.keys.map(keyIdOf))
  const missing = keyIds.find((id) => !ids.has(id))
  if (missing !== undefined) {
    throw new PosthornError(
      'bad_key',
      `The export has secrets that the encryption key ${missing} has sealed, and it is not in ${keys.from}`,
      {
        hint: 'Give the key of the source: alone, or behind a new one that everything is to be sealed with',
      },
    )
  }
  const { database = null } = options
  if (database !== null) return openPostgresTarget(postgresOptions(options, database), keys)
  mkdirSync(options.data, { recursive: true, mode: 0o700 })
  return openSqliteTarget(pathOf(options), keys)
}

/** None is made: a new one would open nothing. */
function keysOf(options: StoreOptions): Keys {
  const path = keyFileOf(options)
  if ((options.encryptionKeys ?? null) !== null || existsSync(path)) return readEncryptionKeys(options, path)
  throw new PosthornError(
    'bad_key',
    `There is no encryption key: neither POSTHORN_ENCRYPTION_KEY nor ${path}`,
    {
      hint: 'Give the key of the database that is moved: copy its encryption.key, or name it with --encryption-key-file',
    },
  )
}

function pathOf({ data }: StoreOptions): string {
  return join(data, 'posthorn.db')
}

function postgresOptions(options: StoreOptions, database: URL): DatabaseOptions {
  return {
    ...connectionOf(options, database),
    poolSize: 2,
    batchConnections: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    patienceMs: 10_000,
  }
}
