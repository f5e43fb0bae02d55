/** Signing, for tests, examples and small senders. @module */

import { encodeBase64, type Bytes } from './base64.ts'
import { rawBytes, type RawBody } from './body.ts'
import { importPrivateKey, signEd25519 } from './ed25519.ts'
import { WebhookSecretError } from './error.ts'
import { importHmacKey, signHmac } from './hmac.ts'
import { parseSecret, parseSecrets, type ParsedSecret } from './secret.ts'
import { signedContent } from './signed-content.ts'

/** A message to sign. */
export interface SignableMessage {
  /** The message's id: the same on every attempt. No `.`, white space or control character. */
  readonly id: string
  /** The time of this attempt in Unix seconds. */
  readonly timestamp: number
  /** The bytes that are sent. A text is taken as UTF-8. */
  readonly body: RawBody
}

/** The three headers of a signed request. */
export type WebhookHeaders = Readonly<
  Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>
>

/**
 * Signs a message with one secret: `v1,…` for `whsec_`, `v1a,…` for `whsk_`. The key is imported on each
 * call.
 *
 * Source: Standard Webhooks 1.0.0, "Signature scheme".
 *
 * @throws {WebhookSecretError} The secret is malformed, a public key, or a private key whose halves do not
 *   match.
 * @throws {RangeError} The id or the timestamp cannot be signed.
 * @throws {TypeError} The body is neither bytes nor text.
 */
export async function sign(secret: string, message: SignableMessage): Promise<string> {
  return signContent(parseSecret(secret), contentOf(message))
}

/**
 * Signs a message with each secret and returns its three headers. Signing with the old and the new secret at
 * once is how a rotation has no gap.
 *
 * Source: Standard Webhooks 1.0.0, "Webhook headers (sending metadata to consumers)".
 *
 * @throws {WebhookSecretError} There is no secret, or `sign` refuses one.
 * @throws {RangeError} The id or the timestamp cannot be signed.
 * @throws {TypeError} The body is neither bytes nor text.
 */
export async function signHeaders(
  secrets: string | readonly string[],
  message: SignableMessage,
): Promise<WebhookHeaders> {
  const content = contentOf(message)
  const signatures = await Promise.all(parseSecrets(secrets).map((secret) => signContent(secret, content)))
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': signatures.join(' '),
  }
}

function contentOf(message: SignableMessage): Bytes {
  const body = rawBytes(message.body)
  if (body === null) throw new TypeError('bad body: pass the bytes or the text that is sent')
  return signedContent(message.id, message.timestamp, body).content
}

async function signContent(secret: ParsedSecret, content: Bytes): Promise<string> {
  if (secret.version === 'v1a-public') throw new WebhookSecretError('secret_public')
  if (secret.version === 'v1') {
    return `v1,${encodeBase64(await signHmac(await importHmacKey(secret.key), content))}`
  }
  const key = await importPrivateKey(secret.seed, secret.publicKey)
  return `v1a,${encodeBase64(await signEd25519(key, content))}`
}
