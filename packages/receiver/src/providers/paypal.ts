/** PayPal: RSA over a checksum of the body, by a certificate that PayPal publishes. @module */

import { decodeBase64 } from '../base64.ts'
import { concatBytes } from '../bytes.ts'
import { refuse, type Scheme } from '../scheme.ts'
import { certificateStore, type CertificateOptions } from './certificate-store.ts'
import { acceptWith } from './fields.ts'
import { refuseAs } from './refusal.ts'
import { secretTexts } from './shared-secret.ts'
import { resolveTolerance, timeOf } from './timestamp-source.ts'

/** Options of `paypal`. */
export interface PayPalOptions extends CertificateOptions {
  /** The id of the webhook in PayPal's dashboard, which is part of what is signed; or several. */
  readonly webhookIds: string | readonly string[]
  /** Whose certificates are trusted. Default `live`: an event of the sandbox is refused. */
  readonly environment?: 'live' | 'sandbox'
  /** Default 300. */
  readonly toleranceSeconds?: number
}

const DEFAULTS = { environment: 'live' } as const satisfies Partial<PayPalOptions>

const TIMESTAMP = { header: 'paypal-transmission-time', unit: 'iso', toleranceSeconds: 300 } as const

const HOSTS = {
  live: ['api.paypal.com', 'api-m.paypal.com'],
  sandbox: ['api.sandbox.paypal.com', 'api-m.sandbox.paypal.com'],
} as const satisfies Record<NonNullable<PayPalOptions['environment']>, readonly string[]>

const FIELDS = { id: { json: 'id' }, type: { json: 'event_type' } } as const

/**
 * Verifies PayPal's webhooks. Only the CRC-32 of the body is signed, which is no protection against someone
 * who holds a signed request and wants another body under it: read what matters again from PayPal's API.
 *
 * Source: PayPal's documentation, "Webhooks: verify offline". The hosts are those that its certificates were
 * seen at.
 *
 * @throws {WebhookSecretError} There is no webhook id.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function paypal(options: PayPalOptions): Scheme {
  const webhookIds = secretTexts(options.webhookIds)
  const environment = options.environment ?? DEFAULTS.environment
  const isOf = (host: string, of: keyof typeof HOSTS) => (HOSTS[of] as readonly string[]).includes(host)
  const tolerance = resolveTolerance(TIMESTAMP, options.toleranceSeconds)
  const certificates = certificateStore((url) => {
    if (!URL.canParse(url)) return false
    const { origin, host, pathname } = new URL(url)
    return (
      origin === `https://${host}` &&
      isOf(host, environment) &&
      pathname.startsWith('/v1/notifications/certs/')
    )
  }, options)

  return {
    async verify(webhook, nowMs) {
      const id = webhook.header('paypal-transmission-id')
      const signatureText = webhook.header('paypal-transmission-sig')
      const certificateUrl = webhook.header('paypal-cert-url')
      const algorithm = webhook.header('paypal-auth-algo')
      if (id === null) return refuse('missing_id', 'There is no paypal-transmission-id header.')
      if (signatureText === null || certificateUrl === null) {
        return refuse('missing_signature', 'There is no paypal-transmission-sig or paypal-cert-url header.')
      }
      if (algorithm !== null && algorithm !== 'SHA256withRSA') return refuseAs('unknown_algorithm')
      const other = environment === 'live' ? 'sandbox' : 'live'
      if (URL.canParse(certificateUrl) && isOf(new URL(certificateUrl).host, other)) {
        return refuseAs('other_environment')
      }
      // A `|` would let an id take over the place of the time.
      if (!/^[\w-]{1,100}$/.test(id)) return refuse('malformed_id', 'The transmission id is no id.')
      const signature = decodeBase64(signatureText)
      if (signature === null || signature.length < 256) {
        return refuse(
          'malformed_signature',
          'The signature is base64 of 256 bytes or more, and this one is not.',
        )
      }
      const body = concatBytes([webhook.body])
      const time = timeOf(TIMESTAMP, tolerance, { webhook, items: [], nowMs })
      if ('code' in time) return time
      const key = await certificates.keyAt(certificateUrl, 'SHA-256', nowMs)
      if (typeof key === 'string') return refuseAs(key)

      for (const webhookId of webhookIds) {
        const content = concatBytes([`${id}|${time.text}|${webhookId}|${crc32(body)}`])
        if (await crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, signature, content)) {
          return acceptWith(FIELDS, webhook, time.at, body)
        }
      }
      return refuse('signature_mismatch', 'No signature matches: another webhook id, or a changed body.')
    },
  }
}

/** Returns the CRC-32 of ISO 3309 as an unsigned number. */
export function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
