/** Auth0's log streams and Okta's event hooks (a secret in `Authorization`), and WorkOS. @module */

import type { Scheme } from '../scheme.ts'
import { jsonAnswer, MAX_CHALLENGE_LENGTH, withHandshake } from './handshake.ts'
import { hmacScheme, type HmacDescription, type TimedSecretOptions } from './hmac-scheme.ts'
import type { SecretOptions } from './shared-secret.ts'
import { tokenScheme, type TokenDescription } from './token-scheme.ts'

const AUTH0 = {
  header: 'authorization',
  id: { json: 'log_id' },
  type: { json: 'data.type' },
} as const satisfies TokenDescription

const OKTA = {
  header: 'authorization',
  id: { json: 'eventId' },
  type: { json: 'eventType' },
} as const satisfies TokenDescription

const WORKOS = {
  signature: { header: 'workos-signature', prefix: 'v1=', separator: ',', encoding: 'hex' },
  timestamp: { prefix: 't=', unit: 'milliseconds', toleranceSeconds: 180 },
  signed: ({ timestamp, body }) => [timestamp, '.', body],
  id: { json: 'id' },
  type: { json: 'event' },
} as const satisfies HmacDescription

/**
 * Compares the whole `Authorization` header of a custom log stream. Nothing is signed. A stream sends several logs
 * at once unless its content format is single objects: then deduplicate each on its `log_id`.
 *
 * Source: Auth0's documentation, "Create custom log streams using webhooks"; the names of the fields from memory.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function auth0(options: SecretOptions): Scheme {
  return tokenScheme(AUTH0, options)
}

/**
 * Compares the whole `Authorization` header of an event hook. Nothing is signed. Its handshake echoes the header
 * `X-Okta-Verification-Challenge` of a GET.
 *
 * Source: Okta's developer documentation, "Event hooks".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function okta(options: SecretOptions): Scheme {
  return withHandshake(tokenScheme(OKTA, options), async (webhook) => {
    const challenge = webhook.header('x-okta-verification-challenge')
    if (webhook.method !== 'GET' || challenge === null || challenge.length > MAX_CHALLENGE_LENGTH) return null
    return jsonAnswer({ verification: challenge })
  })
}

/**
 * Verifies WorkOS's webhooks. The tolerance is 180 s, as in its SDK.
 *
 * Source: WorkOS's documentation, "Sync data using webhooks"; workos-node.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function workos(options: TimedSecretOptions): Scheme {
  return hmacScheme(WORKOS, options)
}
