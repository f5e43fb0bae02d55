/** Encrypts secrets at rest. @module */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

import { PosthornError } from '../domain/errors.ts'

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** First byte of a sealed secret, so that a later form can be told apart. */
const FORM = 1

/** Seals secrets for storage and opens them again. */
export interface SecretBox {
  seal(secret: string): Uint8Array
  /** @throws {PosthornError} `bad_key`: sealed with another key, or changed since. */
  open(sealed: Uint8Array): string
}

/**
 * Returns a box that seals by AES-256-GCM with a fresh 96-bit nonce each time: form, nonce, tag, ciphertext.
 *
 * @param key - 32 bytes.
 * @throws {PosthornError} `bad_key`: another length.
 */
export function secretBox(key: Uint8Array): SecretBox {
  if (key.length !== KEY_BYTES) {
    throw new PosthornError('bad_key', `The encryption key has ${key.length} bytes`, {
      hint: `It must have ${KEY_BYTES}`,
    })
  }
  return {
    seal(secret) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, key, nonce)
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return new Uint8Array(Buffer.concat([Buffer.of(FORM), nonce, cipher.getAuthTag(), text]))
    },
    open(sealed) {
      try {
        if (sealed[0] !== FORM) throw new Error(`unknown form ${sealed[0]}`)
        const tagAt = 1 + NONCE_BYTES
        const textAt = tagAt + TAG_BYTES
        const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(1, tagAt))
        decipher.setAuthTag(sealed.subarray(tagAt, textAt))
        return Buffer.concat([decipher.update(sealed.subarray(textAt)), decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new PosthornError('bad_key', 'A stored secret does not open with this encryption key', {
          hint: 'Start with the key that this database was made with',
          cause,
        })
      }
    },
  }
}
