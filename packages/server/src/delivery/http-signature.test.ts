import { createHash, createPublicKey, createPrivateKey, verify } from 'node:crypto'

import { httpbis } from 'http-message-signatures'
import { expect, test } from 'vitest'

import { type SigningKey, newSigningKey, publicHalf } from '../domain/signing-key.ts'
import { type Component, signatureBase, targetComponents } from './http-signature.ts'
import { signerFor } from './signing.ts'

const NOW = 1_790_000_000_000
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = new TextEncoder().encode('{"paid": 1.0}')

interface SentRequest {
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: Uint8Array
}

/** A request to this URL as it would be sent, signed with these keys. */
function requestTo(url: string, serverKeys: readonly SigningKey[], at = NOW): SentRequest {
  const endpoint = { url, secret: SECRET, oldSecrets: [], settings: { signatures: ['rfc9421'] as const } }
  const signed = signerFor(endpoint, { alsoSvix: false, serverKeys })('msg_1', at, body, 'application/json')
  return { url, body, headers: { 'content-type': 'application/json', ...signed } }
}

function publicKeyOf(key: SigningKey) {
  const { publicKey } = publicHalf(key)
  const x = Buffer.from(publicKey.slice('whpk_'.length), 'base64').toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

/** Tells whether an independent implementation accepts the signature of this key; `null` where there is none of it. */
async function isVerified({ url, headers }: SentRequest, key: SigningKey): Promise<boolean | null> {
  let isFound = false
  const config: Parameters<typeof httpbis.verifyMessage>[0] = {
    requiredParams: ['created', 'keyid', 'alg', 'tag'],
    requiredFields: [
      '@method',
      '@authority',
      '@path',
      '@query',
      'content-digest',
      'content-type',
      'webhook-id',
    ],
    notAfter: new Date(NOW + 1_000),
    keyLookup: async ({ keyid }) => {
      if (keyid !== key.id) return null
      isFound = true
      return {
        id: key.id,
        algs: ['ed25519'],
        verify: async (data, signature) => verify(null, data, publicKeyOf(key), signature),
      }
    },
  }
  try {
    const isRight = await httpbis.verifyMessage(config, { method: 'POST', url, headers })
    return isFound ? isRight : null
  } catch {
    return isFound ? false : null
  }
}

test.each([
  'https://acme.example/hook',
  'https://acme.example',
  'https://ACME.example:8443/a%20b/?x=1&y=%C3%A9',
  'https://acme.example:443/hook?',
  'http://[2606:4700::1111]/hook',
])('another implementation accepts what is signed to %s', async (url) => {
  const key = newSigningKey(NOW)
  const request = requestTo(url, [key])
  expect(await isVerified(request, key)).toBe(true)
  expect(request.headers).not.toHaveProperty('webhook-signature')
})

test('a change of anything that is covered is found out', async () => {
  const key = newSigningKey(NOW)
  const request = requestTo('https://acme.example/hook?a=1', [key])
  const headers = (changed: object) => ({ ...request, headers: { ...request.headers, ...changed } })
  const changed: SentRequest[] = [
    { ...request, url: 'https://evil.example/hook?a=1' },
    { ...request, url: 'https://acme.example/other?a=1' },
    { ...request, url: 'https://acme.example/hook?a=2' },
    headers({ 'content-digest': 'sha-256=:AAAA:' }),
    headers({ 'content-type': 'text/plain' }),
    headers({ 'webhook-id': 'msg_2' }),
    headers({ 'webhook-timestamp': '1790000001' }),
  ]
  const verdicts = await Promise.all(changed.map((each) => isVerified(each, key)))
  expect(verdicts).toEqual(changed.map(() => false))
})

test('the digest is that of the bytes', () => {
  const digest = createHash('sha256').update(body).digest('base64')
  expect(requestTo('https://a.example/', [newSigningKey(NOW)]).headers['content-digest']).toBe(
    `sha-256=:${digest}:`,
  )
})

test('through a rotation each key has a signature of its own, and an expired one none', async () => {
  const next = newSigningKey(NOW)
  const old = { ...newSigningKey(NOW - 1_000), expiresAt: NOW + 500 }
  const within = requestTo('https://acme.example/hook', [next, old])
  expect([await isVerified(within, next), await isVerified(within, old)]).toEqual([true, true])
  const after = requestTo('https://acme.example/hook', [next, old], NOW + 500)
  expect([await isVerified(after, next), await isVerified(after, old)]).toEqual([true, null])
})

// Source: RFC 9421, appendix B.1.4 (the key) and B.2.6 (the signature).
test('the base and the signature are those of the RFC', () => {
  const components: Component[] = [
    ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
    ...targetComponents('POST', new URL('https://example.com/foo?param=Value&Pet=dog'))
      .filter(([name]) => name !== '@query')
      .toSorted(
        ([a], [b]) =>
          ['@method', '@path', '@authority'].indexOf(a) - ['@method', '@path', '@authority'].indexOf(b),
      ),
    ['content-type', 'application/json'],
    ['content-length', '18'],
  ]
  const params =
    '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"'
  const base = signatureBase(components, params)
  const signature = 'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=='
  const privateKey = createPrivateKey(
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----',
  )
  expect(verify(null, Buffer.from(base), createPublicKey(privateKey), Buffer.from(signature, 'base64'))).toBe(
    true,
  )
  expect(base.split('\n').slice(0, 4)).toEqual([
    '"date": Tue, 20 Apr 2021 02:07:55 GMT',
    '"@method": POST',
    '"@path": /foo',
    '"@authority": example.com',
  ])
})
