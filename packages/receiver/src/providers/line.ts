/** LINE: HMAC-SHA256 of the body. @module */

import type { Scheme } from '../scheme.ts'
import { hmacScheme, type HmacDescription } from './hmac-scheme.ts'
import type { SecretOptions } from './shared-secret.ts'

const LINE = {
  signature: { header: 'x-line-signature', encoding: 'base64' },
  signed: ({ body }) => [body],
} as const satisfies HmacDescription

/**
 * Verifies the webhooks of LINE's Messaging API. The secret is the channel's. A request has several events, so its id
 * is the hash of the body, and that changes when LINE delivers again (`isRedelivery`): deduplicate each event on its
 * `webhookEventId`. There is no time.
 *
 * Source: LINE's documentation of the Messaging API, "Verify webhook signature"; line-bot-sdk-nodejs.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function line(options: SecretOptions): Scheme {
  return hmacScheme(LINE, options)
}
