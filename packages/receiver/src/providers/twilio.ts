/** Twilio: HMAC-SHA1 of the URL and the fields of the form, or of a URL that has the body's hash. @module */

import { concatBytes, decodeHex, encodeHex, sha256 } from '../bytes.ts'
import type { Bytes } from '../base64.ts'
import { equalBytes } from '../equal-bytes.ts'
import { refuse, type Scheme } from '../scheme.ts'
import { withTestSigner } from '../test-signer.ts'
import { acceptWith, parseJson } from './fields.ts'
import { publicUrl, type PublicUrlOptions } from './public-url.ts'
import { refuseAs } from './refusal.ts'
import { hmacKeys, type SecretOptions } from './shared-secret.ts'
import { readItems, readSignatures, writeSignature } from './signature-source.ts'

/** Options of `twilio`. The secrets are auth tokens, the primary one and during a rotation the secondary. */
export type TwilioOptions = SecretOptions & PublicUrlOptions

const SIGNATURE = { header: 'x-twilio-signature', encoding: 'base64' } as const
const FIELDS = { id: { header: 'i-twilio-idempotency-token' } } as const

/**
 * Verifies Twilio's webhooks. Give `url` or, where the query differs from request to request (as it does for
 * JSON, by `bodySHA256`), `publicOrigin`. What is signed of a form are its fields, so the same fields in another
 * order or escaping verify too. The id's header is not signed. There is no time, and no event type.
 *
 * Source: Twilio's documentation, "Webhooks security"; `webhooks.ts` of twilio-node, whose readings of the port and of
 * characters that `new URL` escapes are tried; not the one that writes the query anew.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 * @throws {RangeError} `url` or `publicOrigin` is not what it must be.
 */
export function twilio(options: TwilioOptions): Scheme {
  const keys = hmacKeys(options.secrets, 'SHA-1')
  const urlOf = publicUrl(options)

  const scheme: Scheme = {
    async verify(webhook, nowMs) {
      const items = readItems(webhook, SIGNATURE)
      if ('code' in items) return items
      const signatures = readSignatures(items, SIGNATURE, 20)
      if ('code' in signatures) return signatures
      const url = urlOf(webhook)
      if (url === null) return refuseAs('missing_url')
      const body = concatBytes([webhook.body])
      const fields = await signedFields(url, body)
      if (fields === null) return refuse('malformed_body', 'The body is no form, or not of its bodySHA256.')

      for (const spelling of spellings(url)) {
        if (await keys.matchAny(concatBytes([spelling, ...fields]), signatures)) {
          return acceptWith(FIELDS, webhook, new Date(nowMs), body)
        }
      }
      return refuse(
        'signature_mismatch',
        'No signature matches: another auth token, or a URL that is not the one Twilio was given (behind a proxy, set url or publicOrigin).',
      )
    },
  }

  return withTestSigner(scheme, async (event) => {
    let url = urlOf({ ...event, header: () => null }) ?? event.url
    if (options.url === undefined && parseJson(event.body) !== undefined) {
      url += `${url.includes('?') ? '&' : '?'}bodySHA256=${encodeHex(await sha256(event.body))}`
    }
    const fields = await signedFields(url, event.body)
    if (fields === null) throw new TypeError('bad body: Twilio sends a form in UTF-8, or JSON')
    const signature = writeSignature(await keys.sign(concatBytes([url, ...fields])), SIGNATURE)
    return { url, headers: { [SIGNATURE.header]: signature, [FIELDS.id.header]: event.id } }
  })
}

/** Returns what follows the URL in what is signed, or `null` when the body is not what the URL says. */
async function signedFields(url: string, body: Bytes): Promise<readonly string[] | null> {
  const hash = new URL(url).searchParams.get('bodySHA256')
  if (hash !== null) return equalBytes(await sha256(body), decodeHex(hash) ?? new Uint8Array()) ? [] : null
  try {
    const form = new URLSearchParams(new TextDecoder('utf-8', { fatal: true }).decode(body))
    const names = [...new Set(form.keys())].toSorted()
    return names.flatMap((name) => [...new Set(form.getAll(name))].toSorted().map((value) => name + value))
  } catch {
    return null
  }
}

/** Scheme and userinfo, host, port, and the rest, character for character: `new URL` would escape some of them. */
const URL_PARTS = /^(https?:\/\/(?:[^/?#]*@)?)(\[[^\]]*\]|[^:/?#]*)(?::(\d*))?(.*)$/is

/** The URL as it is and as `new URL` writes it, each without a port and with one: Twilio signs any of them. */
function spellings(url: string): ReadonlySet<string> {
  const texts = [url, new URL(url).toString()].flatMap((text) => {
    const [, start = '', host = '', port, rest = ''] = URL_PARTS.exec(text) ?? []
    const usual = start.toLowerCase().startsWith('https:') ? '443' : '80'
    return [`${start}${host}${rest}`, `${start}${host}:${port || usual}${rest}`]
  })
  return new Set([url, ...texts])
}
