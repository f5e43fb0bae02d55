/** Signs deliveries by Standard Webhooks. @module */

import { type KeyObject, createHmac, createSecretKey } from 'node:crypto'

import { parseSecret, signedPrefix } from '@posthorn/receiver'

import type { Endpoint } from '../domain/endpoint.ts'

/** Makes the headers that identify and sign one attempt. */
export type Signer = (messageId: string, at: number, body: Uint8Array) => Record<string, string>

/**
 * Returns a signer for an endpoint's secrets: HMAC-SHA256 (`v1`) over `id.timestamp.body`, the bytes as they are. Its
 * secret signs, and each old one until the instant at which it expires: several signatures, the newest first.
 *
 * The receiver's library builds the same prefix, so that the two cannot drift apart.
 *
 * @param options.alsoSvix - Adds `svix-id`, `svix-timestamp` and `svix-signature` with the same values.
 * @throws {WebhookSecretError} A secret is not `whsec_` and base64.
 */
export function signerFor(
  { secret, oldSecrets }: Pick<Endpoint, 'secret' | 'oldSecrets'>,
  options: { readonly alsoSvix: boolean },
): Signer {
  const keys = [{ secret, expiresAt: Infinity }, ...oldSecrets].map((old) => ({
    key: keyOf(old.secret),
    expiresAt: old.expiresAt,
  }))

  return (messageId, at, body) => {
    const timestamp = Math.floor(at / 1_000)
    const prefix = signedPrefix(messageId, timestamp)
    let signatures = ''
    for (const { key, expiresAt } of keys) {
      if (at >= expiresAt) continue
      const signature = createHmac('sha256', key).update(prefix).update(body).digest('base64')
      signatures += `${signatures === '' ? '' : ' '}v1,${signature}`
    }
    const headers: Record<string, string> = {
      'webhook-id': messageId,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatures,
    }
    if (options.alsoSvix) {
      headers['svix-id'] = messageId
      headers['svix-timestamp'] = String(timestamp)
      headers['svix-signature'] = signatures
    }
    return headers
  }
}

function keyOf(secret: string): KeyObject {
  const parsed = parseSecret(secret)
  if (parsed.version !== 'v1') throw new RangeError(`cannot sign with a ${parsed.version} key`)
  return createSecretKey(parsed.key)
}
