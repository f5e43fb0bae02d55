/** CircleCI, Linear, Mux, PagerDuty and Vercel. @module */

import type { Scheme } from '../scheme.ts'
import { hmacScheme, type HmacDescription, type TimedSecretOptions } from './hmac-scheme.ts'
import type { SecretOptions } from './shared-secret.ts'

const CIRCLECI = {
  signature: { header: 'circleci-signature', prefix: 'v1=', separator: ',', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { json: 'id' },
  type: { json: 'type' },
} as const satisfies HmacDescription

const LINEAR = {
  signature: { header: 'linear-signature', encoding: 'hex' },
  timestamp: { json: 'webhookTimestamp', unit: 'milliseconds', toleranceSeconds: 60 },
  signed: ({ body }) => [body],
  id: { header: 'linear-delivery' },
  type: [{ json: 'type' }, { json: 'action' }],
} as const satisfies HmacDescription

const MUX = {
  signature: { header: 'mux-signature', prefix: 'v1=', separator: ',', encoding: 'hex' },
  timestamp: { prefix: 't=', unit: 'seconds', toleranceSeconds: 300 },
  signed: ({ timestamp, body }) => [timestamp, '.', body],
  id: { json: 'id' },
  type: { json: 'type' },
} as const satisfies HmacDescription

const PAGERDUTY = {
  signature: { header: 'x-pagerduty-signature', prefix: 'v1=', separator: ',', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { json: 'event.id' },
  type: { json: 'event.event_type' },
} as const satisfies HmacDescription

const VERCEL = {
  hash: 'SHA-1',
  signature: { header: 'x-vercel-signature', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { json: 'id' },
  type: { json: 'type' },
} as const satisfies HmacDescription

/**
 * Verifies CircleCI's outbound webhooks. There is no time.
 *
 * Source: CircleCI's documentation, "Outbound webhooks", and its table of examples.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function circleci(options: SecretOptions): Scheme {
  return hmacScheme(CIRCLECI, options)
}

/**
 * Verifies Linear's webhooks. The type is `Issue.create`. The time is in the body and has a tolerance of 60 s;
 * the id's header is not signed.
 *
 * Source: Linear's developer documentation, "Webhooks"; `@linear/sdk`.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function linear(options: TimedSecretOptions): Scheme {
  return hmacScheme(LINEAR, options)
}

/**
 * Verifies Mux's webhooks.
 *
 * Source: Mux's documentation, "Verify webhook signatures"; mux-node-sdk.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function mux(options: TimedSecretOptions): Scheme {
  return hmacScheme(MUX, options)
}

/**
 * Verifies PagerDuty's V3 webhooks. There is no time.
 *
 * Source: PagerDuty's developer documentation, "Verifying signatures".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function pagerduty(options: SecretOptions): Scheme {
  return hmacScheme(PAGERDUTY, options)
}

/**
 * Verifies Vercel's webhooks: HMAC-SHA1. There is no time.
 *
 * Source: Vercel's documentation, "Webhooks API", securing webhooks.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function vercel(options: SecretOptions): Scheme {
  return hmacScheme(VERCEL, options)
}
