/** Stripe, Paddle, Razorpay and Square. @module */

import { WebhookSecretError } from '../error.ts'
import type { Scheme } from '../scheme.ts'
import { hmacScheme, type HmacDescription, type TimedSecretOptions } from './hmac-scheme.ts'
import type { PublicUrlOptions } from './public-url.ts'
import { secretTexts, type SecretOptions } from './shared-secret.ts'

const STRIPE = {
  // `v0` is of test mode and of an older algorithm: it is never looked at.
  signature: { header: 'stripe-signature', prefix: 'v1=', separator: ',', encoding: 'hex' },
  timestamp: { prefix: 't=', unit: 'seconds', toleranceSeconds: 300 },
  signed: ({ timestamp, body }) => [timestamp, '.', body],
  liveMode: { json: 'livemode' },
  id: { json: 'id' },
  type: { json: 'type' },
} as const satisfies HmacDescription

const PADDLE = {
  signature: { header: 'paddle-signature', prefix: 'h1=', separator: ';', encoding: 'hex' },
  timestamp: { prefix: 'ts=', unit: 'seconds', toleranceSeconds: 5 },
  signed: ({ timestamp, body }) => [timestamp, ':', body],
  id: { json: 'event_id' },
  type: { json: 'event_type' },
} as const satisfies HmacDescription

const RAZORPAY = {
  signature: { header: 'x-razorpay-signature', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { header: 'x-razorpay-event-id' },
  type: { json: 'event' },
} as const satisfies HmacDescription

const SQUARE = {
  signature: { header: 'x-square-hmacsha256-signature', encoding: 'base64' },
  needs: ['url'],
  signed: ({ url, body }) => [url, body],
  id: { json: 'event_id' },
  type: { json: 'type' },
} as const satisfies HmacDescription

/**
 * Verifies Stripe's webhooks. The secret is the endpoint's own (`whsec_…`), another one in test mode.
 *
 * Source: Stripe's documentation, "Resolve webhook signature verification errors" and "Verify webhook signatures
 * manually"; stripe-node.
 *
 * @throws {WebhookSecretError} There is no secret, one is empty or has white space around it, or is an API key.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function stripe(options: TimedSecretOptions): Scheme {
  if (secretTexts(options.secrets).some((text) => /^[spr]k_/.test(text))) {
    const hint = 'This is an API key. The secret of a webhook endpoint starts with whsec_: its page shows it.'
    throw new WebhookSecretError('secret_prefix', hint)
  }
  return hmacScheme(STRIPE, options)
}

/**
 * Verifies Paddle Billing's webhooks. The tolerance is 5 s, as in Paddle's SDK, in both directions: a clock that
 * is wrong by more needs a longer one.
 *
 * Source: Paddle's developer documentation, "Verify webhook signatures"; paddle-node-sdk.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function paddle(options: TimedSecretOptions): Scheme {
  return hmacScheme(PADDLE, options)
}

/**
 * Verifies Razorpay's webhooks. There is no time, and the id's header is not signed.
 *
 * Source: Razorpay's documentation, "Validate and test webhooks"; razorpay-node.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function razorpay(options: SecretOptions): Scheme {
  return hmacScheme(RAZORPAY, options)
}

/**
 * Verifies Square's webhooks. Give the notification URL as `url`, as it is part of what is signed. There is no
 * time.
 *
 * Source: Square's documentation, "Validate webhook notifications"; square-nodejs-sdk.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `url` or `publicOrigin` is not what it must be.
 */
export function square(options: SecretOptions & PublicUrlOptions): Scheme {
  return hmacScheme(SQUARE, options)
}
