/** Both ways against the independent libraries of Standard Webhooks and Svix. @module */

import * as fc from 'fast-check'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { expect, test } from 'vitest'

import { encodeBase64 } from './base64.ts'
import { signHeaders } from './sign.ts'
import { standardWebhooks } from './standard-webhooks.ts'
import { verifyOrThrow } from './verify.ts'

const secrets = fc.uint8Array({ minLength: 24, maxLength: 64 }).map((key) => `whsec_${encodeBase64(key)}`)
const ids = fc
  .oneof(fc.uuid(), fc.string({ unit: 'grapheme', minLength: 1 }), fc.constant('msg_$&'))
  .filter((id) => /^[^\s.\p{Cc}\p{Cs}]+$/u.test(id))
const bodies = fc.oneof(
  fc.json(),
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '',
    '"$& $1 $$ $` é 📯"',
    '1.0',
    '"\\u00e9"',
    ' [1] ',
    JSON.stringify('x'.repeat(1_000_000)),
  ),
)

// The libraries read the clock themselves.
const timestamp = () => Math.floor(Date.now() / 1_000)

for (const [name, Webhook, family] of [
  ['standardwebhooks', StandardWebhook, 'webhook'],
  ['svix', SvixWebhook, 'svix'],
] as const) {
  test(`what ${name} signs is verified`, async () => {
    await fc.assert(
      fc.asyncProperty(secrets, ids, bodies, async (secret, id, body) => {
        const seconds = timestamp()
        const headers = {
          [`${family}-id`]: id,
          [`${family}-timestamp`]: String(seconds),
          [`${family}-signature`]: new Webhook(secret).sign(id, new Date(seconds * 1_000), body),
        }
        const event = await verifyOrThrow({ headers, body }, standardWebhooks({ secrets: secret }))
        expect(event.id).toBe(id)
        expect(event.text()).toBe(body)
      }),
      { numRuns: 40 },
    )
  })

  test(`what is signed here is verified by ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(secrets, ids, bodies, async (secret, id, body) => {
        const headers = await signHeaders(secret, { id, timestamp: timestamp(), body })
        expect(() => new Webhook(secret).verify(body, headers)).not.toThrow()
        expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow('No matching signature')
      }),
      { numRuns: 40 },
    )
  })
}
