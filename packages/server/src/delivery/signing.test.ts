import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Webhook } from 'standardwebhooks'

import { generateKeyPair, verify, standardWebhooks } from '@posthorn/receiver'

import type { SignatureKind } from '../domain/endpoint-settings.ts'
import { type SigningKey, newSigningKey, publicHalf } from '../domain/signing-key.ts'
import { type SignedEndpoint, signerFor } from './signing.ts'

const NOW = 1_790_000_000_000
const NEW = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OLD = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
const OLDEST = 'whsec_dGhlIG9sZGVzdCBvZiBhbGwgb2YgdGhlbSE='
const body = new TextEncoder().encode('{"paid": 1.0}')

/** Signs what is sent to an endpoint with these secrets. */
function signerOf(
  {
    secret,
    oldSecrets = [],
    signatures = ['v1'],
  }: Partial<Omit<SignedEndpoint, 'settings'>> & {
    secret: string
    signatures?: readonly SignatureKind[]
  },
  { alsoSvix = false, serverKeys = [] }: { alsoSvix?: boolean; serverKeys?: readonly SigningKey[] } = {},
) {
  const endpoint = { url: 'https://acme.example/hook', secret, oldSecrets, settings: { signatures } }
  const sign = signerFor(endpoint, { alsoSvix, serverKeys })
  return (id: string, at: number) => sign(id, at, body, 'application/json')
}

beforeEach(() => {
  // Only the date: a verifier refuses what is signed more than five minutes from its own now.
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function isAccepted(secret: string, headers: Readonly<Record<string, string>>, at: number): boolean {
  vi.setSystemTime(at)
  try {
    new Webhook(secret).verify(Buffer.from(body), headers)
    return true
  } catch {
    return false
  }
}

test('through the grace period both the new and the old secret verify, and after it the new one alone', () => {
  const endpoint = { secret: NEW, oldSecrets: [{ secret: OLD, expiresAt: NOW + 60_000 }] }
  const sign = signerOf(endpoint)

  const within = sign('msg_1', NOW + 59_999)
  expect(isAccepted(NEW, within, NOW + 59_999)).toBe(true)
  expect(isAccepted(OLD, within, NOW + 59_999)).toBe(true)

  const after = sign('msg_1', NOW + 60_000)
  expect(isAccepted(NEW, after, NOW + 60_000)).toBe(true)
  expect(isAccepted(OLD, after, NOW + 60_000)).toBe(false)
})

test('the newest signature comes first, and each old secret ends at its own time', () => {
  const oldSecrets = [
    { secret: OLD, expiresAt: NOW + 2 },
    { secret: OLDEST, expiresAt: NOW + 1 },
  ]
  const sign = signerOf({ secret: NEW, oldSecrets })
  const alone = (secret: string, at: number) => signerOf({ secret })('msg_1', at)['webhook-signature']

  const signatures = (at: number) => sign('msg_1', at)['webhook-signature']
  expect(signatures(NOW)).toBe([NEW, OLD, OLDEST].map((secret) => alone(secret, NOW)).join(' '))
  expect(signatures(NOW + 1)).toBe([NEW, OLD].map((secret) => alone(secret, NOW)).join(' '))
  expect(signatures(NOW + 2)).toBe(alone(NEW, NOW))
})

test('the svix headers have the same values, where they are asked for', () => {
  const endpoint = { secret: NEW, oldSecrets: [{ secret: OLD, expiresAt: NOW + 60_000 }] }
  const headers = signerOf(endpoint, { alsoSvix: true })('msg_1', NOW)
  expect(headers['svix-id']).toBe('msg_1')
  expect(headers['svix-timestamp']).toBe(headers['webhook-timestamp'])
  expect(headers['svix-signature']).toBe(headers['webhook-signature'])
  expect(Object.keys(signerOf(endpoint)('msg_1', NOW))).toHaveLength(3)
})

/** Tells whether the receiver's library accepts it with this key alone. */
async function isVerified(
  key: string,
  headers: Readonly<Record<string, string>>,
  at: number,
): Promise<boolean> {
  const input = { method: 'POST', url: 'https://acme.example/hook', headers, body }
  const result = await verify(input, standardWebhooks({ secrets: key }), { now: () => at })
  return result.ok
}

const kindsOf = (headers: Readonly<Record<string, string>>) =>
  headers['webhook-signature']?.split(' ').map((each) => each.split(',')[0])

const serverKeysAt = (at: number) => {
  const next = newSigningKey(at)
  return { next, old: { ...newSigningKey(at - 1_000), expiresAt: at + 60_000 } }
}

test('v1a is made with the keys of the server, through a rotation with both', async () => {
  const { next, old } = serverKeysAt(NOW)
  const sign = signerOf({ secret: NEW, signatures: ['v1a'] }, { serverKeys: [next, old] })
  const keys = [next, old].map((key) => publicHalf(key).publicKey)

  const within = sign('msg_1', NOW + 59_999)
  expect(kindsOf(within)).toEqual(['v1a', 'v1a'])
  expect(await Promise.all(keys.map((key) => isVerified(key, within, NOW + 59_999)))).toEqual([true, true])
  const after = sign('msg_1', NOW + 60_000)
  expect(await Promise.all(keys.map((key) => isVerified(key, after, NOW + 60_000)))).toEqual([true, false])
  const { publicKey: stranger } = publicHalf(newSigningKey(NOW))
  expect(await isVerified(stranger, after, NOW + 60_000)).toBe(false)
})

test('v1 and v1a together satisfy whoever has either key', async () => {
  const { next } = serverKeysAt(NOW)
  const headers = signerOf({ secret: NEW, signatures: ['v1', 'v1a'] }, { serverKeys: [next] })('msg_1', NOW)
  expect(kindsOf(headers)).toEqual(['v1', 'v1a'])
  expect(isAccepted(NEW, headers, NOW)).toBe(true)
  expect(await isVerified(publicHalf(next).publicKey, headers, NOW)).toBe(true)
})

test.each([[['v1']], [['v1a']], [['v1', 'v1a']]] as [SignatureKind[]][])(
  'an endpoint with a private key of its own is signed for with that alone (%j)',
  async (signatures) => {
    const { privateKey, publicKey } = await generateKeyPair()
    const { next } = serverKeysAt(NOW)
    const headers = signerOf({ secret: privateKey, signatures }, { serverKeys: [next] })('msg_1', NOW)
    expect(kindsOf(headers)).toEqual(['v1a'])
    expect(await isVerified(publicKey, headers, NOW)).toBe(true)
  },
)

test('a rotation from a shared secret to a pair signs with what receivers had before, through the grace period', async () => {
  const { privateKey, publicKey } = await generateKeyPair()
  const { next } = serverKeysAt(NOW)
  const sign = signerOf(
    { secret: privateKey, oldSecrets: [{ secret: OLD, expiresAt: NOW + 10 }], signatures: ['v1', 'v1a'] },
    { serverKeys: [next] },
  )
  const within = sign('msg_1', NOW + 9)
  expect(kindsOf(within)).toEqual(['v1', 'v1a', 'v1a'])
  expect(isAccepted(OLD, within, NOW + 9)).toBe(true)
  expect(await isVerified(publicHalf(next).publicKey, within, NOW + 9)).toBe(true)
  expect(await isVerified(publicKey, within, NOW + 9)).toBe(true)
  expect(kindsOf(sign('msg_1', NOW + 10))).toEqual(['v1a'])
})

test('the vector that is published for v1a is what is signed', async () => {
  const secret =
    'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=='
  const endpoint = {
    url: 'https://a.example/',
    secret,
    oldSecrets: [],
    settings: { signatures: ['v1a'] as const },
  }
  const headers = signerFor(endpoint, { alsoSvix: false })(
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330_000,
    new TextEncoder().encode('{"test": 2432232314}'),
    'application/json',
  )
  expect(headers['webhook-signature']).toBe(
    'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
  )
})
