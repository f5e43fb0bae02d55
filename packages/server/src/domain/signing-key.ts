/** The server's own signing keys: Ed25519, whose public halves anyone may have. @module */

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'

/** The DER that stands before the 32 bytes of a seed in PKCS #8. Source: RFC 8410, section 7. */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex')

const SEED_BYTES = 32

/** Keys that may sign at the same time, the newest included. */
export const MAX_SIGNING_KEYS = 10

/** A key pair that the server signs with. */
export interface SigningKey {
  /** The thumbprint of its public half: the `kid` of the JWK. Source: RFC 7638. */
  readonly id: string
  /** `whsk_…`: seed and public half. Encrypted at rest, and shown to nobody. */
  readonly privateKey: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  /** When it signs no more; `null` for the one that was not replaced yet. */
  readonly expiresAt: number | null
}

/** The half that anyone may have. */
export interface PublicSigningKey extends Pick<SigningKey, 'id' | 'createdAt' | 'expiresAt'> {
  /** As receivers of Standard Webhooks take it: `whpk_…`. */
  readonly publicKey: string
}

/** Makes a key pair. */
export function newSigningKey(now: number): SigningKey {
  const seed = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' })
  const privateKey = privateKeyOf(seed.subarray(-SEED_BYTES))
  return { id: signingKeyId(privateKey), privateKey, createdAt: now, expiresAt: null }
}

/** Returns what of a key anyone may have. */
export function publicHalf({ id, privateKey, createdAt, expiresAt }: SigningKey): PublicSigningKey {
  return { id, publicKey: publicKeyOf(privateKey), createdAt, expiresAt }
}

/** Returns the `whpk_…` of a `whsk_…`. */
export function publicKeyOf(privateKey: string): string {
  return `whpk_${bytesOf(privateKey).subarray(SEED_BYTES).toString('base64')}`
}

/** Tells whether the two halves of a `whsk_…` belong together: otherwise no receiver could verify what it signs. */
export function areHalvesOfOne(privateKey: string): boolean {
  return privateKeyOf(bytesOf(privateKey).subarray(0, SEED_BYTES)) === privateKey
}

/** Returns the id of a `whsk_…`: the base64url of SHA-256 over its JWK. Source: RFC 7638; RFC 8037, section 2. */
export function signingKeyId(privateKey: string): string {
  const x = bytesOf(privateKey).subarray(SEED_BYTES).toString('base64url')
  return createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url')
}

/** Returns the PKCS #8 of a seed of 32 bytes, which is what Node.js signs with. */
export function pkcs8Of(seed: Uint8Array): Buffer {
  return Buffer.concat([PKCS8_HEADER, seed])
}

function privateKeyOf(seed: Uint8Array): string {
  const key = createPrivateKey({ key: pkcs8Of(seed), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  return `whsk_${Buffer.concat([seed, Buffer.from(x, 'base64url')]).toString('base64')}`
}

function bytesOf(privateKey: string): Buffer {
  return Buffer.from(privateKey.slice('whsk_'.length), 'base64')
}
