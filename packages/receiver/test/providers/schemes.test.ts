/** What is particular to some schemes, and what a declared one can do. @module */

import { Readable } from 'node:stream'
import { expect, test } from 'vitest'

import { generateKeyPair, standardWebhooks, verify, verifyOrThrow, type Scheme } from '../../src/index.ts'
import * as providers from '../../src/providers.ts'
import { hmacScheme } from '../../src/providers.ts'
import { signTestEvent, type TestEventOptions } from '../../src/testing.ts'

const NOW = 1_790_000_000_000
const now = () => NOW
const timestamp = new Date(NOW)
const HASH = /^sha256:[0-9a-f]{64}$/
const exactly = (id: string | RegExp) => (typeof id === 'string' ? new RegExp(`^${id}$`) : id)

async function eventOf(scheme: Scheme, options: TestEventOptions) {
  const request = await signTestEvent(scheme, { timestamp, ...options })
  const { dedupeId, id, type } = await verifyOrThrow(request, scheme, { now })
  expect(id).toBe(dedupeId)
  return { dedupeId, type }
}

async function code(input: object, scheme: Scheme): Promise<string> {
  const result = await verify(input as Parameters<typeof verify>[0], scheme, { now })
  return result.ok ? 'accepted' : result.code
}

test('a scheme of one’s own is declared in a few lines', async () => {
  const acme = hmacScheme(
    {
      signature: { header: 'x-acme-signature', prefix: 'v1=', separator: ',', encoding: 'hex' },
      timestamp: { header: 'x-acme-time', unit: 'seconds', toleranceSeconds: 60 },
      signed: ({ timestamp: time, body }) => [time, '.', body],
      type: { json: 'kind' },
    },
    { secrets: ['old', 'new'] },
  )
  expect(await eventOf(acme, { body: '{"kind":"a.b"}' })).toEqual({
    dedupeId: expect.stringMatching(HASH),
    type: 'a.b',
  })
})

test('a description whose time could not be told from its signature is refused', () => {
  const description = {
    signature: { header: 'x-s', encoding: 'hex' },
    timestamp: { prefix: 't=', unit: 'seconds', toleranceSeconds: 60 },
    signed: ({ body }: { body: Uint8Array }) => [body],
  } as const
  expect(() => hmacScheme(description, { secrets: 's' })).toThrow(/needs a separator/)
})

test('what a handshake answers is what a Response is made of', async () => {
  const answer = await providers
    .notionSetup()
    .handshake?.(
      { method: 'POST', url: null, header: () => null, body: Buffer.from('{"verification_token":"t"}') },
      NOW,
    )
  expect(answer?.ok && new Response(answer.response.body, answer.response).status).toBe(200)
})

const secrets = 's'
const WHSEC = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const named = { id: 'id-1', type: 'kind-1' }

test.for([
  ['github', providers.github({ secrets }), '{"action":"opened"}', 'id-1', 'kind-1.opened'],
  ['github, no action', providers.github({ secrets }), '{}', 'id-1', 'kind-1'],
  ['gitlab', providers.gitlab({ secrets: WHSEC }), '{}', 'id-1', null],
  ['standardWebhooks', standardWebhooks({ secrets: WHSEC }), '{"type":"a.b"}', 'id-1', 'a.b'],
  ['gitlabToken', providers.gitlabToken({ secrets }), '{}', 'id-1', 'kind-1'],
  ['bitbucket', providers.bitbucket({ secrets }), '{}', 'id-1', 'kind-1'],
  [
    'jira',
    providers.jira({ secrets }),
    '{"webhookEvent":"jira:issue_created"}',
    'id-1',
    'jira:issue_created',
  ],
  [
    'stripe',
    providers.stripe({ secrets }),
    '{"id":"evt_1","type":"charge.failed"}',
    'evt_1',
    'charge.failed',
  ],
  ['paddle', providers.paddle({ secrets }), '{"event_id":"evt_1","event_type":"t"}', 'evt_1', 't'],
  ['slack', providers.slack({ secrets }), '{"event_id":"Ev1","event":{"type":"message"}}', 'Ev1', 'message'],
  ['telegram', providers.telegram({ secrets }), '{"update_id":123,"message":{}}', '123', null],
  ['pagerduty', providers.pagerduty({ secrets }), '{"event":{"id":"e","event_type":"t"}}', 'e', 't'],
  [
    'linear',
    providers.linear({ secrets }),
    `{"type":"Issue","action":"create","webhookTimestamp":${NOW}}`,
    'id-1',
    'Issue.create',
  ],
  ['mailgun', providers.mailgun({ secrets }), '{"event-data":{"event":"opened"}}', 'id-1', 'opened'],
  ['okta', providers.okta({ secrets }), '{"eventId":"e","eventType":"t"}', 'e', 't'],
  ['shopify', providers.shopify({ secrets }), '{}', 'id-1', 'kind-1'],
  ['mux', providers.mux({ secrets }), '{"id":"e","type":"video.asset.ready"}', 'e', 'video.asset.ready'],
  ['workos', providers.workos({ secrets }), '{"id":"e","event":"user.created"}', 'e', 'user.created'],
  ['razorpay', providers.razorpay({ secrets }), '{"event":"payment.captured"}', 'id-1', 'payment.captured'],
  ['line', providers.line({ secrets }), '{"destination":"U1","events":[]}', HASH, null],
  ['hubspot, one', providers.hubspot({ secrets }), '[{"eventId":7,"subscriptionType":"t"}]', '7', 't'],
  ['hubspot, two', providers.hubspot({ secrets }), '[{"eventId":7},{"eventId":8}]', HASH, null],
  ['meta', providers.meta({ secrets }), '{"object":"page"}', HASH, 'page'],
  ['dropbox', providers.dropbox({ secrets }), '{}', HASH, null],
] as const)('the id and the type are found: %s', async ([, scheme, body, dedupeId, type]) => {
  expect(await eventOf(scheme, { body, ...named })).toEqual({
    dedupeId: expect.stringMatching(exactly(dedupeId)),
    type,
  })
})

test('an id that is absent, no text or too long is the hash of the body, and the same for the same body', async () => {
  const scheme = providers.stripe({ secrets })
  for (const body of [
    '',
    'no json',
    '[]',
    'null',
    '{"id":null}',
    '{"id":{}}',
    '{"id":""}',
    '{"id":1.5}',
    `{"id":"${'x'.repeat(257)}"}`,
    '{"__proto__":{"id":"p"}}',
  ]) {
    const { dedupeId } = await eventOf(scheme, { body })
    expect({ body, dedupeId }).toEqual({ body, dedupeId: expect.stringMatching(HASH) })
    expect(await eventOf(scheme, { body })).toMatchObject({ dedupeId })
  }
})

test('Stripe: v0 is never looked at, two times are refused, and an API key is told apart', async () => {
  const scheme = providers.stripe({ secrets })
  const { headers, body } = await signTestEvent(scheme, { body: '{}', timestamp })
  const signed = headers['stripe-signature']!
  const of = (text: string) => code({ headers: { 'stripe-signature': text }, body }, scheme)
  expect(await of(`${signed},v0=${'0'.repeat(64)}`)).toBe('accepted')
  expect(await of(signed.replace('v1=', 'v0='))).toBe('no_known_version')
  expect(await of(`t=1,${signed}`)).toBe('malformed_timestamp')
  expect(await of(signed.replace(/^t=\d+,/, ''))).toBe('missing_timestamp')
  for (const key of ['sk_live_x', 'pk_test_x', 'rk_live_x']) {
    expect(() => providers.stripe({ secrets: key })).toThrow(/secret_prefix.*API key/)
  }
})

test('a hint names the header that the provider sends', async () => {
  const result = await verify({ headers: {}, body: '' }, providers.github({ secrets }))
  expect(result).toMatchObject({
    code: 'missing_signature',
    hint: expect.stringContaining('x-hub-signature-256'),
  })
  await expect(verifyOrThrow({ headers: {}, body: '' }, providers.github({ secrets }))).rejects.toMatchObject(
    {
      hint: expect.stringContaining('x-hub-signature-256'),
    },
  )
})

test('DocuSign: any of its hundred headers may have the signature that matches', async () => {
  const scheme = providers.docusign({ secrets })
  const { headers, body } = await signTestEvent(scheme, { body: '{}' })
  const [signature] = Object.values(headers)
  const wrong = Buffer.alloc(32).toString('base64')
  const of = (some: Record<string, string>) => code({ headers: some, body }, scheme)
  expect(await of({ 'X-DocuSign-Signature-1': wrong, 'X-DocuSign-Signature-100': signature! })).toBe(
    'accepted',
  )
  expect(await of({ 'X-DocuSign-Signature-101': signature! })).toBe('missing_signature')
})

const PUBLIC = 'https://hooks.example.com/in?a=%2F&b=$&'

test('a scheme that signs the URL says when there is none, and takes none from a forwarding header', async () => {
  const signed = await signTestEvent(providers.square({ secrets, url: PUBLIC }), { body: '{}' })
  const headers = {
    ...signed.headers,
    host: 'hooks.example.com',
    'x-forwarded-host': 'hooks.example.com',
    'x-forwarded-proto': 'https',
  }
  const { body } = signed
  const plain = providers.square({ secrets })
  const target = '/in?a=%2F&b=$&'
  expect(await code({ headers, body }, plain)).toBe('missing_url')
  expect(await code({ headers, body, url: target }, plain)).toBe('missing_url')
  expect(await code({ headers, body, url: PUBLIC }, plain)).toBe('accepted')
  expect(await code({ headers, body, url: PUBLIC.replace('https', 'http') }, plain)).toBe(
    'signature_mismatch',
  )

  const withOrigin = providers.square({ secrets, publicOrigin: 'https://hooks.example.com' })
  for (const url of [target, PUBLIC, `http://10.0.0.1:3000${target}`]) {
    expect({ url, code: await code({ headers, body, url }, withOrigin) }).toEqual({ url, code: 'accepted' })
  }
  expect(await code({ headers, body }, withOrigin)).toBe('missing_url')
  expect(await code({ headers, body, url: 'http://x/y' }, providers.square({ secrets, url: PUBLIC }))).toBe(
    'accepted',
  )
})

test('of a Node request the path alone is believed, and Express’s original one first', async () => {
  const signed = await signTestEvent(providers.square({ secrets, url: PUBLIC }), { body: '{}' })
  const request = (rest: object) =>
    Object.assign(Readable.from([Buffer.from('{}')]), {
      httpVersion: '1.1',
      headers: signed.headers,
      ...rest,
    })
  const withOrigin = providers.square({ secrets, publicOrigin: 'https://hooks.example.com' })
  expect(await code(request({ url: '/in?a=%2F&b=$&' }), withOrigin)).toBe('accepted')
  expect(await code(request({ url: '/?a=%2F&b=$&', originalUrl: '/in?a=%2F&b=$&' }), withOrigin)).toBe(
    'accepted',
  )
  // A client may send an absolute target, with any host.
  expect(await code(request({ url: PUBLIC }), providers.square({ secrets }))).toBe('missing_url')
})

test('a web Request brings its method and its URL', async () => {
  const scheme = providers.hubspot({ secrets })
  const signed = await signTestEvent(scheme, { body: '[]', timestamp, url: 'https://hooks.example.com/in' })
  const { url, ...init } = signed
  expect(await code(new Request(url, init), scheme)).toBe('accepted')
  expect(await code(new Request(url, { ...init, method: 'PUT' }), scheme)).toBe('signature_mismatch')
  expect(await code({ url, headers: init.headers, body: init.body }, scheme)).toBe('missing_method')
})

test('a url or an origin that is none is refused', () => {
  for (const url of ['', '/in', 'hooks.example.com/in', 'ftp://example.com/']) {
    expect(() => providers.square({ secrets, url })).toThrow(/bad url/)
  }
  for (const publicOrigin of ['https://example.com/', 'https://example.com/in', 'example.com', '']) {
    expect(() => providers.twilio({ secrets, publicOrigin })).toThrow(/bad publicOrigin/)
  }
})

test('HubSpot: the escapes of its list are undone in the URL, and no others', async () => {
  const url = 'https://hooks.example.com/a%3Ab%2Fc%20d%25'
  const signed = await signTestEvent(providers.hubspot({ secrets, url }), { body: '[]', timestamp })
  const decoded = providers.hubspot({ secrets, url: 'https://hooks.example.com/a:b/c%20d%25' })
  expect(await code(signed, decoded)).toBe('accepted')
  const more = providers.hubspot({ secrets, url: 'https://hooks.example.com/a:b/c d%' })
  expect(await code(signed, more)).toBe('signature_mismatch')
})

test('Twilio: the port, the order and the repetition of fields are as its SDK has them', async () => {
  const url = 'https://hooks.example.com/in'
  const scheme = providers.twilio({ secrets, url })
  const signed = await signTestEvent(scheme, { body: 'b=2&a=1&a=1&a=0' })
  for (const body of ['b=2&a=1&a=1&a=0', 'a=0&a=1&b=2', '%61=0&a=1&b=2']) {
    expect({ body, code: await code({ ...signed, body }, scheme) }).toEqual({ body, code: 'accepted' })
  }
  const withPort = providers.twilio({ secrets, url: 'https://hooks.example.com:443/in' })
  expect(await code(signed, withPort)).toBe('accepted')
  expect(await code(await signTestEvent(withPort, { body: 'a=1' }), scheme)).toBe('accepted')
  expect(await code({ ...signed, body: Uint8Array.of(0xff) }, scheme)).toBe('malformed_body')
})

test('Shopify: an event has the headers of a webhook without their X, and is not taken for one', async () => {
  const scheme = providers.shopify({ secrets })
  const signed = await signTestEvent(scheme, { body: '{}', ...named })
  const hmac = signed.headers['x-shopify-hmac-sha256']!
  const headers = {
    'shopify-hmac-sha256': hmac,
    'shopify-topic': 'product_feeds/full_sync',
    'shopify-webhook-id': 'id-2',
  }
  const event = await verifyOrThrow({ headers, body: '{}' }, scheme)
  expect([event.dedupeId, event.type]).toEqual(['id-2', 'product_feeds/full_sync'])
  const mixed = { ...signed.headers, 'shopify-hmac-sha256': Buffer.alloc(32).toString('base64') }
  expect(await code({ headers: mixed, body: '{}' }, scheme)).toBe('signature_mismatch')
})

test('Twilio: JSON is signed by its hash in the URL', async () => {
  const scheme = providers.twilio({ secrets, publicOrigin: 'https://hooks.example.com' })
  const signed = await signTestEvent(scheme, { body: '{"a":1}', url: 'https://x.test/in?b=2' })
  expect(signed.url).toMatch(/^https:\/\/hooks\.example\.com\/in\?b=2&bodySHA256=[0-9a-f]{64}$/)
  expect(await code(signed, scheme)).toBe('accepted')
  expect(await code({ ...signed, body: '{"a":2}' }, scheme)).toBe('malformed_body')
  expect(await code({ ...signed, url: signed.url.replace('b=2', 'b=3') }, scheme)).toBe('signature_mismatch')
})

test('Adyen: every item of a batch must verify', async () => {
  const scheme = providers.adyen({ secrets: 'ab'.repeat(32) })
  const item = (pspReference: string, eventCode: string) => ({
    NotificationRequestItem: { pspReference, eventCode, success: 'true' },
  })
  const body = JSON.stringify({ notificationItems: [item('1', 'CAPTURE'), item('2', 'REFUND')] })
  const signed = await signTestEvent(scheme, { body })
  expect(await verify(signed, scheme)).toMatchObject({
    event: { dedupeId: '1:CAPTURE,2:REFUND', type: null },
  })
  const changed = Buffer.from(signed.body).toString().replace('"2"', '"3"')
  expect(await code({ headers: {}, body: changed }, scheme)).toBe('signature_mismatch')
  expect(() => providers.adyen({ secrets: 'abc' })).toThrow(/secret_hex/)
})

test('a public key that is none is refused when the scheme is made', () => {
  for (const publicKeys of ['ab', 'zz'.repeat(32), 'ab'.repeat(33)]) {
    expect(() => providers.discord({ publicKeys })).toThrow(/secret_key/)
  }
  for (const publicKeys of ['ab', Buffer.alloc(91).toString('base64')]) {
    expect(() => providers.sendgrid({ publicKeys })).toThrow(/secret_key/)
  }
})

test('the event holds the bytes that were verified, whatever the caller then does to its buffer', async () => {
  const scheme = providers.github({ secrets })
  const signed = await signTestEvent(scheme, { body: 'pay 1' })
  const body = Buffer.from(signed.body)
  const event = await verifyOrThrow({ headers: signed.headers, body }, scheme)
  body.write('pay 9')
  expect(event.text()).toBe('pay 1')
})

test('a scheme prints no secret', async () => {
  const { inspect } = await import('node:util')
  for (const scheme of [providers.github({ secrets: 'hidden' }), providers.okta({ secrets: 'hidden' })]) {
    expect(inspect(scheme, { depth: 9, showHidden: true })).not.toContain('hidden')
  }
})

test('signTestEvent says when it cannot sign', async () => {
  const { publicKey } = await generateKeyPair()
  const sign = (scheme: Scheme, body: unknown = '{}') => signTestEvent(scheme, { body: body as string })
  await expect(sign(standardWebhooks({ secrets: publicKey }))).rejects.toThrow(/public keys/)
  await expect(sign(providers.paypal({ webhookIds: 'WH-1' }))).rejects.toThrow(/only the provider can sign/)
  await expect(sign(providers.github({ secrets }), { a: 1 })).rejects.toThrow(/bad body/)
  await expect(sign(providers.mailgun({ secrets }), 'text')).rejects.toThrow(/bad body/)
})
