/** Shopify and WooCommerce: HMAC-SHA256 of the body in base64. @module */

import type { Scheme } from '../scheme.ts'
import { testSignerOf, withTestSigner } from '../test-signer.ts'
import { hmacScheme, type HmacDescription } from './hmac-scheme.ts'
import type { SecretOptions } from './shared-secret.ts'

const SHOPIFY = {
  signature: { header: 'x-shopify-hmac-sha256', encoding: 'base64' },
  signed: ({ body }) => [body],
  id: { header: 'x-shopify-event-id' },
  type: { header: 'x-shopify-topic' },
} as const satisfies HmacDescription

/** The newer kind, "events": other headers, the same signature. */
const SHOPIFY_EVENT = {
  ...SHOPIFY,
  signature: { header: 'shopify-hmac-sha256', encoding: 'base64' },
  id: { header: 'shopify-webhook-id' },
  type: { header: 'shopify-topic' },
} as const satisfies HmacDescription

const WOOCOMMERCE = {
  signature: { header: 'x-wc-webhook-signature', encoding: 'base64' },
  signed: ({ body }) => [body],
  id: { header: 'x-wc-webhook-delivery-id' },
  type: { header: 'x-wc-webhook-topic' },
} as const satisfies HmacDescription

/**
 * Verifies Shopify's webhooks, and its events, whose headers have no `X-`. There is no time, and the headers of the id
 * and the topic are not signed.
 *
 * Source: Shopify's documentation, "Deliver webhooks through HTTPS", verification; shopify-api-js, which tells the two
 * kinds apart by the same header.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function shopify(options: SecretOptions): Scheme {
  const [webhooks, events] = [hmacScheme(SHOPIFY, options), hmacScheme(SHOPIFY_EVENT, options)]
  const scheme: Scheme = {
    verify: (webhook, nowMs) =>
      (webhook.header(SHOPIFY_EVENT.signature.header) === null ? webhooks : events).verify(webhook, nowMs),
  }
  return withTestSigner(scheme, testSignerOf(webhooks))
}

/**
 * Verifies WooCommerce's webhooks. There is no time, and the headers of the id and the topic are not signed.
 *
 * Source: WooCommerce's `WC_Webhook::generate_signature`.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function wooCommerce(options: SecretOptions): Scheme {
  return hmacScheme(WOOCOMMERCE, options)
}
