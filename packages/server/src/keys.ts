/** The encryption keys of an installation: from a file that its first start makes, or from the environment. @module */

import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

import { PosthornError } from './domain/errors.ts'
import type { Options } from './options.ts'
import { type GivenKeys, KEY_BYTES, readKeyFile, showKeys } from './storage/key-ring.ts'

/** Where keys come from. */
export type KeyOptions = Pick<Options, 'data'> &
  Partial<Pick<Options, 'encryptionKeys' | 'encryptionKeyFile'>>

/** The keys, and where the first of them is from. */
export interface Keys extends GivenKeys {
  /** The path of the file, or the name of the variable. */
  readonly from: string
  /** Whether the file was made just now. */
  readonly isNew: boolean
}

/** Returns a new key. */
export function newEncryptionKey(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_BYTES))
}

/** Returns the file that holds the keys, where the environment does not. */
export function keyFileOf({ data, encryptionKeyFile }: KeyOptions): string {
  return encryptionKeyFile ?? join(data, 'encryption.key')
}

/**
 * Returns the keys: those of `POSTHORN_ENCRYPTION_KEY`, behind which those of the file open too; or those of the file, which
 * is made where it is not there: 32 bytes, as base64 in a file of mode 0600.
 *
 * @param databasePath - A database that is there without its key is never given a new one: its secrets would be lost. `null`
 *   for one that is elsewhere.
 * @throws {PosthornError} `bad_key`.
 */
export function readEncryptionKeys(options: KeyOptions, databasePath: string | null): Keys {
  const path = keyFileOf(options)
  const { encryptionKeys = null } = options
  if (encryptionKeys !== null) {
    const older = existsSync(path) ? readKeyFile(path) : []
    return { keys: [...encryptionKeys, ...older], file: null, from: 'POSTHORN_ENCRYPTION_KEY', isNew: false }
  }
  const isNew = !existsSync(path)
  if (isNew) {
    if (databasePath !== null && existsSync(databasePath)) {
      throw new PosthornError('bad_key', `The encryption key ${path} is missing`, {
        hint: `Put it back, or set POSTHORN_ENCRYPTION_KEY: without it the endpoint secrets in ${databasePath} cannot be read`,
      })
    }
    makeKeyFile(path)
  }
  return { keys: readKeyFile(path), file: path, from: path, isNew }
}

/**
 * Replaces the keys of a file, all at once: whoever reads it meanwhile, or after a crash, finds the old or the new ones.
 *
 * @throws {PosthornError} `bad_key`: it cannot be written.
 */
export function writeKeyFile(path: string, keys: readonly Uint8Array[]): void {
  const next = `${path}.new`
  try {
    const file = openSync(next, 'w', 0o600)
    try {
      writeSync(file, showKeys(keys))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(next, path)
    syncFolder(dirname(path))
  } catch (cause) {
    throw new PosthornError(
      'bad_key',
      `The key file ${path} cannot be written: ${(cause as Error).message}`,
      {
        hint: 'Run this as the user that owns the file and its folder',
        cause,
      },
    )
  }
}

function makeKeyFile(path: string): void {
  try {
    // wx: of two processes that start at once, one makes the key, and the other reads it.
    writeFileSync(path, showKeys([newEncryptionKey()]), { mode: 0o600, flag: 'wx', flush: true })
  } catch (cause) {
    if (existsSync(path)) return waitForText(path)
    throw new PosthornError('bad_key', `The key file ${path} cannot be made: ${(cause as Error).message}`, {
      hint: 'Its folder must be there, and be writable',
      cause,
    })
  }
}

/** The other process has made the file, and may not have written it yet. */
function waitForText(path: string): void {
  for (let tries = 0; tries < 100 && readFileSync(path, 'utf8') === ''; tries++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  }
}

/** Without it a crash of the machine may undo the renaming. */
function syncFolder(path: string): void {
  // Windows does not open folders.
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
