/** Mailgun: the signature is in the body, over a time and a token. @module */

import { concatBytes, decodeHex, encodeHex } from '../bytes.ts'
import { refuse, type Scheme } from '../scheme.ts'
import { withTestSigner } from '../test-signer.ts'
import { acceptWith, jsonAt, jsonText, parseJson } from './fields.ts'
import type { TimedSecretOptions } from './hmac-scheme.ts'
import { hmacKeys } from './shared-secret.ts'
import { resolveTolerance, timeOf, writeTimestamp } from './timestamp-source.ts'

const TIMESTAMP = { json: 'signature.timestamp', unit: 'seconds', toleranceSeconds: 300 } as const
const FIELDS = { id: { json: 'signature.token' }, type: { json: 'event-data.event' } } as const

/**
 * Verifies Mailgun's webhooks. Nothing but the time and the token is signed: whoever saw one request can put
 * any event under its signature for as long as the tolerance lasts. Deduplicate on the token, and read what
 * matters again from Mailgun's API. The secrets are webhook signing keys.
 *
 * Source: Mailgun's documentation, "Securing webhooks". The tolerance of 300 s is ours: Mailgun names none.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function mailgun(options: TimedSecretOptions): Scheme {
  const keys = hmacKeys(options.secrets)
  const tolerance = resolveTolerance(TIMESTAMP, options.toleranceSeconds)
  const scheme: Scheme = {
    async verify(webhook, nowMs) {
      const body = concatBytes([webhook.body])
      const json = parseJson(body)
      const signatureText = jsonAt(json, 'signature.signature')
      if (typeof signatureText !== 'string') {
        return refuse('missing_signature', 'The body has no signature.signature.')
      }
      const signature = decodeHex(signatureText)
      if (signature?.length !== 32) {
        return refuse('malformed_signature', 'The signature is 32 bytes in hexadecimal, and this one is not.')
      }
      const token = jsonText(json, 'signature.token')
      if (token === null) return refuse('malformed_body', 'The body has no signature.token.')
      const time = timeOf(TIMESTAMP, tolerance, { webhook: { ...webhook, body }, items: [], nowMs })
      if ('code' in time) return time
      return (await keys.matchAny(concatBytes([time.text, token]), [signature]))
        ? acceptWith(FIELDS, webhook, time.at, body)
        : refuse('signature_mismatch')
    },
  }

  return withTestSigner(scheme, async (event) => {
    const json = parseJson(event.body)
    if (typeof json !== 'object' || json === null)
      throw new TypeError('bad body: Mailgun sends a JSON object')
    const timestamp = writeTimestamp(TIMESTAMP, event.timeMs)
    const signature = encodeHex(await keys.sign(concatBytes([timestamp, event.id])))
    const signed = { ...json, signature: { timestamp, token: event.id, signature } }
    return { headers: {}, body: concatBytes([JSON.stringify(signed)]) }
  })
}
