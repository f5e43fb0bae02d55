import { expect, test, vi } from 'vitest'

import { generateKeyPair } from './ed25519.ts'
import type { HeaderSource } from './headers.ts'
import { generateSecret } from './secret.ts'
import { sign, signHeaders } from './sign.ts'
import { standardWebhooks } from './standard-webhooks.ts'
import { verify } from './verify.ts'

const SECONDS = 1_614_265_330
const NOW = SECONDS * 1_000
const BODY = '{"test": 2432232314}'
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const MESSAGE = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: SECONDS, body: BODY }

/** What `verify` says of headers and `BODY`: `accepted`, or the code. */
async function outcome(
  headers: HeaderSource,
  options: { secrets?: string | readonly string[]; toleranceSeconds?: number; nowMs?: number } = {},
): Promise<string> {
  const { nowMs = NOW, ...rest } = options
  const scheme = standardWebhooks({ secrets: SECRET, ...rest })
  const result = await verify({ headers, body: BODY }, scheme, { now: () => nowMs })
  return result.ok ? 'accepted' : result.code
}

/** Valid headers, some of them replaced; `undefined` removes one. */
async function headersWith(changes: Record<string, string | string[] | undefined> = {}) {
  return { ...(await signHeaders(SECRET, MESSAGE)), ...changes }
}

test('the published vector of v1 is verified', async () => {
  const headers = {
    'webhook-id': MESSAGE.id,
    'webhook-timestamp': String(SECONDS),
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  }
  const result = await verify({ headers, body: BODY }, standardWebhooks({ secrets: SECRET }), {
    now: () => NOW,
  })
  if (!result.ok) throw new Error(result.code)
  expect(result.event.id).toBe(MESSAGE.id)
  expect(result.event.timestamp).toEqual(new Date(NOW))
  expect(result.event.body).toEqual(new TextEncoder().encode(BODY))
  expect(result.event.text()).toBe(BODY)
  expect(result.event.json()).toEqual({ test: 2432232314 })
})

test('the published vector of v1a is verified', async () => {
  const headers = await headersWith({
    'webhook-signature':
      'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
  })
  const secrets = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4='
  expect(await outcome(headers, { secrets })).toBe('accepted')
  expect(await outcome(headers, { secrets: (await generateKeyPair()).publicKey })).toBe('signature_mismatch')
})

test('header names are read in any case, from records and from Headers', async () => {
  const headers = await headersWith()
  const upper = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
  )
  expect(await outcome(upper)).toBe('accepted')
  expect(await outcome(new Headers(upper))).toBe('accepted')
})

test('svix- headers are read when the webhook- ones are not there', async () => {
  const headers = await headersWith()
  const svix = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.replace('webhook', 'svix'), value]),
  )
  expect(await outcome(svix)).toBe('accepted')
  expect(await outcome({ ...svix, ...(await headersWith({ 'webhook-signature': 'v1,' })) })).toBe(
    'malformed_signature',
  )
  expect(await outcome({ ...svix, 'webhook-id': 'a-gateway-s-own' })).toBe('accepted')
  expect(await outcome({ ...svix, 'svix-id': undefined })).toBe('missing_id')
})

test('a missing header is named', async () => {
  expect(await outcome(await headersWith({ 'webhook-id': undefined }))).toBe('missing_id')
  expect(await outcome(await headersWith({ 'webhook-timestamp': undefined }))).toBe('missing_timestamp')
  expect(await outcome(await headersWith({ 'webhook-signature': undefined }))).toBe('missing_signature')
  expect(await outcome({})).toBe('missing_id')
})

test('a bare version and an empty list of signatures fail', async () => {
  for (const signature of ['v1,', 'v1', ',', 'v1,,', 'v1,=', 'v1, ', '', ' ', 'v1, v1, v1,']) {
    const code = await outcome(await headersWith({ 'webhook-signature': signature }))
    const expected = signature === ',' ? 'no_known_version' : 'malformed_signature'
    expect({ signature, code }).toEqual({ signature, code: expected })
  }
})

test('a signature of another length is malformed, and no cause to throw', async () => {
  const { publicKey } = await generateKeyPair()
  for (const length of [0, 1, 31, 33, 63, 65, 10_000]) {
    const base64 = Buffer.alloc(length).toString('base64')
    const v1 = await headersWith({ 'webhook-signature': `v1,${base64}` })
    expect(await outcome(v1)).toBe('malformed_signature')
    const v1a = await headersWith({ 'webhook-signature': `v1a,${base64}` })
    expect(await outcome(v1a, { secrets: publicKey })).toBe('malformed_signature')
  }
})

test('a second spelling of the right signature fails', async () => {
  const signature = await sign(SECRET, MESSAGE)
  const spellings = [
    signature.slice(0, -1),
    `${signature}=`,
    signature.replace('OE=', 'OF='),
    signature.replaceAll('+', '-').replaceAll('/', '_'),
    `${signature},`,
    `${signature}\n`,
    signature.replace('v1,', 'V1,'),
    signature.replace('v1,', 'v1,,'),
  ]
  expect(new Set(spellings).size).toBe(8)
  for (const spelling of spellings) {
    const code = await outcome(await headersWith({ 'webhook-signature': spelling }))
    expect({ spelling, code }).not.toEqual({ spelling, code: 'accepted' })
  }
})

test('any matching signature passes, wherever it stands among others', async () => {
  const right = await sign(SECRET, MESSAGE)
  const wrong = await sign(generateSecret(), MESSAGE)
  for (const list of [
    [wrong, right],
    [right, wrong],
    ['v1,', 'v2,x', 'junk', right],
    [right, '', '', wrong],
  ]) {
    const headers = await headersWith({ 'webhook-signature': list.join(' ') })
    expect({ list, code: await outcome(headers) }).toEqual({ list, code: 'accepted' })
  }
  expect(await outcome(await headersWith({ 'webhook-signature': `${wrong} ${wrong}` }))).toBe(
    'signature_mismatch',
  )
})

test('a list of 50 signatures is read to its end, and one of 51 is refused', async () => {
  const right = await sign(SECRET, MESSAGE)
  const wrong = await sign(generateSecret(), MESSAGE)
  const list = (length: number) => [...Array.from({ length: length - 1 }, () => wrong), right].join(' ')
  expect(await outcome(await headersWith({ 'webhook-signature': list(50) }))).toBe('accepted')
  expect(await outcome(await headersWith({ 'webhook-signature': list(51) }))).toBe('too_many_signatures')
})

test('both sides can rotate: any configured secret may match any signature', async () => {
  const [old, next] = [generateSecret(), generateSecret()]
  const { privateKey, publicKey } = await generateKeyPair()
  for (const signed of [old, next, privateKey, [old, next], [old, privateKey]]) {
    const headers = await signHeaders(signed, MESSAGE)
    expect(await outcome(headers, { secrets: [generateSecret(), publicKey, old, next] })).toBe('accepted')
    expect(await outcome(headers, { secrets: [generateSecret()] })).not.toBe('accepted')
  }
})

test('only the configured versions count: the request cannot choose another', async () => {
  const { privateKey, publicKey } = await generateKeyPair()
  const v1a = await signHeaders(privateKey, MESSAGE)
  expect(await outcome(v1a, { secrets: SECRET })).toBe('no_known_version')
  expect(await outcome(await headersWith(), { secrets: publicKey })).toBe('no_known_version')

  // The classic confusion: an HMAC keyed with the public key, which everybody knows.
  const confused = await sign(publicKey.slice('whpk_'.length), MESSAGE)
  for (const signature of [
    confused,
    confused.replace('v1,', 'v1a,'),
    confused.replace('v1,', '__proto__,'),
  ]) {
    const headers = await headersWith({ 'webhook-signature': signature })
    const code = await outcome(headers, { secrets: publicKey })
    expect({ signature, code }).toEqual({ signature, code: expect.stringMatching(/malformed|no_known/) })
  }
})

test('an id that is empty, has a dot or was sent twice fails', async () => {
  for (const id of ['', 'a.b', 'a b', [MESSAGE.id, MESSAGE.id], 'a\u0000', '\udc00']) {
    const code = await outcome(await headersWith({ 'webhook-id': id }))
    expect({ id, code }).toEqual({ id, code: 'malformed_id' })
  }
  const twice = new Headers(await headersWith())
  twice.append('webhook-id', MESSAGE.id)
  expect(await outcome(twice)).toBe('malformed_id')
  expect(await outcome(await headersWith({ 'Webhook-Id': MESSAGE.id }))).toBe('malformed_id')
})

test('moving the dot between id and timestamp does not give a second reading', async () => {
  const headers = await signHeaders(SECRET, { ...MESSAGE, body: `5.${BODY}` })
  const shifted = { ...headers, 'webhook-id': `${MESSAGE.id}.${SECONDS}`, 'webhook-timestamp': '5' }
  expect(await outcome(shifted, { nowMs: 5_000 })).toBe('malformed_id')
})

test('a timestamp that is not the one spelling of whole Unix seconds fails', async () => {
  const texts = [
    '',
    ' ',
    '-1',
    '+1614265330',
    '1614265330.0',
    '1.6e9',
    '0x60',
    '01614265330',
    '1614265330 ',
    '١٦',
  ]
  for (const text of [
    ...texts,
    'NaN',
    'Infinity',
    '1614265330000',
    '9'.repeat(400),
    ['1614265330', '1614265330'],
  ]) {
    const code = await outcome(await headersWith({ 'webhook-timestamp': text }))
    expect({ text, code }).toEqual({ text, code: 'malformed_timestamp' })
  }
})

test('a timestamp is stale beyond the tolerance, in the past and in the future', async () => {
  const headers = await headersWith()
  const at = (offsetSeconds: number) => outcome(headers, { nowMs: NOW + offsetSeconds * 1_000 })
  expect(await at(300)).toBe('accepted')
  expect(await at(301)).toBe('timestamp_too_old')
  expect(await at(-300)).toBe('accepted')
  expect(await at(-301)).toBe('timestamp_too_new')
})

test('a tolerance of 0 admits the current second only: it does not turn the check off', async () => {
  const headers = await headersWith()
  const at = (nowMs: number) => outcome(headers, { nowMs, toleranceSeconds: 0 })
  expect(await at(NOW)).toBe('accepted')
  expect(await at(NOW + 999)).toBe('accepted')
  expect(await at(NOW + 1_000)).toBe('timestamp_too_old')
  expect(await at(NOW - 1)).toBe('timestamp_too_new')
})

test('a tolerance that is negative or no number is refused', () => {
  for (const toleranceSeconds of [-1, NaN, Infinity, -Infinity]) {
    expect(() => standardWebhooks({ secrets: SECRET, toleranceSeconds })).toThrow(/toleranceSeconds/)
  }
})

test('a key is imported at its first use and never again', async () => {
  const importKey = vi.spyOn(crypto.subtle, 'importKey')
  try {
    const { privateKey, publicKey } = await generateKeyPair()
    // Longer than what is hashed without Web Crypto.
    const body = 'x'.repeat(5_000)
    const headers = await signHeaders([SECRET, privateKey], { ...MESSAGE, body })
    const schemes = [SECRET, publicKey].map((secrets) => standardWebhooks({ secrets }))
    importKey.mockClear()
    for (const scheme of schemes) {
      const verifications = [1, 2, 3].map(() => verify({ headers, body }, scheme, { now: () => NOW }))
      expect((await Promise.all(verifications)).every((result) => result.ok)).toBe(true)
    }
    expect(importKey).toHaveBeenCalledTimes(2)
  } finally {
    importKey.mockRestore()
  }
})
