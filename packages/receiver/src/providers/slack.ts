/** Slack: HMAC-SHA256 of version, time and body. @module */

import { type Scheme } from '../scheme.ts'
import { jsonText } from './fields.ts'
import { textAnswer, withSignedHandshake } from './handshake.ts'
import { hmacScheme, type HmacDescription, type TimedSecretOptions } from './hmac-scheme.ts'
import { refuseAs } from './refusal.ts'

const SLACK = {
  signature: { header: 'x-slack-signature', prefix: 'v0=', encoding: 'hex' },
  timestamp: { header: 'x-slack-request-timestamp', unit: 'seconds', toleranceSeconds: 300 },
  signed: ({ timestamp, body }) => ['v0:', timestamp, ':', body],
  id: { json: 'event_id' },
  type: { json: 'event.type' },
} as const satisfies HmacDescription

/**
 * Verifies Slack's events, commands and interactions; only events have an id and a type. Its handshake echoes
 * the challenge of `url_verification`, once it is verified.
 *
 * Source: Slack's documentation, "Verifying requests from Slack" and "url_verification".
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function slack(options: TimedSecretOptions): Scheme {
  return withSignedHandshake(
    hmacScheme(SLACK, options),
    (json) => jsonText(json, 'type') === 'url_verification',
    (json) => textAnswer(jsonText(json, 'challenge') ?? '') ?? refuseAs('malformed_body'),
  )
}
