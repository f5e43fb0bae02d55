/** The requests by which providers check who owns an endpoint. @module */

import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'

import {
  answerHandshake,
  generateSecret,
  type Handshake,
  type Scheme,
  type WebhookInput,
} from '../../src/index.ts'
import * as providers from '../../src/providers.ts'
import { signTestEvent } from '../../src/testing.ts'
import { discordKey, snsKey, TOPIC_ARN } from './key-pairs.ts'

const NOW = 1_790_000_000_000
const URL_OF = 'https://receiver.test/webhooks'
const timestamp = new Date(NOW)

async function answer(input: WebhookInput, scheme: Scheme): Promise<Handshake | string> {
  const result = await answerHandshake(input, scheme, { now: () => NOW })
  if (result === null) return 'none'
  return result.ok ? result : result.code
}

const get = (query: string, headers: Record<string, string> = {}) => ({
  method: 'GET',
  url: `${URL_OF}?${query}`,
  headers,
  body: '',
})
const text = (body: string) => ({
  response: {
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body,
  },
})

test('a scheme without a handshake answers none, and leaves the body unread', async () => {
  const request = new Request(URL_OF, { method: 'POST', body: '{}' })
  expect(await answer(request, providers.github({ secrets: 's' }))).toBe('none')
  expect(request.bodyUsed).toBe(false)
})

test('Slack: the challenge is echoed when it is signed, and not otherwise', async () => {
  const scheme = providers.slack({ secrets: 's' })
  const body = '{"type":"url_verification","challenge":"3eZb"}'
  const signed = await signTestEvent(scheme, { body, timestamp })
  expect(await answer(signed, scheme)).toMatchObject(text('3eZb'))
  expect(await answer({ headers: {}, body }, scheme)).toBe('missing_signature')
  expect(await answer(signed, providers.slack({ secrets: 'other' }))).toBe('signature_mismatch')
  const event = await signTestEvent(scheme, { body: '{"type":"event_callback"}', timestamp })
  expect(await answer(event, scheme)).toBe('none')
})

test('Slack: a challenge too long to be one is not echoed', async () => {
  const scheme = providers.slack({ secrets: 's' })
  const body = JSON.stringify({ type: 'url_verification', challenge: 'x'.repeat(1_025) })
  expect(await answer(await signTestEvent(scheme, { body, timestamp }), scheme)).toBe('malformed_body')
})

test('Posthorn: the challenge is sent back alone when it is signed, and not otherwise', async () => {
  const secrets = generateSecret()
  const scheme = providers.posthorn({ secrets })
  const body = '{"type":"webhook.verification","challenge":"3eZb"}'
  const signed = await signTestEvent(scheme, { body, timestamp })
  expect(await answer(signed, scheme)).toMatchObject({
    response: { status: 200, body: '{"challenge":"3eZb"}' },
  })
  expect(await answer({ headers: {}, body }, scheme)).toBe('missing_id')
  expect(await answer(signed, providers.posthorn({ secrets: generateSecret() }))).toBe('signature_mismatch')
  const event = await signTestEvent(scheme, { body: '{"type":"invoice.paid","challenge":"3eZb"}', timestamp })
  expect(await answer(event, scheme)).toBe('none')
  const long = JSON.stringify({ type: 'webhook.verification', challenge: 'x'.repeat(1_025) })
  expect(await answer(await signTestEvent(scheme, { body: long, timestamp }), scheme)).toBe('malformed_body')
})

test('Meta: the challenge is echoed for the configured verify token alone', async () => {
  const scheme = providers.meta({ secrets: 's', verifyToken: 'my token' })
  const query = 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token='
  expect(await answer(get(`${query}my+token`), scheme)).toMatchObject(text('1158201444'))
  expect(await answer(get(`${query}other`), scheme)).toBe('signature_mismatch')
  expect(await answer(get(query), scheme)).toBe('signature_mismatch')
  expect(await answer(get(`${query}my+token`), providers.meta({ secrets: 's' }))).toBe('none')
  expect(await answer({ ...get(`${query}my+token`), method: 'POST' }, scheme)).toBe('none')
  expect(() => providers.meta({ secrets: 's', verifyToken: '' })).toThrow(/secret_missing/)
})

test('Zoom: the token is encrypted when the request is signed', async () => {
  const scheme = providers.zoom({ secrets: 's' })
  const bodyOf = (plainToken: string) =>
    JSON.stringify({ event: 'endpoint.url_validation', payload: { plainToken } })
  const signed = await signTestEvent(scheme, { body: bodyOf('qgg8vlvZRS6UYooatFL8Aw'), timestamp })
  const result = await answer(signed, scheme)
  if (typeof result === 'string') throw new Error(result)
  expect(JSON.parse(result.response.body ?? '')).toEqual({
    plainToken: 'qgg8vlvZRS6UYooatFL8Aw',
    encryptedToken: createHmac('sha256', 's').update('qgg8vlvZRS6UYooatFL8Aw').digest('hex'),
  })
  expect(await answer({ headers: {}, body: bodyOf('abc') }, scheme)).toBe('missing_signature')
})

test('Zoom: it signs no text that would be the signature of an event', async () => {
  const scheme = providers.zoom({ secrets: 's' })
  const plainToken = 'v0:1790000000:{"event":"meeting.ended"}'
  const body = JSON.stringify({ event: 'endpoint.url_validation', payload: { plainToken } })
  expect(await answer(await signTestEvent(scheme, { body, timestamp }), scheme)).toBe('malformed_body')
})

test('Okta: the challenge of a GET is echoed as JSON', async () => {
  const scheme = providers.okta({ secrets: 's' })
  const result = await answer(get('', { 'x-okta-verification-challenge': 'abc' }), scheme)
  expect(result).toMatchObject({ response: { status: 200, body: '{"verification":"abc"}' } })
  expect(await answer(get(''), scheme)).toBe('none')
})

test('Dropbox: the challenge is echoed as text that no browser runs', async () => {
  const scheme = providers.dropbox({ secrets: 's' })
  expect(await answer(get('challenge=%3Cscript%3E'), scheme)).toMatchObject(text('<script>'))
  expect(await answer(get('other=1'), scheme)).toBe('none')
  expect(await answer(get(`challenge=${'x'.repeat(2_000)}`), scheme)).toBe('none')
})

test('Discord: a PING is answered when it is signed; events and interactions are none', async () => {
  const pair = discordKey()
  const scheme = providers.discord({ publicKeys: pair.publicKey })
  const sign = (json: object) =>
    pair.sign({ body: new TextEncoder().encode(JSON.stringify(json)), timeMs: NOW })
  expect(await answer(await sign({ type: 1 }), scheme)).toMatchObject({ response: { body: '{"type":1}' } })
  expect(await answer(await sign({ type: 0 }), scheme)).toMatchObject({
    response: { status: 204, body: null },
  })
  expect(await answer(await sign({ type: 1, event: {} }), scheme)).toBe('none')
  expect(await answer(await sign({ type: 2 }), scheme)).toBe('none')
  const forged = await discordKey().sign({ body: Uint8Array.from(Buffer.from('{"type":1}')), timeMs: NOW })
  expect(await answer(forged, scheme)).toBe('signature_mismatch')
})

test('Notion: the token is taken while the endpoint is set up, and never later', async () => {
  const input = { headers: {}, body: '{"verification_token":"secret_tMrl"}' }
  expect(await answer(input, providers.notionSetup())).toMatchObject({ verificationToken: 'secret_tMrl' })
  expect(await answer({ headers: {}, body: '{}' }, providers.notionSetup())).toBe('none')
  expect(await answer(input, providers.notion({ secrets: 's' }))).toBe('none')
})

test('WebSub: a subscription to a configured topic is confirmed, and to no other', async () => {
  const scheme = providers.webSub({ secrets: 's', topics: ['https://example.com/feed'] })
  const query = (mode: string, topic: string) =>
    get(new URLSearchParams({ 'hub.mode': mode, 'hub.topic': topic, 'hub.challenge': 'c' }).toString())
  expect(await answer(query('subscribe', 'https://example.com/feed'), scheme)).toMatchObject(text('c'))
  expect(await answer(query('unsubscribe', 'https://example.com/feed'), scheme)).toMatchObject(text('c'))
  expect(await answer(query('subscribe', 'https://example.com/other'), scheme)).toBe('unexpected_source')
  expect(await answer(query('denied', 'https://example.com/feed'), scheme)).toBe('none')
})

test('SNS: the URL to confirm is given when it is signed, and at the host of the topic', async () => {
  const pair = await snsKey()
  const scheme = providers.sns({ topicArns: TOPIC_ARN, fetchCertificate: pair.fetchCertificate })
  const sign = (json: object) =>
    pair.sign({ body: new TextEncoder().encode(JSON.stringify(json)), timeMs: NOW })
  const SubscribeURL = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t'
  const confirmation = { Type: 'SubscriptionConfirmation', Message: 'm', Token: 't', SubscribeURL }
  const signed = await sign(confirmation)
  expect(await answer(signed, scheme)).toMatchObject({ confirmUrl: SubscribeURL })

  const changed = Buffer.from(signed.body).toString().replace('Token=t', 'Token=u')
  expect(await answer({ headers: {}, body: changed }, scheme)).toBe('signature_mismatch')
  for (const host of ['evil.test', 'sns.us-east-1.amazonaws.com', 'sns.eu-west-1.amazonaws.com.evil.test']) {
    const elsewhere = await sign({ ...confirmation, SubscribeURL: SubscribeURL.replace(/sns[^/]*/, host) })
    expect(await answer(elsewhere, scheme)).toBe('unexpected_source')
  }
  const notification = await sign({ Type: 'Notification', Message: 'm' })
  expect(await answer(notification, scheme)).toBe('none')
})
