/** The texts of secrets and what they hold. @module */

import { decodeBase64, encodeBase64, type Bytes } from './base64.ts'
import { WebhookSecretError } from './error.ts'

/** What a secret's text holds: raw key bytes, ready for any cryptographic library. */
export type ParsedSecret =
  /** `whsec_`: the shared HMAC-SHA256 key, 24 to 64 bytes. */
  | { readonly version: 'v1'; readonly key: Bytes }
  /** `whsk_`: the sender's ed25519 key, a seed and its public key of 32 bytes each. */
  | { readonly version: 'v1a-private'; readonly seed: Bytes; readonly publicKey: Bytes }
  /** `whpk_`: the receiver's ed25519 key, 32 bytes. */
  | { readonly version: 'v1a-public'; readonly publicKey: Bytes }

const PREFIXED = /^([A-Za-z0-9]+_)(.*)$/

/** The least and the most bytes that follow each prefix. */
const BYTES: Readonly<Record<string, readonly [number, number]>> = {
  whsec_: [24, 64],
  whsk_: [64, 64],
  whpk_: [32, 32],
}

/**
 * Reads the text of a secret: `whsec_`, `whsk_` or `whpk_` and strict base64. Base64 without a prefix is a
 * `v1` key, as the Svix libraries permit. That a `whsk_` key's halves belong together is not checked here;
 * `sign` does.
 *
 * Source: Standard Webhooks 1.0.0, "Signature scheme".
 *
 * @throws {WebhookSecretError} The text is empty, has white space, is malformed, or of the wrong length.
 */
export function parseSecret(text: string): ParsedSecret {
  // Callers without types pass `undefined` when an environment variable is not set.
  if (typeof text !== 'string' || text === '') throw new WebhookSecretError('secret_missing')
  if (/\s/.test(text)) throw new WebhookSecretError('secret_whitespace')

  const [, prefix = 'whsec_', encoded = text] = PREFIXED.exec(text) ?? []
  const [minBytes, maxBytes] = BYTES[prefix] ?? []
  if (minBytes === undefined || maxBytes === undefined) throw new WebhookSecretError('secret_prefix')
  if (encoded === '') throw new WebhookSecretError('secret_missing')

  const bytes = decodeBase64(encoded)
  if (bytes === null) throw new WebhookSecretError('secret_base64')
  if (bytes.length < minBytes || bytes.length > maxBytes) throw new WebhookSecretError('secret_length')

  if (prefix === 'whsk_') {
    return { version: 'v1a-private', seed: bytes.slice(0, 32), publicKey: bytes.slice(32) }
  }
  return prefix === 'whpk_' ? { version: 'v1a-public', publicKey: bytes } : { version: 'v1', key: bytes }
}

/**
 * Reads one secret or a list of them.
 *
 * @throws {WebhookSecretError} The list is empty, or `parseSecret` refuses one.
 */
export function parseSecrets(secrets: string | readonly string[]): ParsedSecret[] {
  const texts = [secrets].flat()
  if (texts.length === 0) throw new WebhookSecretError('secret_missing')
  return texts.map(parseSecret)
}

/**
 * Returns a new shared secret: `whsec_` and 32 random bytes. Give each endpoint its own.
 *
 * Source: Standard Webhooks 1.0.0, "Signature scheme" (24 to 64 bytes from a secure generator).
 */
export function generateSecret(): string {
  return `whsec_${encodeBase64(crypto.getRandomValues(new Uint8Array(32)))}`
}
