/** Signatures that vendors publish, in their documentation or in the tests of their SDKs. @module */

import { expect, test } from 'vitest'

import { verify, type Scheme, type WebhookInput } from '../../src/index.ts'
import { adyen, circleci, github, sendgrid, slack, square, twilio } from '../../src/providers.ts'

async function outcome(input: WebhookInput, scheme: Scheme, nowSeconds = 0): Promise<string> {
  const result = await verify(input, scheme, { now: () => nowSeconds * 1_000 })
  return result.ok ? 'accepted' : result.code
}

test('GitHub: the example of its documentation', async () => {
  const scheme = github({ secrets: "It's a Secret to Everybody" })
  const headers = {
    'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  }
  expect(await outcome({ headers, body: 'Hello, World!' }, scheme)).toBe('accepted')
  expect(await outcome({ headers, body: 'Hello, World?' }, scheme)).toBe('signature_mismatch')
})

test('Slack: the example of its documentation', async () => {
  const body =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  const headers = {
    'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    'x-slack-request-timestamp': '1531420618',
  }
  const scheme = slack({ secrets: '8f742231b10e8888abcd99yyyzzz85a5' })
  expect(await outcome({ headers, body }, scheme, 1_531_420_618)).toBe('accepted')
  expect(await outcome({ headers, body: `${body}&` }, scheme, 1_531_420_618)).toBe('signature_mismatch')
})

test.for([
  ['hello world', 'secret', '734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a'],
  ['lalala', 'another-secret', 'daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00'],
] as const)('CircleCI: %s of the table in its documentation', async ([body, secrets, hex]) => {
  const headers = { 'circleci-signature': `v1=${hex}` }
  expect(await outcome({ headers, body }, circleci({ secrets }))).toBe('accepted')
  expect(await outcome({ headers, body: `${body}!` }, circleci({ secrets }))).toBe('signature_mismatch')
})

test('Square: the example of its documentation', async () => {
  const headers = { 'x-square-hmacsha256-signature': '2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og=' }
  const input = { headers, body: '{"hello":"world"}' }
  const scheme = (url: string) => square({ secrets: 'asdf1234', url })
  expect(await outcome(input, scheme('https://example.com/webhook'))).toBe('accepted')
  expect(await outcome(input, scheme('https://example.com/webhook/'))).toBe('signature_mismatch')
})

test('Adyen: the example in the tests of its PHP library', async () => {
  const item = {
    pspReference: '7914073381342284',
    merchantAccountCode: 'TestMerchant',
    merchantReference: 'TestPayment-1407325143704',
    amount: { value: 1130, currency: 'EUR' },
    eventCode: 'AUTHORISATION',
    success: 'true',
    additionalData: { hmacSignature: 'Ny9gS2veKo5E4w8/OL6xz1/wvT/hYkAXy1xNc/QvO4I=' },
  }
  const bodyOf = (one: object) => JSON.stringify({ notificationItems: [{ NotificationRequestItem: one }] })
  const scheme = adyen({ secrets: 'DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00' })
  const result = await verify({ headers: {}, body: bodyOf(item) }, scheme)
  expect(result).toMatchObject({
    ok: true,
    event: { id: '7914073381342284:AUTHORISATION', type: 'AUTHORISATION' },
  })
  for (const change of [{ success: 'false' }, { amount: { value: 1131, currency: 'EUR' } }]) {
    const input = { headers: {}, body: bodyOf({ ...item, ...change }) }
    expect(await outcome(input, scheme)).toBe('signature_mismatch')
  }
})

test('SendGrid: the example in the tests of its libraries', async () => {
  const body = `${JSON.stringify([
    {
      email: 'hello@world.com',
      event: 'dropped',
      reason: 'Bounced Address',
      sg_event_id: 'ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA',
      sg_message_id: 'LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0',
      'smtp-id': '<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>',
      timestamp: 1_600_112_492,
    },
  ])}\r\n`
  const headers = {
    'x-twilio-email-event-webhook-signature':
      'MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=',
    'x-twilio-email-event-webhook-timestamp': '1600112502',
  }
  const scheme = sendgrid({
    publicKeys:
      'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
  })
  const result = await verify({ headers, body }, scheme, { now: () => 1_600_112_502_000 })
  expect(result).toMatchObject({
    ok: true,
    event: { dedupeId: 'ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA', type: 'dropped' },
  })
  expect(await outcome({ headers, body: body.trim() }, scheme, 1_600_112_502)).toBe('signature_mismatch')
})

const TWILIO_URL = 'https://mycompany.com/myapp.php?foo=1&bar=2'

test.for([
  ['+14158675309', 'RSOYDt4T1cUTdK1PDd93/VVr8B8='],
  ['+14158675310', 'GvWf1cFY/Q7PnoempGyD5oXAezc='],
] as const)('Twilio: the form of %s in its documentation', async ([caller, signature]) => {
  const form = {
    CallSid: 'CA1234567890ABCDE',
    Caller: caller,
    Digits: '1234',
    From: caller,
    To: '+18005551212',
  }
  const headers = { 'x-twilio-signature': signature, 'content-type': 'application/x-www-form-urlencoded' }
  const input = { method: 'POST', url: TWILIO_URL, headers, body: new URLSearchParams(form).toString() }
  const scheme = twilio({ secrets: '12345' })
  expect(await outcome(input, scheme)).toBe('accepted')
  expect(await outcome({ ...input, body: `${input.body}&A=1` }, scheme)).toBe('signature_mismatch')
  expect(await outcome({ ...input, url: `${TWILIO_URL}&baz=3` }, scheme)).toBe('signature_mismatch')
})

test('Twilio: the JSON in the tests of twilio-node', async () => {
  const hash = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620'
  const url = `${TWILIO_URL}&bodySHA256=${hash}`
  const headers = { 'x-twilio-signature': 'a9nBmqA0ju/hNViExpshrM61xv4=' }
  const body = '{"property": "value", "boolean": true}'
  const scheme = twilio({ secrets: '12345' })
  expect(await outcome({ url, headers, body }, scheme)).toBe('accepted')
  expect(await outcome({ url, headers, body: `${body} ` }, scheme)).toBe('malformed_body')
  expect(await outcome({ url: TWILIO_URL, headers, body }, scheme)).toBe('signature_mismatch')
})
