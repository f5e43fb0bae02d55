/** Encrypts secrets at rest. @module */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

import { PosthornError } from '../domain/errors.ts'
import { type GivenKeys, KEY_BYTES, keyIdOf, readKeyFile } from './key-ring.ts'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** First byte of a sealed secret. The first form named no key. */
const FORM = 2
const FORM_WITHOUT_ID = 1

/** Form and key id, with which what is sealed by a key begins. */
const HEADER_BYTES = 5

/** Seals secrets for storage and opens them again. */
export interface SecretBox {
  seal(secret: string): Uint8Array
  /** @throws {PosthornError} `bad_key`: sealed with a key that is not here, or changed since. */
  open(sealed: Uint8Array): string
}

/** What opens sealed values. */
export type Opener = Pick<SecretBox, 'open'>

/** A box, and what keys it has. */
export interface KeyedBox extends SecretBox {
  /** Tells whether it has the key with this id; looks into the file of the keys where it knows it not. */
  has(keyId: string): boolean
  /** Returns the id of the key that its owner wants to seal with: the first, as the file is now. */
  preferred(): string
}

/**
 * Returns a box that seals by AES-256-GCM with a fresh 96-bit nonce each time: form, key id, nonce, tag, ciphertext; the
 * form and the id are authenticated.
 *
 * @param given - One key, or several: all open.
 * @param sealingId - Returns the id of the key that seals now; `null` for the first.
 * @throws {PosthornError} `bad_key`: a key that has not 32 bytes.
 */
export function secretBox(
  given: Uint8Array | GivenKeys,
  sealingId: () => string | null = () => null,
): KeyedBox {
  const { keys: first, file } = given instanceof Uint8Array ? { keys: [given], file: null } : given
  const keys = new Map<string, Uint8Array>()
  let preferredId = take(first)

  function take(some: readonly Uint8Array[]): string {
    for (const key of some) {
      if (key.length !== KEY_BYTES) {
        throw new PosthornError('bad_key', `The encryption key has ${key.length} bytes`, {
          hint: `It must have ${KEY_BYTES}`,
        })
      }
      keys.set(keyIdOf(key), key)
    }
    if (some[0] === undefined) throw new PosthornError('bad_key', 'There is no encryption key')
    return keyIdOf(some[0])
  }

  function reread(): void {
    if (file !== null) preferredId = take(readKeyFile(file))
  }

  function find(id: string): Uint8Array {
    if (!keys.has(id)) reread()
    const key = keys.get(id)
    if (key !== undefined) return key
    throw new PosthornError(
      'bad_key',
      `A stored secret was sealed with the encryption key ${id}, which is missing`,
      {
        hint: `Give that key beside ${[...keys.keys()].join(', ')}, or start with the key that this database was made with`,
      },
    )
  }

  return {
    seal(secret) {
      const id = sealingId() ?? preferredId
      const header = headerOf(id)
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, find(id), nonce).setAAD(header)
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return new Uint8Array(Buffer.concat([header, nonce, cipher.getAuthTag(), text]))
    },
    open(sealed) {
      if (sealed[0] === FORM) {
        const header = sealed.subarray(0, HEADER_BYTES)
        return decrypt(find(idOf(header)), sealed.subarray(HEADER_BYTES), header)
      }
      if (sealed[0] === FORM_WITHOUT_ID) return openWithAny([...keys.values()], sealed.subarray(1))
      throw doesNotOpen(new Error(`unknown form ${sealed[0]}`))
    },
    has(id) {
      if (!keys.has(id)) reread()
      return keys.has(id)
    },
    preferred() {
      reread()
      return preferredId
    },
  }
}

/** Returns what everything begins with that the key with this id has sealed. */
export function headerOf(keyId: string): Uint8Array {
  return new Uint8Array([FORM, ...Buffer.from(keyId, 'hex')])
}

/** Tells whether a value was sealed by the key with this header. */
export function isSealedBy(sealed: Uint8Array, header: Uint8Array): boolean {
  return header.every((byte, i) => sealed[i] === byte)
}

function idOf(header: Uint8Array): string {
  return Buffer.from(header.subarray(1)).toString('hex')
}

function openWithAny(keys: readonly Uint8Array[], sealed: Uint8Array): string {
  let fault: unknown
  for (const key of keys) {
    try {
      return decrypt(key, sealed, null)
    } catch (error) {
      fault = error
    }
  }
  throw fault
}

function decrypt(key: Uint8Array, sealed: Uint8Array, header: Uint8Array | null): string {
  try {
    const textAt = NONCE_BYTES + TAG_BYTES
    const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES))
    if (header !== null) decipher.setAAD(header)
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, textAt))
    return Buffer.concat([decipher.update(sealed.subarray(textAt)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw doesNotOpen(cause)
  }
}

function doesNotOpen(cause: unknown): PosthornError {
  return new PosthornError('bad_key', 'A stored secret does not open with this encryption key', {
    hint: 'Start with the key that this database was made with',
    cause,
  })
}
