/** Calendly, DocuSign, Dropbox, Notion and Typeform. @module */

import { refuse, type Scheme } from '../scheme.ts'
import { jsonText, parseJson } from './fields.ts'
import { queryOfGet, textAnswer, withHandshake } from './handshake.ts'
import { hmacScheme, type HmacDescription, type TimedSecretOptions } from './hmac-scheme.ts'
import type { SecretOptions } from './shared-secret.ts'

const CALENDLY = {
  signature: { header: 'calendly-webhook-signature', prefix: 'v1=', separator: ',', encoding: 'hex' },
  timestamp: { prefix: 't=', unit: 'seconds', toleranceSeconds: 180 },
  signed: ({ timestamp, body }) => [timestamp, '.', body],
  type: { json: 'event' },
} as const satisfies HmacDescription

const DOCUSIGN = {
  signed: ({ body }) => [body],
  type: { json: 'event' },
} as const satisfies Omit<HmacDescription, 'signature'>

const DROPBOX = {
  signature: { header: 'x-dropbox-signature', encoding: 'hex' },
  signed: ({ body }) => [body],
} as const satisfies HmacDescription

const NOTION = {
  signature: { header: 'x-notion-signature', prefix: 'sha256=', encoding: 'hex' },
  signed: ({ body }) => [body],
  id: { json: 'id' },
  type: { json: 'type' },
} as const satisfies HmacDescription

const TYPEFORM = {
  signature: { header: 'typeform-signature', prefix: 'sha256=', encoding: 'base64' },
  signed: ({ body }) => [body],
  id: { json: 'event_id' },
  type: { json: 'event_type' },
} as const satisfies HmacDescription

/**
 * Verifies Calendly's webhooks. Calendly sends no id, so the event's is the hash of the body.
 *
 * Source: Calendly's developer documentation, "Webhook signatures".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function calendly(options: TimedSecretOptions): Scheme {
  return hmacScheme(CALENDLY, options)
}

/**
 * Verifies DocuSign Connect's messages in JSON or XML. There is no id, so the event's is the hash of the body, and
 * no time.
 *
 * Source: DocuSign's developer documentation, "HMAC security for Connect".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function docusign(options: SecretOptions): Scheme {
  // One for each of the account's keys, up to 100. Made here, as a call among the constants would be bundled by all.
  const header = Array.from({ length: 100 }, (_, index) => `x-docusign-signature-${index + 1}`)
  return hmacScheme({ ...DOCUSIGN, signature: { header, encoding: 'base64' } }, options)
}

/**
 * Verifies Dropbox's webhooks; the secret is the app's. There is no id, type or time: a notification only says whose
 * files changed. Its handshake echoes the GET's challenge, which Dropbox does not sign.
 *
 * Source: Dropbox's developer documentation, "Webhooks".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function dropbox(options: SecretOptions): Scheme {
  return withHandshake(hmacScheme(DROPBOX, options), async (webhook) => {
    const challenge = queryOfGet(webhook)?.get('challenge') ?? null
    return challenge === null ? null : textAnswer(challenge)
  })
}

/**
 * Verifies Notion's webhooks. The secret is the token that Notion sends once, unsigned, to a new endpoint: use
 * `notionSetup` until you have it. There is no time.
 *
 * Source: Notion's developer documentation, "Webhooks".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function notion(options: SecretOptions): Scheme {
  return hmacScheme(NOTION, options)
}

/**
 * Makes the scheme of a Notion endpoint that has no secret yet: its handshake returns the `verificationToken`, to
 * be stored and shown to whoever sets the webhook up. It verifies nothing. Take it away afterwards: anybody can send
 * such a token.
 */
export function notionSetup(): Scheme {
  const scheme: Scheme = {
    verify: async () =>
      refuse('signature_mismatch', 'There is no secret yet: this endpoint is being set up.'),
  }
  return withHandshake(scheme, async (webhook) => {
    const verificationToken = jsonText(parseJson(webhook.body), 'verification_token')
    if (verificationToken === null) return null
    return { ok: true, response: { status: 200, headers: {}, body: null }, verificationToken }
  })
}

/**
 * Verifies Typeform's webhooks. There is no time.
 *
 * Source: Typeform's developer documentation, "Secure your webhooks".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function typeform(options: SecretOptions): Scheme {
  return hmacScheme(TYPEFORM, options)
}
