/** The keys of `v1`, as Web Crypto takes them. @module */

import type { Bytes } from './base64.ts'

/** Imports the bytes of a shared secret. */
export function importHmacKey(key: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}

/** Returns the HMAC-SHA256 of `content`: 32 bytes. */
export async function signHmac(key: CryptoKey, content: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, content))
}
