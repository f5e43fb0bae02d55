/** Zoom: HMAC-SHA256 of version, time and body. @module */

import { concatBytes, encodeHex } from '../bytes.ts'
import { type Scheme } from '../scheme.ts'
import { jsonText } from './fields.ts'
import { jsonAnswer, withSignedHandshake } from './handshake.ts'
import { hmacScheme, type HmacDescription, type TimedSecretOptions } from './hmac-scheme.ts'
import { refuseAs } from './refusal.ts'
import { hmacKeys } from './shared-secret.ts'

const ZOOM = {
  signature: { header: 'x-zm-signature', prefix: 'v0=', encoding: 'hex' },
  timestamp: { header: 'x-zm-request-timestamp', unit: 'seconds', toleranceSeconds: 300 },
  signed: ({ timestamp, body }) => ['v0:', timestamp, ':', body],
  type: { json: 'event' },
} as const satisfies HmacDescription

/**
 * Verifies Zoom's webhooks. Zoom sends no id, so the event's is the hash of the body. Its handshake answers
 * `endpoint.url_validation` with the first secret.
 *
 * Source: Zoom's developer documentation, "Using webhooks"; zoom/webhook-sample. The tolerance of 300 s is ours:
 * Zoom names none.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function zoom(options: TimedSecretOptions): Scheme {
  const keys = hmacKeys(options.secrets)
  return withSignedHandshake(
    hmacScheme(ZOOM, options),
    (json) => jsonText(json, 'event') === 'endpoint.url_validation',
    async (json) => {
      const plainToken = jsonText(json, 'payload.plainToken')
      // We are about to sign a text of the sender's choice. `v0:…` would make that a signature of any event.
      if (plainToken === null || !/^[\w-]{1,100}$/.test(plainToken)) return refuseAs('malformed_body')
      return jsonAnswer({ plainToken, encryptedToken: encodeHex(await keys.sign(concatBytes([plainToken]))) })
    },
  )
}
