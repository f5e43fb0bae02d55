/** GitHub: HMAC-SHA256 of the body. @module */

import type { Scheme } from '../scheme.ts'
import { hmacScheme, type HmacDescription } from './hmac-scheme.ts'
import type { SecretOptions } from './shared-secret.ts'

const GITHUB = {
  signature: { header: 'x-hub-signature-256', prefix: 'sha256=', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { header: 'x-github-delivery' },
  type: [{ header: 'x-github-event' }, { json: 'action' }],
} as const satisfies HmacDescription

/**
 * Verifies GitHub's webhooks. The type is the event and, where there is one, its action: `issues.opened`. There
 * is no time, and neither the delivery's id nor the event's header is signed. A `ping` wants any 2xx.
 *
 * Source: GitHub's documentation, "Validating webhook deliveries".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function github(options: SecretOptions): Scheme {
  return hmacScheme(GITHUB, options)
}
