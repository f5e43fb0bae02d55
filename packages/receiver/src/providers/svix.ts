/** Senders that use Standard Webhooks or its ancestor, Svix, under a name of their own. @module */

import type { Scheme } from '../scheme.ts'
import { standardWebhooks, type StandardWebhooksOptions } from '../standard-webhooks.ts'

/**
 * Verifies what Svix sends for its customers.
 *
 * Source: Svix's documentation, "Verifying payloads".
 *
 * @throws {WebhookSecretError} There is no secret, or one is malformed.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function svix(options: StandardWebhooksOptions): Scheme {
  return standardWebhooks(options)
}

/**
 * Verifies Clerk's webhooks.
 *
 * Source: Clerk's documentation, "Sync Clerk data with webhooks".
 *
 * @throws {WebhookSecretError} There is no secret, or one is malformed.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function clerk(options: StandardWebhooksOptions): Scheme {
  return standardWebhooks(options)
}

/**
 * Verifies Resend's webhooks.
 *
 * Source: Resend's documentation, "Verify webhooks requests".
 *
 * @throws {WebhookSecretError} There is no secret, or one is malformed.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function resend(options: StandardWebhooksOptions): Scheme {
  return standardWebhooks(options)
}
