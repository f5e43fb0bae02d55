/** SendGrid's Event Webhook: ECDSA on P-256 over the time and the body. @module */

import { decodeBase64 } from '../base64.ts'
import { concatBytes } from '../bytes.ts'
import { WebhookSecretError } from '../error.ts'
import { once } from '../once.ts'
import { PROVIDER_SECRET_HINTS } from '../provider-codes.ts'
import { refuse, type Scheme } from '../scheme.ts'
import { ecdsaFromDer, readSequence } from './der.ts'
import { acceptWith } from './fields.ts'
import { secretTexts } from './shared-secret.ts'
import { readItems } from './signature-source.ts'
import { resolveTolerance, timeOf } from './timestamp-source.ts'

/** Options of `sendgrid`. */
export interface SendGridOptions {
  /** One or several public keys, as the settings of the webhook show them: base64 without PEM lines. */
  readonly publicKeys: string | readonly string[]
  /** Default 300. */
  readonly toleranceSeconds?: number
}

const SIGNATURE = { header: 'x-twilio-email-event-webhook-signature', encoding: 'base64' } as const
const TIMESTAMP = {
  header: 'x-twilio-email-event-webhook-timestamp',
  unit: 'seconds',
  toleranceSeconds: 300,
} as const
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const FIELDS = { id: { json: 'sg_event_id' }, type: { json: 'event' } } as const

/**
 * Verifies SendGrid's Event Webhook. Its body is an array of events: only when it has one is the id that
 * event's and the type known; otherwise deduplicate each on its `sg_event_id`.
 *
 * Source: SendGrid's documentation, "Event Webhook security features"; `eventwebhook` of sendgrid-nodejs. The
 * tolerance of 300 s is ours: SendGrid names none.
 *
 * @throws {WebhookSecretError} There is no key, or one is not base64 of a public key.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function sendgrid(options: SendGridOptions): Scheme {
  const tolerance = resolveTolerance(TIMESTAMP, options.toleranceSeconds)
  const keys = secretTexts(options.publicKeys).map((text) => {
    const spki = decodeBase64(text)
    // A P-256 key is always 91 bytes: that it is one of them is told now, and not at the first request.
    if (spki?.length !== 91 || readSequence(spki) === null)
      throw new WebhookSecretError('secret_key', PROVIDER_SECRET_HINTS.secret_key)
    return once(() => crypto.subtle.importKey('spki', spki, ALGORITHM, false, ['verify']))
  })

  return {
    async verify(webhook, nowMs) {
      const items = readItems(webhook, SIGNATURE)
      if ('code' in items) return items
      const signature = ecdsaFromDer(decodeBase64(items[0] ?? '') ?? new Uint8Array(), 32)
      if (signature === null) return refuse('malformed_signature', 'The signature is no DER in base64.')
      const body = concatBytes([webhook.body])
      const time = timeOf(TIMESTAMP, tolerance, { webhook, items, nowMs })
      if ('code' in time) return time
      const content = concatBytes([time.text, body])
      for (const key of keys) {
        if (await crypto.subtle.verify(ALGORITHM, await key(), signature, content)) {
          return acceptWith(FIELDS, webhook, time.at, body)
        }
      }
      return refuse('signature_mismatch')
    },
  }
}
