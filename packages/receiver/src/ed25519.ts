/** The keys of `v1a`, as Web Crypto takes them. @module */

import { decodeBase64, encodeBase64, type Bytes } from './base64.ts'
import { equalBytes } from './equal-bytes.ts'
import { WebhookSecretError } from './error.ts'

/** The DER that stands before the 32 bytes of a seed in PKCS #8. Source: RFC 8410, section 7. */
const PKCS8_HEADER = [
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]

/** Imports a public key of 32 bytes. */
export function importPublicKey(publicKey: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify'])
}

/**
 * Imports a seed of 32 bytes to sign with.
 *
 * @throws {WebhookSecretError} `secret_mismatch`: `publicKey` is not the seed's. No receiver could verify the
 *   signatures.
 */
export async function importPrivateKey(seed: Bytes, publicKey: Bytes): Promise<CryptoKey> {
  const key = await importSeed(seed)
  if (!equalBytes(await derivePublicKey(key), publicKey)) throw new WebhookSecretError('secret_mismatch')
  return key
}

/** Returns the signature of `content`: 64 bytes. */
export async function signEd25519(key: CryptoKey, content: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign('Ed25519', key, content))
}

/** Tells whether `signature` is the one of `content`. */
export function verifyEd25519(key: CryptoKey, signature: Bytes, content: Bytes): Promise<boolean> {
  return crypto.subtle.verify('Ed25519', key, signature, content)
}

/**
 * Returns a new key pair for `v1a`: the sender signs with `whsk_…` (seed and public key, 64 bytes), receivers
 * verify with `whpk_…` (32 bytes).
 *
 * Source: Standard Webhooks 1.0.0, "Signature scheme"; RFC 8032, section 5.1.5 (a private key is 32 random
 * bytes).
 */
export async function generateKeyPair(): Promise<{ privateKey: string; publicKey: string }> {
  const seed = crypto.getRandomValues(new Uint8Array(32))
  const publicKey = await derivePublicKey(await importSeed(seed))
  return {
    privateKey: `whsk_${encodeBase64(Uint8Array.of(...seed, ...publicKey))}`,
    publicKey: `whpk_${encodeBase64(publicKey)}`,
  }
}

function importSeed(seed: Bytes): Promise<CryptoKey> {
  const pkcs8 = Uint8Array.of(...PKCS8_HEADER, ...seed)
  return crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign'])
}

// Through JWK, the only format in which Web Crypto tells a private key's public half. Source: RFC 8037,
// section 2.
async function derivePublicKey(key: CryptoKey): Promise<Bytes> {
  const { x = '' } = await crypto.subtle.exportKey('jwk', key)
  const publicKey = decodeBase64(`${x.replaceAll('-', '+').replaceAll('_', '/')}=`)
  if (publicKey === null) throw new TypeError('the runtime exports Ed25519 keys without their public half')
  return publicKey
}
