/** Bitbucket and Jira: HMAC-SHA256 of the body, in the header of WebSub. @module */

import type { Scheme } from '../scheme.ts'
import { hmacScheme, type HmacDescription } from './hmac-scheme.ts'
import type { SecretOptions } from './shared-secret.ts'

const HUB = {
  signature: { header: 'x-hub-signature', prefix: 'sha256=', encoding: 'hex' },
  signed: ({ body }) => [body],
} as const satisfies HmacDescription

const BITBUCKET = {
  ...HUB,
  id: { header: 'x-request-uuid' },
  type: { header: 'x-event-key' },
} as const satisfies HmacDescription

const JIRA = {
  ...HUB,
  id: { header: 'x-atlassian-webhook-identifier' },
  type: { json: 'webhookEvent' },
} as const satisfies HmacDescription

/**
 * Verifies Bitbucket Cloud's webhooks. There is no time, and the headers of the id and the type are not signed.
 *
 * Source: Atlassian's documentation, "Manage webhooks", securing webhooks.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function bitbucket(options: SecretOptions): Scheme {
  return hmacScheme(BITBUCKET, options)
}

/**
 * Verifies Jira Cloud's webhooks. There is no time, and the header of the id is not signed.
 *
 * Source: Atlassian's developer documentation of Jira, "Webhooks", as guides of third parties repeat it.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function jira(options: SecretOptions): Scheme {
  return hmacScheme(JIRA, options)
}
