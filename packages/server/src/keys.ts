/** The keys of an installation: made on its first start, readable by their owner alone. @module */

import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

import { PosthornError } from './domain/errors.ts'

const KEY_BYTES = 32

/**
 * Returns the key that secrets are encrypted with, made if it is not there: 32 bytes, as base64 in a file of mode 0600.
 *
 * @param databasePath - A database that is there without its key is never given a new one: its secrets would be lost.
 * @throws {PosthornError} `bad_key`.
 */
export function readEncryptionKey(path: string, databasePath: string): Uint8Array {
  if (!existsSync(path)) {
    if (existsSync(databasePath)) {
      throw new PosthornError('bad_key', `The encryption key ${path} is missing`, {
        hint: `Put it back: without it the endpoint secrets in ${databasePath} cannot be read`,
      })
    }
    try {
      // wx: of two processes that start at once, one makes the key, and the other reads it.
      writeFileSync(path, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
    } catch (error) {
      if (!existsSync(path)) throw error
    }
  }
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64')
  if (key.length !== KEY_BYTES) {
    throw new PosthornError('bad_key', `The encryption key ${path} is damaged`, {
      hint: `It must be ${KEY_BYTES} bytes in base64`,
    })
  }
  return new Uint8Array(key)
}
