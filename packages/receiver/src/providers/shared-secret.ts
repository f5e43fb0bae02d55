/** The secrets of providers: any text, used as its UTF-8, or hexadecimal. @module */

import { concatBytes, decodeHex, sha256 } from '../bytes.ts'
import type { Bytes } from '../base64.ts'
import { equalBytes } from '../equal-bytes.ts'
import { WebhookSecretError } from '../error.ts'
import { hmacOf, type HmacHash } from '../hmac.ts'
import { PROVIDER_SECRET_HINTS } from '../provider-codes.ts'

/** The secrets of a provider. */
export interface SecretOptions {
  /** One or several, as the provider shows them. During a rotation, the old and the new one. */
  readonly secrets: string | readonly string[]
}

/** Configured HMAC keys. */
export interface HmacKeys {
  /** Tells whether any key's HMAC of `content` is one of `signatures`. */
  matchAny(content: Bytes, signatures: readonly Bytes[]): Promise<boolean>
  /** Returns the HMAC of `content` with the first key. */
  sign(content: Bytes): Promise<Bytes>
}

/**
 * Returns the texts of one or several secrets.
 *
 * @throws {WebhookSecretError} There is none, or one is empty or has white space around it.
 */
export function secretTexts(secrets: string | readonly string[]): string[] {
  const texts = [secrets].flat()
  if (texts.length === 0) throw new WebhookSecretError('secret_missing')
  for (const text of texts) {
    if (typeof text !== 'string' || text === '') throw new WebhookSecretError('secret_missing')
    if (text.trim() !== text) throw new WebhookSecretError('secret_whitespace')
  }
  return texts
}

/**
 * Makes keys that are imported at their first use, and once.
 *
 * @throws {WebhookSecretError} As `secretTexts`; `secret_hex` if the key is not what `encoding` says.
 */
export function hmacKeys(
  secrets: string | readonly string[],
  hash: HmacHash = 'SHA-256',
  encoding: 'text' | 'hex' = 'text',
): HmacKeys {
  const [first, ...rest] = secretTexts(secrets)
    .map((text) => (encoding === 'hex' ? hexKey(text) : new TextEncoder().encode(text)))
    .map((bytes) => hmacOf(bytes, hash))
  if (first === undefined) throw new WebhookSecretError('secret_missing')
  return {
    async matchAny(content, signatures) {
      if (signatures.length === 0) return false
      for (const hmac of [first, ...rest]) {
        // Computed once per key and compared with each: a stranger's list of signatures costs no hashing.
        const expected = await hmac(content)
        if (signatures.some((signature) => equalBytes(expected, signature))) return true
      }
      return false
    },
    sign: async (content) => first(content),
  }
}

/**
 * Tells whether two texts are equal, in a time that depends on neither: their hashes are compared, as a
 * comparison tells the length of what it compares.
 */
export async function equalTexts(a: string, b: string): Promise<boolean> {
  return equalBytes(await sha256(concatBytes([a])), await sha256(concatBytes([b])))
}

function hexKey(text: string): Bytes {
  const bytes = decodeHex(text.toLowerCase())
  if (bytes === null) throw new WebhookSecretError('secret_hex', PROVIDER_SECRET_HINTS.secret_hex)
  return bytes
}
