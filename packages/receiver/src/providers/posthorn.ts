/** Posthorn: Standard Webhooks, and the challenge by which it asks whether an endpoint wants to be called. @module */

import { standardWebhooks, type StandardWebhooksOptions } from '../standard-webhooks.ts'
import type { Scheme } from '../scheme.ts'
import { jsonText } from './fields.ts'
import { jsonAnswer, MAX_CHALLENGE_LENGTH, withSignedHandshake } from './handshake.ts'
import { refuseAs } from './refusal.ts'

/**
 * Verifies what a Posthorn sends, as `standardWebhooks` does. Its handshake answers the challenge of a Posthorn with
 * `--verify-endpoints challenge`, when it is signed.
 *
 * Source: Posthorn's documentation, "Endpoints".
 *
 * @throws {WebhookSecretError} There is no secret, or one is malformed or a private key.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function posthorn(options: StandardWebhooksOptions): Scheme {
  return withSignedHandshake(
    standardWebhooks(options),
    (json) => jsonText(json, 'type') === 'webhook.verification',
    (json) => {
      const challenge = jsonText(json, 'challenge')
      if (challenge === null || challenge.length > MAX_CHALLENGE_LENGTH) return refuseAs('malformed_body')
      return jsonAnswer({ challenge })
    },
  )
}
