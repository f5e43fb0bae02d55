/** Schemes that sign with a shared secret, declared as data. @module */

import { concatBytes } from '../bytes.ts'
import type { Bytes } from '../base64.ts'
import type { HmacHash } from '../hmac.ts'
import { refuse, type ReceivedWebhook, type Scheme, type VerifyFailure } from '../scheme.ts'
import { withTestSigner, type TestEvent } from '../test-signer.ts'
import { acceptWith, parseJson, type EventFields } from './fields.ts'
import { modeHint } from './mode.ts'
import { publicUrl, type PublicUrlOptions } from './public-url.ts'
import { refuseAs } from './refusal.ts'
import { hmacKeys, type SecretOptions } from './shared-secret.ts'
import { readItems, readSignatures, writeSignature, type SignatureSource } from './signature-source.ts'
import { resolveTolerance, timeOf, writeTimestamp, type TimestampSource } from './timestamp-source.ts'

/** What may be signed. `timestamp` is its text as received, or empty where the scheme has none. */
export interface SignedParts {
  readonly timestamp: string
  readonly method: string
  readonly url: string
  readonly body: Bytes
}

/** How a provider signs: all of it data, but for one function over bytes. */
export interface HmacDescription extends EventFields {
  /** Default: SHA-256. */
  readonly hash?: HmacHash
  readonly signature: SignatureSource
  readonly timestamp?: TimestampSource
  /** Where a JSON body says `true` for live mode and `false` for test mode, if each has a secret of its own. */
  readonly liveMode?: { readonly json: string }
  /** What `signed` takes beside the body and the timestamp. Their absence has a code of its own. */
  readonly needs?: readonly ('method' | 'url')[]
  /** Returns the parts that are signed, in order; a text stands for its UTF-8. */
  signed(parts: SignedParts): readonly (string | Uint8Array)[]
}

/** Options of a scheme whose requests have a time. */
export interface TimedSecretOptions extends SecretOptions {
  /** How far the time may be from now, in either direction, in seconds. 0 admits the current second only. */
  readonly toleranceSeconds?: number
}

const HASH_BYTES = { 'SHA-1': 20, 'SHA-256': 32, 'SHA-384': 48, 'SHA-512': 64 } as const

/**
 * Makes a scheme from its description. Make it once and keep it.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `toleranceSeconds`, `url` or `publicOrigin` is not what it must be, or the description has a
 *   time beside a signature that nothing separates from it.
 */
export function hmacScheme(
  description: HmacDescription,
  options: TimedSecretOptions & PublicUrlOptions,
): Scheme {
  const { hash = 'SHA-256', signature, timestamp, needs = [] } = description
  if (timestamp !== undefined && 'prefix' in timestamp && signature.separator === undefined) {
    throw new RangeError('bad signature: a timestamp with a prefix needs a separator')
  }
  const keys = hmacKeys(options.secrets, hash)
  const tolerance = resolveTolerance(timestamp, options.toleranceSeconds)
  const urlOf = publicUrl(options)

  const scheme: Scheme = {
    async verify(webhook, nowMs) {
      const items = readItems(webhook, signature)
      if ('code' in items) return items
      const signatures = readSignatures(items, signature, HASH_BYTES[hash])
      if ('code' in signatures) return signatures
      // A copy, as the caller's buffer may change while we wait for the key.
      const body = concatBytes([webhook.body])
      const time = timeOf(timestamp, tolerance, { webhook, items, nowMs })
      if ('code' in time) return time
      const place = placeOf(webhook, needs, urlOf)
      if ('code' in place) return place

      const parts = description.signed({ timestamp: time.text, body, ...place })
      const content = parts.length === 1 && parts[0] === body ? body : concatBytes(parts)
      if (!(await keys.matchAny(content, signatures))) {
        if (needs.includes('url')) return refuse('signature_mismatch', URL_MISMATCH)
        const { liveMode } = description
        return liveMode === undefined
          ? refuse('signature_mismatch')
          : refuse('signature_mismatch', modeHint(parseJson(body), liveMode.json))
      }
      return acceptWith(description, webhook, time.at, body)
    },
  }

  return withTestSigner(scheme, async (event) => {
    const url = urlOf({ ...event, header: () => null }) ?? event.url
    const text = timestamp === undefined || 'json' in timestamp ? '' : writeTimestamp(timestamp, event.timeMs)
    const content = concatBytes(description.signed({ ...event, url, timestamp: text }))
    const signed = writeSignature(await keys.sign(content), signature)
    const inSignature = timestamp !== undefined && 'prefix' in timestamp
    const [header = ''] = [signature.header].flat()
    return {
      url,
      headers: {
        ...headersOf(description, event),
        ...(timestamp !== undefined && 'header' in timestamp ? { [timestamp.header]: text } : {}),
        [header]: inSignature ? `${timestamp.prefix}${text}${signature.separator ?? ','}${signed}` : signed,
      },
    }
  })
}

const URL_MISMATCH =
  'No signature matches: another secret, a changed body, or a URL that is not the one the provider was given (behind a proxy, set url or publicOrigin).'

function placeOf(
  webhook: ReceivedWebhook,
  needs: readonly ('method' | 'url')[],
  urlOf: (webhook: ReceivedWebhook) => string | null,
): { method: string; url: string } | VerifyFailure {
  const method = needs.includes('method') ? webhook.method : ''
  const url = needs.includes('url') ? urlOf(webhook) : ''
  if (method === null) return refuseAs('missing_method')
  return url === null ? refuseAs('missing_url') : { method, url }
}

/** The headers that name an event, for the test helper. */
export function headersOf(fields: EventFields, event: TestEvent): Record<string, string> {
  const headers: Record<string, string> = {}
  if (fields.id !== undefined && 'header' in fields.id) headers[fields.id.header] = event.id
  const [type] = [fields.type ?? []].flat()
  if (type !== undefined && 'header' in type) headers[type.header] = event.type
  return headers
}
