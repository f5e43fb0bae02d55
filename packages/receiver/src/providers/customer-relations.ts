/** HubSpot, Intercom, Segment and Zendesk. @module */

import type { Scheme } from '../scheme.ts'
import { hmacScheme, type HmacDescription, type TimedSecretOptions } from './hmac-scheme.ts'
import type { PublicUrlOptions } from './public-url.ts'
import type { SecretOptions } from './shared-secret.ts'

const HUBSPOT = {
  signature: { header: 'x-hubspot-signature-v3', encoding: 'base64' },
  timestamp: { header: 'x-hubspot-request-timestamp', unit: 'milliseconds', toleranceSeconds: 300 },
  needs: ['method', 'url'],
  signed: ({ method, url, body, timestamp }) => [method, decodeListed(url), body, timestamp],
  id: { json: 'eventId' },
  type: { json: 'subscriptionType' },
} as const satisfies HmacDescription

const INTERCOM = {
  hash: 'SHA-1',
  signature: { header: 'x-hub-signature', prefix: 'sha1=', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { json: 'id' },
  type: { json: 'topic' },
} as const satisfies HmacDescription

const SEGMENT = {
  hash: 'SHA-1',
  signature: { header: 'x-signature', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { json: 'messageId' },
  type: { json: 'type' },
} as const satisfies HmacDescription

const ZENDESK = {
  signature: { header: 'x-zendesk-webhook-signature', encoding: 'base64' },
  timestamp: { header: 'x-zendesk-webhook-signature-timestamp', unit: 'iso', toleranceSeconds: 300 },
  signed: ({ timestamp, body }) => [timestamp, body],
  id: { header: 'x-zendesk-webhook-invocation-id' },
  type: { json: 'type' },
} as const satisfies HmacDescription

/**
 * Verifies HubSpot's webhooks by signature v3. Its body is an array of events: only when it has one are the id and
 * the type known; otherwise deduplicate each on its `eventId`. Give the target URL as `url`.
 *
 * Source: HubSpot's developer documentation, "Validating requests", v3; `signature.ts` of hubspot-api-nodejs.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds`, `url` or `publicOrigin` is not what it must be.
 */
export function hubspot(options: TimedSecretOptions & PublicUrlOptions): Scheme {
  return hmacScheme(HUBSPOT, options)
}

/**
 * Verifies Intercom's webhooks: HMAC-SHA1, the secret is the app's client secret. There is no time.
 *
 * Source: Intercom's developer documentation, "Setting up webhooks", signed notifications.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function intercom(options: SecretOptions): Scheme {
  return hmacScheme(INTERCOM, options)
}

/**
 * Verifies Segment's webhook destination: HMAC-SHA1. There is no time. With batching, Segment signs the first
 * event of a batch alone, and such a request is refused here: turn batching off.
 *
 * Source: Segment's documentation, "Webhooks (Actions) destination"; `webhook/index.ts` of action-destinations; Twilio's
 * support, "How Segment computes x-signature for batched webhooks".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function segment(options: SecretOptions): Scheme {
  return hmacScheme(SEGMENT, options)
}

/**
 * Verifies Zendesk's webhooks. The id's header is not signed; the type is that of event subscriptions, and `null`
 * for what a trigger sends.
 *
 * Source: Zendesk's developer documentation, "Verifying webhooks". The tolerance of 300 s is ours: Zendesk names
 * none.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function zendesk(options: TimedSecretOptions): Scheme {
  return hmacScheme(ZENDESK, options)
}

/** The escapes that HubSpot undoes before it signs, and no others: the table of "Validating requests", v3. */
function decodeListed(url: string): string {
  return url.replaceAll(/%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi, decodeURIComponent)
}
