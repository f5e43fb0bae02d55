/** A key that a receiver was configured with, and the one check it can do. @module */

import type { Bytes } from './base64.ts'
import { importPublicKey, verifyEd25519 } from './ed25519.ts'
import { equalBytes } from './equal-bytes.ts'
import { WebhookSecretError } from './error.ts'
import { hmacOf } from './hmac.ts'
import { once } from './once.ts'
import type { ParsedSecret } from './secret.ts'
import type { SignatureVersion } from './signature-list.ts'

/** A configured key. Which signatures it is tried on depends on its own version, never on the request. */
export interface VerificationKey {
  readonly version: SignatureVersion
  /** Tells whether one of `signatures` is this key's signature of `content`. */
  matchesAny(content: Bytes, signatures: readonly Bytes[]): Promise<boolean>
}

/**
 * Returns the key of a secret. It is imported at its first use, and once.
 *
 * @throws {WebhookSecretError} `secret_private`: the secret is a sender's.
 */
export function verificationKey(secret: ParsedSecret): VerificationKey {
  if (secret.version === 'v1a-private') throw new WebhookSecretError('secret_private')
  return secret.version === 'v1' ? sharedKey(secret.key) : publicKey(secret.publicKey)
}

function sharedKey(bytes: Bytes): VerificationKey {
  const hmac = hmacOf(bytes)
  return {
    version: 'v1',
    async matchesAny(content, signatures) {
      if (signatures.length === 0) return false
      // Not `subtle.verify`: it would hash the body again for each of up to 50 signatures, at a stranger's
      // will.
      const expected = await hmac(content)
      return signatures.some((signature) => equalBytes(expected, signature))
    },
  }
}

function publicKey(bytes: Bytes): VerificationKey {
  const imported = once(() => importPublicKey(bytes))
  return {
    version: 'v1a',
    async matchesAny(content, signatures) {
      for (const signature of signatures) {
        if (await verifyEd25519(await imported(), signature, content)) return true
      }
      return false
    },
  }
}
