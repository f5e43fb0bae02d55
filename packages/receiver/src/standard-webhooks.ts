/** The scheme of Standard Webhooks 1.0.0, and of Svix, from which it comes. @module */

import { accept, refuse, type ReceivedWebhook, type Scheme, type VerifyResult } from './scheme.ts'
import { parseSecrets } from './secret.ts'
import { isMessageId, isTimestamp, signedContent } from './signed-content.ts'
import { parseSignatures } from './signature-list.ts'
import { withTestSigner } from './test-signer.ts'
import { checkTolerance, staleness } from './timestamp.ts'
import { verificationKey } from './verification-key.ts'

/** Options of `standardWebhooks`. */
export interface StandardWebhooksOptions {
  /** One or several of `whsec_` (shared) and `whpk_` (public). During a rotation, the old and the new one. */
  readonly secrets: string | readonly string[]
  /**
   * How far a timestamp may be from now, in either direction, in seconds. Default 300; 0 admits the current
   * second only.
   */
  readonly toleranceSeconds?: number
}

const DEFAULTS = { toleranceSeconds: 300 } as const satisfies Partial<StandardWebhooksOptions>

/**
 * Makes the scheme that verifies `webhook-id`, `webhook-timestamp` and `webhook-signature`, or the same three
 * under `svix-`. Make it once and keep it: it imports each key on its first use and never again.
 *
 * Source: Standard Webhooks 1.0.0, "Signature scheme" and "Verifying signatures".
 *
 * @throws {WebhookSecretError} There is no secret, or one is malformed or a private key.
 * @throws {RangeError} `toleranceSeconds` is negative or not finite. There is no way to turn the check off.
 */
export function standardWebhooks(options: StandardWebhooksOptions): Scheme {
  const keys = parseSecrets(options.secrets).map(verificationKey)
  const versions = new Set(keys.map((key) => key.version))
  const toleranceSeconds = checkTolerance(options.toleranceSeconds ?? DEFAULTS.toleranceSeconds)

  const scheme: Scheme = {
    async verify(webhook: ReceivedWebhook, nowMs: number): Promise<VerifyResult> {
      const { id, timestamp, signature } = readHeaders(webhook)
      if (id === null) return refuse('missing_id')
      if (timestamp === null) return refuse('missing_timestamp')
      if (signature === null) return refuse('missing_signature')

      if (!isMessageId(id)) return refuse('malformed_id')
      const seconds = Number(timestamp)
      // The text must be the number's only spelling, as the signature covers the text and we sign the number.
      if (!isTimestamp(seconds) || String(seconds) !== timestamp) return refuse('malformed_timestamp')
      const signatures = parseSignatures(signature, versions)
      if (typeof signatures === 'string') return refuse(signatures)

      const stale = staleness(seconds * 1000, nowMs, toleranceSeconds)
      if (stale !== null) return refuse(stale)

      const { content, body } = signedContent(id, seconds, webhook.body)
      for (const key of keys) {
        if (await key.matchesAny(content, signatures.get(key.version) ?? [])) {
          return accept(id, new Date(seconds * 1000), body)
        }
      }
      return refuse('signature_mismatch')
    },
  }
  return withTestSigner(scheme, [options.secrets].flat())
}

/** The family of which more headers are there, `webhook-` before `svix-`: what it lacks is then named. */
function readHeaders(webhook: ReceivedWebhook): FamilyHeaders {
  const standard = readFamily(webhook, 'webhook')
  if (countPresent(standard) === 3) return standard
  const svix = readFamily(webhook, 'svix')
  return countPresent(svix) > countPresent(standard) ? svix : standard
}

interface FamilyHeaders {
  readonly id: string | null
  readonly timestamp: string | null
  readonly signature: string | null
}

function readFamily(webhook: ReceivedWebhook, family: 'webhook' | 'svix'): FamilyHeaders {
  return {
    id: webhook.header(`${family}-id`),
    timestamp: webhook.header(`${family}-timestamp`),
    signature: webhook.header(`${family}-signature`),
  }
}

function countPresent(headers: FamilyHeaders): number {
  const { id, timestamp, signature } = headers
  return Number(id !== null) + Number(timestamp !== null) + Number(signature !== null)
}
