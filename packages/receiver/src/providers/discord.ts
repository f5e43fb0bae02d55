/** Discord's interactions and webhook events: ed25519 over the time and the body. @module */

import { concatBytes, decodeHex } from '../bytes.ts'
import { importPublicKey, verifyEd25519 } from '../ed25519.ts'
import { WebhookSecretError } from '../error.ts'
import { once } from '../once.ts'
import { PROVIDER_SECRET_HINTS } from '../provider-codes.ts'
import { refuse, type Scheme } from '../scheme.ts'
import { acceptWith, jsonAt } from './fields.ts'
import { jsonAnswer, withSignedHandshake } from './handshake.ts'
import { secretTexts } from './shared-secret.ts'
import { readItems, readSignatures } from './signature-source.ts'
import { resolveTolerance, timeOf } from './timestamp-source.ts'

/** Options of `discord`. */
export interface DiscordOptions {
  /** The public key of the application, in hexadecimal; or several. */
  readonly publicKeys: string | readonly string[]
  /** Discord names none: without this option, any time is admitted. */
  readonly toleranceSeconds?: number
}

const SIGNATURE = { header: 'x-signature-ed25519', encoding: 'hex' } as const
const TIMESTAMP = { header: 'x-signature-timestamp', unit: 'seconds', toleranceSeconds: null } as const
const FIELDS = { id: { json: 'id' }, type: { json: 'type' } } as const
const PING = 1

/**
 * Verifies Discord's requests. Its handshake answers the PING of interactions, once it is verified; Discord
 * also sends one with a false signature and wants a 401.
 *
 * Source: Discord's developer documentation, "Validating security request headers" and "Acknowledging PING
 * requests"; "Webhook events", whose PING has type 0 and wants an empty 204 with a content type.
 *
 * @throws {WebhookSecretError} There is no key, or one is not 32 bytes in hexadecimal.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function discord(options: DiscordOptions): Scheme {
  const tolerance = resolveTolerance(TIMESTAMP, options.toleranceSeconds)
  const keys = secretTexts(options.publicKeys).map((text) => {
    const bytes = decodeHex(text.toLowerCase())
    if (bytes?.length !== 32) throw new WebhookSecretError('secret_key', PROVIDER_SECRET_HINTS.secret_key)
    return once(() => importPublicKey(bytes))
  })
  const scheme: Scheme = {
    async verify(webhook, nowMs) {
      const items = readItems(webhook, SIGNATURE)
      if ('code' in items) return items
      const signatures = readSignatures(items, SIGNATURE, 64)
      if ('code' in signatures) return signatures
      const [signature] = signatures
      const body = concatBytes([webhook.body])
      const time = timeOf(TIMESTAMP, tolerance, { webhook, items, nowMs })
      if ('code' in time) return time
      const content = concatBytes([time.text, body])
      for (const key of keys) {
        if (signature !== undefined && (await verifyEd25519(await key(), signature, content))) {
          return acceptWith(FIELDS, webhook, time.at, body)
        }
      }
      return refuse('signature_mismatch')
    },
  }

  return withSignedHandshake(scheme, isPing, (json) =>
    jsonAt(json, 'type') === PING
      ? jsonAnswer({ type: PING })
      : { ok: true, response: { status: 204, headers: { 'content-type': 'application/json' }, body: null } },
  )
}

/** A webhook event has type 1 as well, and an `event`. */
function isPing(json: unknown): boolean {
  const type = jsonAt(json, 'type')
  return type === 0 || (type === PING && jsonAt(json, 'event') === undefined)
}
