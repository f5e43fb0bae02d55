/** HMAC keys, as Web Crypto takes them. @module */

import type { Bytes } from './base64.ts'

/** The hashes that senders use. SHA-1 is weak as a hash and still sound in an HMAC. */
export type HmacHash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'

/** Imports the bytes of a shared secret. Default hash: SHA-256. */
export function importHmacKey(key: Bytes, hash: HmacHash = 'SHA-256'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key, { name: 'HMAC', hash }, false, ['sign'])
}

/** Returns the HMAC of `content`: 32 bytes with SHA-256. */
export async function signHmac(key: CryptoKey, content: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, content))
}
