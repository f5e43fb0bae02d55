/** Opens the embedded database file, safely and up to date. @module */

import { DatabaseSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import { MIGRATIONS } from './migrations.ts'

/** How long one process waits for the write lock of another, such as the CLI beside the server: milliseconds. */
const BUSY_TIMEOUT_MS = 10_000

const SQLITE_BUSY = 5

/** Pages in the write-ahead log before a commit copies them back: 16 MiB. Fewer, and hot pages are copied more often. */
const CHECKPOINT_PAGES = 4_000

/**
 * Opens the file, made if it is not there, and brings its schema up to date.
 *
 * @throws {PosthornError} `data_unreadable`: not a database, not accessible, or from a newer Posthorn.
 */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: false })
    // FULL: a commit returns only after fsync. With WAL that is one fsync a transaction.
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA cache_size = -65536;
      PRAGMA temp_store = MEMORY;
    `)
    migrate(database)
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof PosthornError) throw cause
    throw unreadable(path, cause)
  }
}

/**
 * Claims the data folder for this process until it ends, however it ends, and returns the claim.
 *
 * The claim is the operating system's lock on a database beside the real one, so no stale file can outlive its owner,
 * and readers and the CLI still get at the data.
 *
 * @throws {PosthornError} `data_in_use`; `data_unreadable`: the folder is not there or not writable.
 */
export function claimFolder(path: string): DatabaseSync {
  return claim(path, `${path}.lock`, {
    taken: `Another Posthorn is running on ${path}`,
    hint: 'Stop it first, or give this one a folder of its own with --data',
  })
}

/**
 * Claims the changing of keys in the same way, beside a server that runs: of two that change them at once, one would drop the
 * other's new key.
 *
 * @throws {PosthornError} `data_in_use`, `data_unreadable`.
 */
export function claimKeyChange(path: string): DatabaseSync {
  return claim(path, `${path}.keys.lock`, {
    taken: `The keys of ${path} are being changed already`,
    hint: 'Wait until the other "posthorn keys rotate" has ended',
  })
}

function claim(path: string, lockPath: string, refusal: { taken: string; hint: string }): DatabaseSync {
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(lockPath, { timeout: 0 })
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock?.close()
    if (!isBusy(cause)) throw unreadable(path, cause)
    throw new PosthornError('data_in_use', refusal.taken, { hint: refusal.hint, cause })
  }
}

/** Tells whether another process has claimed the folder. @throws {PosthornError} `data_unreadable`. */
export function isClaimed(path: string): boolean {
  try {
    claimFolder(path).close()
    return false
  } catch (error) {
    if (error instanceof PosthornError && error.code === 'data_in_use') return true
    throw error
  }
}

function migrate(database: DatabaseSync): void {
  // IMMEDIATE takes the write lock before the version is read, so two processes cannot both run a step.
  database.exec('BEGIN IMMEDIATE')
  try {
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
      user_version: number
    }
    if (version > MIGRATIONS.length) {
      throw new PosthornError('data_unreadable', `The database is of a newer Posthorn (schema ${version})`, {
        hint: `This one knows schemas up to ${MIGRATIONS.length}: upgrade it`,
      })
    }
    // To write the same version again would be a commit, of which every other connection is told.
    if (version < MIGRATIONS.length) {
      for (const step of MIGRATIONS.slice(version)) database.exec(step)
      database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
    }
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

function unreadable(path: string, cause: unknown): PosthornError {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new PosthornError('data_unreadable', `Cannot open the database ${path}: ${said}`, {
    hint: 'The folder must exist and be writable, and the file must be a database that Posthorn made',
    cause,
  })
}

/** Tells whether another connection holds the lock. Source: https://sqlite.org/rescode.html#busy */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}
