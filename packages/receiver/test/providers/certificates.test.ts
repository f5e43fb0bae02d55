/** Certificates: how they are read, where they come from, and how often. @module */

import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { crc32 as nodeCrc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { verify, type Scheme, type WebhookInput } from '../../src/index.ts'
import { paypal, sns } from '../../src/providers.ts'
import { certificateStore } from '../../src/providers/certificate-store.ts'
import { ecdsaFromDer, readDer } from '../../src/providers/der.ts'
import { crc32 } from '../../src/providers/paypal.ts'
import { readCertificate } from '../../src/providers/x509.ts'
import { makeCertificate } from './certificate.ts'
import { paypalKey, snsKey, TOPIC_ARN } from './key-pairs.ts'

const NOW = 1_790_000_000_000
const BODY = Uint8Array.from(Buffer.from('{"id":"WH-EVENT","event_type":"PAYMENT.SALE.COMPLETED"}'))

async function code(input: WebhookInput, scheme: Scheme, nowMs = NOW): Promise<string> {
  const result = await verify(input, scheme, { now: () => nowMs })
  return result.ok ? 'accepted' : result.code
}

test('every certificate that Node trusts is read as Node reads it', () => {
  expect(rootCertificates.length).toBeGreaterThan(100)
  for (const pem of rootCertificates) {
    const node = new X509Certificate(pem)
    expect(readCertificate(pem)).toEqual({
      spki: new Uint8Array(node.publicKey.export({ format: 'der', type: 'spki' })),
      notBeforeMs: Date.parse(node.validFrom),
      notAfterMs: Date.parse(node.validTo),
    })
  }
})

test('no text, and no damage to a certificate, makes the reader throw', () => {
  const pem = rootCertificates[0]!
  fc.assert(
    fc.property(fc.nat(), fc.string({ maxLength: 3 }), (at, text) => {
      const index = at % pem.length
      readCertificate(pem.slice(0, index) + text + pem.slice(index + 1))
      readCertificate(pem.slice(0, index))
      expect(readCertificate(text)).toBeNull()
    }),
  )
})

test('DER is read in its one spelling alone', () => {
  const read = (...bytes: number[]) => readDer(Uint8Array.from(bytes))?.map((element) => element.tag)
  expect(read(0x02, 0x01, 0x05)).toEqual([0x02])
  expect(read()).toEqual([])
  for (const bytes of [
    [0x02],
    [0x02, 0x02, 0x05],
    [0x30, 0x80, 0x00, 0x00],
    [0x02, 0x81, 0x01, 0x05],
    [0x02, 0x82, 0x00, 0x01, 0x05],
    [0x1f, 0x01, 0x00],
    [0x02, 0x85, 0, 0, 0, 0, 1, 5],
  ]) {
    expect({ bytes, read: read(...bytes) }).toEqual({ bytes, read: undefined })
  }
})

test('an ECDSA signature in DER has one spelling: no negative number, no zero in front, nothing after', () => {
  const read = (...bytes: number[]) => ecdsaFromDer(Uint8Array.from(bytes), 2)
  expect(read(0x30, 6, 2, 1, 5, 2, 1, 7)).toEqual(Uint8Array.of(0, 5, 0, 7))
  expect(read(0x30, 8, 2, 3, 0, 0x80, 1, 2, 1, 7)).toEqual(Uint8Array.of(0x80, 1, 0, 7))
  for (const bytes of [
    [0x30, 6, 2, 1, 0x85, 2, 1, 7],
    [0x30, 7, 2, 2, 0, 5, 2, 1, 7],
    [0x30, 6, 2, 1, 5, 2, 1, 7, 0],
    [0x30, 3, 2, 1, 5],
    [0x30, 8, 2, 3, 1, 1, 1, 2, 1, 7],
    [0x30, 5, 2, 0, 2, 1, 7],
  ]) {
    expect({ bytes, read: read(...bytes) }).toEqual({ bytes, read: null })
  }
})

test('the checksum of PayPal is the CRC-32 that everybody means', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(crc32(bytes)).toBe(nodeCrc32(bytes))
    }),
  )
})

test('no request makes us fetch from another place than the pinned one', async () => {
  const fetched: string[] = []
  const fetchCertificate = async (url: string) => {
    fetched.push(url)
    return ''
  }
  const pair = await paypalKey('WH-1')
  const signed = await pair.sign({ body: BODY, timeMs: NOW })
  const scheme = paypal({ webhookIds: 'WH-1', fetchCertificate })
  const path = '/v1/notifications/certs/CERT-1'
  for (const url of [
    `https://evil.test${path}`,
    `http://api.paypal.com${path}`,
    `https://api.paypal.com.evil.test${path}`,
    `https://api.paypal.com:8443${path}`,
    `https://api.paypal.com@evil.test${path}`,
    `https://evil.test/?https://api.paypal.com${path}`,
    'https://api.paypal.com/v1/notifications/certs/../../redirect?to=evil',
    'https://api.paypal.com/other',
    'file:///etc/passwd',
    'x',
    '',
  ]) {
    const input = { ...signed, headers: { ...signed.headers, 'paypal-cert-url': url } }
    expect({ url, code: await code(input, scheme) }).toEqual({ url, code: 'certificate_refused' })
  }
  const topic = await snsKey()
  const other = sns({ topicArns: TOPIC_ARN, fetchCertificate })
  for (const url of [
    'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-abc.pem',
    'https://sns.eu-west-1.amazonaws.com.evil.test/SimpleNotificationService-abc.pem',
    'https://sns.eu-west-1.amazonaws.com.cn/SimpleNotificationService-abc.pem',
    'https://user@sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem',
    'https://sns.eu-west-1.amazonaws.com/?Action=GetTopic',
  ]) {
    const json = { Type: 'Notification', Message: 'm', SigningCertURL: url }
    const input = await topic.sign({ body: new TextEncoder().encode(JSON.stringify(json)), timeMs: NOW })
    expect({ url, code: await code(input, other) }).toEqual({ url, code: 'certificate_refused' })
  }
  expect(fetched).toEqual([])
})

test('PayPal: the sandbox is another environment, and an algorithm is never taken from the request', async () => {
  const pair = await paypalKey('WH-1')
  const signed = await pair.sign({ body: BODY, timeMs: NOW })
  const make = (environment: 'live' | 'sandbox') => paypal({ webhookIds: 'WH-1', environment, ...pair })
  expect(await code(signed, make('live'))).toBe('accepted')
  expect(await code(signed, make('sandbox'))).toBe('other_environment')
  const sandboxed = { 'paypal-cert-url': 'https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1' }
  const ofSandbox = { ...signed, headers: { ...signed.headers, ...sandboxed } }
  expect(await code(ofSandbox, make('live'))).toBe('other_environment')
  const headers = { ...signed.headers, 'paypal-auth-algo': 'SHA1withRSA' }
  expect(await code({ ...signed, headers }, make('live'))).toBe('unknown_algorithm')
})

test('SNS: version 2 is verified when it is configured, and the message cannot choose', async () => {
  const body = new TextEncoder().encode('{"Type":"Notification","Message":"m","Subject":""}')
  for (const version of ['1', '2'] as const) {
    const pair = await snsKey(version)
    const signed = await pair.sign({ body, timeMs: NOW })
    const make = (signatureVersion: '1' | '2') =>
      sns({ topicArns: TOPIC_ARN, signatureVersion, fetchCertificate: pair.fetchCertificate })
    expect(await code(signed, make(version))).toBe('accepted')
    expect(await code(signed, make(version === '1' ? '2' : '1'))).toBe('unknown_algorithm')
  }
})

test('SNS: what AWS signed for the topic of somebody else is refused', async () => {
  const pair = await snsKey()
  const json = { Type: 'Notification', Message: 'm', TopicArn: 'arn:aws:sns:eu-west-1:999999999999:orders' }
  const signed = await pair.sign({ body: new TextEncoder().encode(JSON.stringify(json)), timeMs: NOW })
  const scheme = sns({ topicArns: TOPIC_ARN, fetchCertificate: pair.fetchCertificate })
  expect(await code(signed, scheme)).toBe('unexpected_source')
})

test('a certificate is fetched once, by requests at the same time too, and again after a day', async () => {
  let fetches = 0
  const pair = await paypalKey('WH-1')
  const fetchCertificate = async () => {
    fetches += 1
    return pair.fetchCertificate()
  }
  const scheme = paypal({ webhookIds: 'WH-1', fetchCertificate, toleranceSeconds: 1e9 })
  const signed = await pair.sign({ body: BODY, timeMs: NOW })
  await Promise.all([1, 2, 3].map(() => code(signed, scheme)))
  expect(await code(signed, scheme, NOW + 86_400_000)).toBe('accepted')
  expect(fetches).toBe(1)
  expect(await code(signed, scheme, NOW + 86_400_001)).toBe('accepted')
  expect(fetches).toBe(2)
})

test('a fetch that fails is told, remembered for a minute, and then tried again', async () => {
  let fetches = 0
  const pair = await paypalKey('WH-1')
  const fetchCertificate = async () => {
    fetches += 1
    if (fetches === 1) throw new Error('no route')
    return pair.fetchCertificate()
  }
  const scheme = paypal({ webhookIds: 'WH-1', fetchCertificate })
  const signed = await pair.sign({ body: BODY, timeMs: NOW })
  expect(await code(signed, scheme)).toBe('certificate_unavailable')
  expect(await code(signed, scheme, NOW + 60_000)).toBe('certificate_unavailable')
  expect(fetches).toBe(1)
  expect(await code(signed, scheme, NOW + 60_001)).toBe('accepted')
})

test('URLs that a stranger makes up are bounded, and do not displace a certificate that works', async () => {
  let fetches = 0
  const good = await makeCertificate()
  const store = certificateStore(() => true, {
    fetchCertificate: async (url) => {
      fetches += 1
      return url === 'good' ? good.pem : 'nothing'
    },
  })
  expect(await store.keyAt('good', 'SHA-256', NOW)).toBeInstanceOf(CryptoKey)
  for (let i = 0; i < 100; i++) await store.keyAt(`bad-${i}`, 'SHA-256', NOW)
  expect(fetches).toBe(33)
  expect(await store.keyAt('good', 'SHA-256', NOW)).toBeInstanceOf(CryptoKey)
  expect(fetches).toBe(33)

  // A day later, in the middle of the next flood.
  const later = NOW + 86_400_001
  for (let i = 0; i < 100; i++) await store.keyAt(`other-${i}`, 'SHA-256', later)
  expect(fetches).toBe(65)
  expect(await store.keyAt('good', 'SHA-256', later)).toBeInstanceOf(CryptoKey)
  expect(fetches).toBe(66)
})

test('a certificate that is expired, not yet valid, of a short key or of no RSA key is refused', async () => {
  const keyOf = async (pem: string) =>
    certificateStore(() => true, { fetchCertificate: async () => pem }).keyAt('u', 'SHA-256', NOW)
  expect(await keyOf((await makeCertificate({ notAfter: '260101' })).pem)).toBe('certificate_refused')
  expect(await keyOf((await makeCertificate({ notBefore: '270101' })).pem)).toBe('certificate_refused')
  expect(await keyOf((await makeCertificate({ bits: 1_024 })).pem)).toBe('certificate_refused')
  const ec = rootCertificates.find((pem) => new X509Certificate(pem).publicKey.asymmetricKeyType === 'ec')
  expect(await keyOf(ec!)).toBe('certificate_refused')
  expect(await keyOf((await makeCertificate()).pem)).toBeInstanceOf(CryptoKey)
})
