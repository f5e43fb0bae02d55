/** Signs deliveries by Standard Webhooks. @module */

import { type KeyObject, createHmac, createSecretKey } from 'node:crypto'

import { parseSecret, signedPrefix } from '@posthorn/receiver'

/** Makes the headers that identify and sign one attempt. */
export type Signer = (messageId: string, at: number, body: Uint8Array) => Record<string, string>

/**
 * Returns a signer for an endpoint's secret: HMAC-SHA256 (`v1`) over `id.timestamp.body`, the bytes as they are.
 *
 * The receiver's library builds the same prefix, so that the two cannot drift apart.
 *
 * @param options.alsoSvix - Adds `svix-id`, `svix-timestamp` and `svix-signature` with the same values.
 * @throws {WebhookSecretError} The secret is not `whsec_` and base64.
 */
export function signerFor(secret: string, options: { readonly alsoSvix: boolean }): Signer {
  const parsed = parseSecret(secret)
  if (parsed.version !== 'v1') throw new RangeError(`cannot sign with a ${parsed.version} key`)
  const key: KeyObject = createSecretKey(parsed.key)

  return (messageId, at, body) => {
    const timestamp = Math.floor(at / 1_000)
    const signature = `v1,${createHmac('sha256', key)
      .update(signedPrefix(messageId, timestamp))
      .update(body)
      .digest('base64')}`
    const headers: Record<string, string> = {
      'webhook-id': messageId,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature,
    }
    if (options.alsoSvix) {
      headers['svix-id'] = messageId
      headers['svix-timestamp'] = String(timestamp)
      headers['svix-signature'] = signature
    }
    return headers
  }
}
