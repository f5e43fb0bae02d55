/** The mistakes that developers make first, and that the code and the hint name each of them. @module */

import { expect, test } from 'vitest'

import {
  generateKeyPair,
  generateSecret,
  standardWebhooks,
  verify,
  WebhookSecretError,
  type Scheme,
  type WebhookInput,
} from '../src/index.ts'
import * as providers from '../src/providers.ts'
import { signTestEvent } from '../src/testing.ts'

const NOW = 1_790_000_000_000
const timestamp = new Date(NOW)
const SECRET = generateSecret()
const scheme = standardWebhooks({ secrets: SECRET })

async function refusal(input: WebhookInput, by: Scheme = scheme, nowMs = NOW) {
  const result = await verify(input, by, { now: () => nowMs })
  if (result.ok) throw new Error('accepted')
  return { code: result.code, hint: result.hint }
}

/** What is said of a secret, when the scheme is made. */
function secretRefusal(make: () => Scheme) {
  try {
    make()
  } catch (error) {
    if (error instanceof WebhookSecretError) return { code: error.code, hint: error.hint }
    throw error
  }
  throw new Error('accepted')
}

const says = (code: string, hint: RegExp) => ({ code, hint: expect.stringMatching(hint) })

test('a body that was parsed', async () => {
  const signed = await signTestEvent(scheme, { body: '{"a":1}', timestamp })
  const parsed = { headers: signed.headers, body: { a: 1 } as unknown as string }
  expect(await refusal(parsed)).toEqual(says('parsed_body', /express\.raw.*before express\.json/))
})

test('a body that was read before', async () => {
  const { url, ...init } = await signTestEvent(scheme, { body: '{"a":1}', timestamp })
  const request = new Request(url, init)
  await request.json()
  expect(await refusal(request)).toEqual(says('body_used', /Verify first.*clone/))
})

test('a secret with a line break pasted along', () => {
  for (const text of [`${SECRET}\n`, ` ${SECRET}`]) {
    const hint = says('secret_whitespace', /line break/)
    expect(secretRefusal(() => standardWebhooks({ secrets: text }))).toEqual(hint)
    expect(secretRefusal(() => providers.github({ secrets: text }))).toEqual(hint)
  }
})

test('a secret that is not set', () => {
  const unset = process.env['THERE_IS_NO_SUCH_VARIABLE'] as string
  const hint = says('secret_missing', /environment variable/)
  expect(secretRefusal(() => standardWebhooks({ secrets: unset }))).toEqual(hint)
  expect(secretRefusal(() => providers.stripe({ secrets: unset }))).toEqual(hint)
})

test('a secret of another kind', async () => {
  const { privateKey } = await generateKeyPair()
  const of = (secrets: string) => secretRefusal(() => standardWebhooks({ secrets }))
  expect(of('sk_live_abc')).toEqual(says('secret_prefix', /whsec_.*whpk_/))
  expect(of(privateKey)).toEqual(says('secret_private', /whpk_/))
  expect(of(SECRET.slice(0, -3))).toEqual(says('secret_base64', /cut short/))
  const stripe = secretRefusal(() => providers.stripe({ secrets: 'sk_test_abc' }))
  expect(stripe).toEqual(says('secret_prefix', /API key.*whsec_/))
})

test('a header that is not there', async () => {
  const signed = await signTestEvent(scheme, { body: '{}', timestamp })
  for (const [name, code] of [
    ['webhook-id', 'missing_id'],
    ['webhook-timestamp', 'missing_timestamp'],
    ['webhook-signature', 'missing_signature'],
  ] as const) {
    const { [name]: _gone, ...headers } = signed.headers
    expect(await refusal({ ...signed, headers })).toEqual(says(code, new RegExp(`${name}.*proxy`)))
  }
  expect(await refusal({ headers: {}, body: '' }, providers.shopify({ secrets: 's' }))).toEqual(
    says('missing_signature', /x-shopify-hmac-sha256/),
  )
})

test('a clock that is wrong', async () => {
  const signed = await signTestEvent(scheme, { body: '{}', timestamp })
  expect(await refusal(signed, scheme, NOW + 301_000)).toEqual(says('timestamp_too_old', /clock/))
  expect(await refusal(signed, scheme, NOW - 301_000)).toEqual(says('timestamp_too_new', /clock/))
  const headers = { ...signed.headers, 'webhook-timestamp': String(NOW) }
  expect(await refusal({ ...signed, headers })).toEqual(says('malformed_timestamp', /not milliseconds/))
})

test('a test key with a live event, and the other way', async () => {
  const ofTestMode = providers.stripe({ secrets: 'whsec_test' })
  const ofLiveMode = providers.stripe({ secrets: 'whsec_live' })
  const liveEvent = await signTestEvent(ofLiveMode, { body: '{"livemode":true}', timestamp })
  expect(await refusal(liveEvent, ofTestMode)).toEqual(says('signature_mismatch', /of live mode/))
  const testEvent = await signTestEvent(ofTestMode, { body: '{"livemode":false}', timestamp })
  expect(await refusal(testEvent, ofLiveMode)).toEqual(says('signature_mismatch', /of test mode/))
  // Who cannot tell says nothing of it.
  for (const body of ['{}', '{"livemode":"yes"}', '[]', 'no json', '{"livemode":{"toString":1}}']) {
    const signed = await signTestEvent(ofLiveMode, { body, timestamp })
    expect((await refusal(signed, ofTestMode)).hint).not.toContain('mode')
  }

  const item = { NotificationRequestItem: { pspReference: '1', eventCode: 'CAPTURE', success: 'true' } }
  const body = JSON.stringify({ live: 'true', notificationItems: [item] })
  const [one, other] = ['ab', 'cd'].map((byte) => providers.adyen({ secrets: byte.repeat(32) }))
  const signed = await signTestEvent(one!, { body })
  expect(await refusal(signed, other)).toEqual(says('signature_mismatch', /of live mode/))
})

test('a URL that is not the public one, and one that is not there', async () => {
  const url = 'https://hooks.example.com/in'
  const square = providers.square({ secrets: 's', url })
  const signed = await signTestEvent(square, { body: '{}' })
  const behindProxy = { ...signed, url: 'http://10.0.0.1:3000/in' }
  const plain = providers.square({ secrets: 's' })
  expect(await refusal(behindProxy, plain)).toEqual(says('signature_mismatch', /proxy.*publicOrigin/))
  const { url: _url, ...rest } = signed
  expect(await refusal(rest, plain)).toEqual(says('missing_url', /publicOrigin/))
})

test('no hint has the secret, the signature or the body in it', async () => {
  const signed = await signTestEvent(scheme, { body: '{"card":"4242"}', timestamp })
  const other = standardWebhooks({ secrets: generateSecret() })
  const { hint } = await refusal(signed, other)
  for (const secret of [SECRET, signed.headers['webhook-signature']!, '4242'])
    expect(hint).not.toContain(secret)
})
