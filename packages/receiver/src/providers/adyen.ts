/** Adyen: the signature is in the body, over eight fields of each item. @module */

import { decodeBase64, encodeBase64 } from '../base64.ts'
import { concatBytes } from '../bytes.ts'
import { accept, refuse, type Scheme } from '../scheme.ts'
import { withTestSigner } from '../test-signer.ts'
import { bodyId, jsonAt, jsonText, parseJson } from './fields.ts'
import { modeHint } from './mode.ts'
import { hmacKeys, type SecretOptions } from './shared-secret.ts'

const SIGNED = [
  'pspReference',
  'originalReference',
  'merchantAccountCode',
  'merchantReference',
  'amount.value',
  'amount.currency',
  'eventCode',
  'success',
]

/**
 * Verifies Adyen's standard webhooks. The secrets are hexadecimal keys. Only the eight fields of each item are
 * signed: believe no other. There is no time, so a request can be replayed: deduplicate.
 *
 * Source: Adyen's documentation, "Verify HMAC signatures"; `HmacSignatureTest` of adyen-php-api-library.
 *
 * @throws {WebhookSecretError} There is no secret, or one is not hexadecimal.
 */
export function adyen(options: SecretOptions): Scheme {
  const keys = hmacKeys(options.secrets, 'SHA-256', 'hex')
  const scheme: Scheme = {
    async verify(webhook, nowMs) {
      const body = concatBytes([webhook.body])
      const json = parseJson(body)
      const items = itemsOf(json)
      if (items.length === 0) return refuse('malformed_body', 'The body has no notificationItems.')
      for (const item of items) {
        const text = jsonAt(item, 'additionalData.hmacSignature')
        if (typeof text !== 'string') return refuse('missing_signature', 'There is no hmacSignature.')
        const signature = decodeBase64(text)
        if (signature?.length !== 32) {
          return refuse('malformed_signature', 'An hmacSignature is 32 bytes in base64, and this one is not.')
        }
        if (!(await keys.matchAny(concatBytes([contentOf(item)]), [signature]))) {
          return refuse('signature_mismatch', modeHint(json, 'live'))
        }
      }
      const ids = items.map((item) => `${jsonText(item, 'pspReference')}:${jsonText(item, 'eventCode')}`)
      const types = new Set(items.map((item) => jsonText(item, 'eventCode')))
      const [type = null] = types
      const id = ids.join(',')
      return accept(id.length > 256 ? await bodyId(body) : id, new Date(nowMs), body, () =>
        types.size === 1 ? type : null,
      )
    },
  }

  return withTestSigner(scheme, async (event) => {
    const json = parseJson(event.body)
    for (const item of itemsOf(json)) {
      const hmacSignature = encodeBase64(await keys.sign(concatBytes([contentOf(item)])))
      Object.assign(item, {
        additionalData: { ...(jsonAt(item, 'additionalData') as object), hmacSignature },
      })
    }
    return { headers: {}, body: concatBytes([JSON.stringify(json)]) }
  })
}

function itemsOf(json: unknown): readonly object[] {
  const list = jsonAt(json, 'notificationItems')
  const items = Array.isArray(list) ? list.map((entry) => jsonAt(entry, 'NotificationRequestItem')) : []
  return items.every((item) => typeof item === 'object' && item !== null) ? items : []
}

function contentOf(item: object): string {
  return SIGNED.map((path) => {
    const value = jsonAt(item, path)
    return typeof value === 'boolean' ? String(value) : (jsonText(item, path) ?? '')
  }).join(':')
}
