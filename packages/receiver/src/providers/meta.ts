/** Meta's webhooks, those of WhatsApp among them: HMAC-SHA256 of the body. @module */

import { refuse, type Scheme } from '../scheme.ts'
import { queryOfGet, textAnswer, withHandshake } from './handshake.ts'
import { hmacScheme, type HmacDescription } from './hmac-scheme.ts'
import { equalTexts, secretTexts, type SecretOptions } from './shared-secret.ts'

/** Options of `meta`. The secret is the app's. */
export interface MetaOptions extends SecretOptions {
  /** The verify token that you gave Meta in the webhook's settings. Without it, no handshake is answered. */
  readonly verifyToken?: string
}

const META = {
  signature: { header: 'x-hub-signature-256', prefix: 'sha256=', encoding: 'hex' },
  signed: ({ body }) => [body],
  type: { json: 'object' },
} as const satisfies HmacDescription

/**
 * Verifies the webhooks of Meta's products (WhatsApp, Messenger, Instagram, …). Meta sends no id, so the event's is
 * the hash of the body. Its handshake answers the GET with `hub.challenge`, if the verify token is yours.
 *
 * Source: Meta's documentation of the Graph API, "Webhooks: getting started".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function meta(options: MetaOptions): Scheme {
  const { verifyToken } = options
  const [expected = ''] = verifyToken === undefined ? [] : secretTexts(verifyToken)
  return withHandshake(hmacScheme(META, options), async (webhook) => {
    const query = queryOfGet(webhook)
    if (verifyToken === undefined || query?.get('hub.mode') !== 'subscribe') return null
    if (!(await equalTexts(expected, query.get('hub.verify_token') ?? ''))) {
      return refuse('signature_mismatch', 'The verify token is not the one that is configured here.')
    }
    return textAnswer(query.get('hub.challenge') ?? '')
  })
}
