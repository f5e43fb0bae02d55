import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Webhook } from 'standardwebhooks'

import { signerFor } from './signing.ts'

const NOW = 1_790_000_000_000
const NEW = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OLD = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
const OLDEST = 'whsec_dGhlIG9sZGVzdCBvZiBhbGwgb2YgdGhlbSE='
const body = new TextEncoder().encode('{"paid": 1.0}')

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
  const sign = signerFor(endpoint, { alsoSvix: false })

  const within = sign('msg_1', NOW + 59_999, body)
  expect(isAccepted(NEW, within, NOW + 59_999)).toBe(true)
  expect(isAccepted(OLD, within, NOW + 59_999)).toBe(true)

  const after = sign('msg_1', NOW + 60_000, body)
  expect(isAccepted(NEW, after, NOW + 60_000)).toBe(true)
  expect(isAccepted(OLD, after, NOW + 60_000)).toBe(false)
})

test('the newest signature comes first, and each old secret ends at its own time', () => {
  const oldSecrets = [
    { secret: OLD, expiresAt: NOW + 2 },
    { secret: OLDEST, expiresAt: NOW + 1 },
  ]
  const sign = signerFor({ secret: NEW, oldSecrets }, { alsoSvix: false })
  const alone = (secret: string, at: number) =>
    signerFor({ secret, oldSecrets: [] }, { alsoSvix: false })('msg_1', at, body)['webhook-signature']

  const signatures = (at: number) => sign('msg_1', at, body)['webhook-signature']
  expect(signatures(NOW)).toBe([NEW, OLD, OLDEST].map((secret) => alone(secret, NOW)).join(' '))
  expect(signatures(NOW + 1)).toBe([NEW, OLD].map((secret) => alone(secret, NOW)).join(' '))
  expect(signatures(NOW + 2)).toBe(alone(NEW, NOW))
})

test('the svix headers have the same values, where they are asked for', () => {
  const endpoint = { secret: NEW, oldSecrets: [{ secret: OLD, expiresAt: NOW + 60_000 }] }
  const headers = signerFor(endpoint, { alsoSvix: true })('msg_1', NOW, body)
  expect(headers['svix-id']).toBe('msg_1')
  expect(headers['svix-timestamp']).toBe(headers['webhook-timestamp'])
  expect(headers['svix-signature']).toBe(headers['webhook-signature'])
  expect(Object.keys(signerFor(endpoint, { alsoSvix: false })('msg_1', NOW, body))).toHaveLength(3)
})
