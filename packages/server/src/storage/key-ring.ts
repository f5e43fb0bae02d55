/** The keys that secrets are sealed with, and how a file holds them. @module */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { PosthornError } from '../domain/errors.ts'

/** Bytes of a key: AES-256. */
export const KEY_BYTES = 32

const ID_BYTES = 4

/** Keys as a store is given them: each of its threads makes a box of its own from them. */
export interface GivenKeys {
  /** 32 bytes each. The first seals; all open. */
  readonly keys: readonly Uint8Array[]
  /** The file that they are from, to be read again when one is missing that a rotation has made since; or `null`. */
  readonly file: string | null
}

/**
 * Returns the id of a key: eight hex digits, which anyone may see. It is derived from the key, so that one key has one id
 * wherever it is.
 */
export function keyIdOf(key: Uint8Array): string {
  const hash = createHash('sha256').update('posthorn encryption key id').update(key)
  return hash.digest('hex').slice(0, 2 * ID_BYTES)
}

/** Returns the keys that a text holds, in base64 and parted by lines or commas; `null` where that is not so. */
export function parseKeys(text: string): Uint8Array[] | null {
  const keys = text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map((part) => new Uint8Array(Buffer.from(part, 'base64')))
  return keys.length > 0 && keys.every(({ length }) => length === KEY_BYTES) ? keys : null
}

/** Returns the text that {@link parseKeys} reads: a key in a line. */
export function showKeys(keys: readonly Uint8Array[]): string {
  return keys.map((key) => `${Buffer.from(key).toString('base64')}\n`).join('')
}

/** Returns the keys of a file. @throws {PosthornError} `bad_key`: not there, not readable or not keys. */
export function readKeyFile(path: string): Uint8Array[] {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new PosthornError(
      'bad_key',
      `The encryption key ${path} cannot be read: ${(cause as Error).message}`,
      {
        hint: 'Put it back, or name another with --encryption-key-file',
        cause,
      },
    )
  }
  const keys = parseKeys(text)
  if (keys !== null) return keys
  throw new PosthornError('bad_key', `The encryption key ${path} is damaged`, {
    hint: `It must be ${KEY_BYTES} bytes in base64; several keys have a line each`,
  })
}
