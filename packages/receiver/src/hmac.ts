/** HMAC keys: by Web Crypto, and in this thread where that is faster. @module */

import type { Bytes } from './base64.ts'
import { once } from './once.ts'
import { hmacSha256 } from './sha256.ts'

/** The hashes that senders use. SHA-1 is weak as a hash and still sound in an HMAC. */
export type HmacHash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'

/**
 * Up to this much content is hashed in this thread, and more by Web Crypto. On Node.js 26 the way to Web Crypto and back
 * takes 25 to 60 µs when one request comes at a time, and 1 kB here takes 6: at 4 kB they are about level, and whatever is
 * longer should not hold up other requests.
 */
const MAX_BYTES_HERE = 4_096

/** Imports the bytes of a shared secret. Default hash: SHA-256. */
export function importHmacKey(key: Bytes, hash: HmacHash = 'SHA-256'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key, { name: 'HMAC', hash }, false, ['sign'])
}

/** Returns the HMAC of `content`: 32 bytes with SHA-256. */
export async function signHmac(key: CryptoKey, content: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, content))
}

/** Makes the HMAC of one key. Whatever it prepares, it prepares at the first use and once. */
export function hmacOf(key: Bytes, hash: HmacHash = 'SHA-256'): (content: Bytes) => Bytes | Promise<Bytes> {
  const imported = once(() => importHmacKey(key, hash))
  let here: ((content: Uint8Array) => Bytes) | undefined
  return (content) => {
    if (hash === 'SHA-256' && content.length <= MAX_BYTES_HERE) return (here ??= hmacSha256(key))(content)
    return imported().then((cryptoKey) => signHmac(cryptoKey, content))
  }
}
