import { expect, test } from 'vitest'

import { generateKeyPair } from './ed25519.ts'
import { WebhookSecretError } from './error.ts'
import type { Scheme } from './scheme.ts'
import { generateSecret, parseSecret } from './secret.ts'
import { sign } from './sign.ts'
import { standardWebhooks } from './standard-webhooks.ts'

const base64 = (length: number, byte = 7) => Buffer.alloc(length, byte).toString('base64')

/** The code with which a function refuses a secret. */
function refusal(use: () => unknown): string {
  try {
    use()
  } catch (error) {
    if (error instanceof WebhookSecretError) return error.code
    throw error
  }
  return 'accepted'
}

test('a whsec_ secret holds 24 to 64 bytes, with or without its prefix', () => {
  for (const length of [24, 32, 64]) {
    const key = new Uint8Array(length).fill(7)
    expect(parseSecret(`whsec_${base64(length)}`)).toEqual({ version: 'v1', key })
    expect(parseSecret(base64(length))).toEqual({ version: 'v1', key })
  }
  expect(refusal(() => parseSecret(`whsec_${base64(23)}`))).toBe('secret_length')
  expect(refusal(() => parseSecret(`whsec_${base64(65)}`))).toBe('secret_length')
})

test('a whsk_ key holds a seed and a public key, a whpk_ key the public key alone', () => {
  const halves = Buffer.concat([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]).toString('base64')
  expect(parseSecret(`whsk_${halves}`)).toEqual({
    version: 'v1a-private',
    seed: new Uint8Array(32).fill(1),
    publicKey: new Uint8Array(32).fill(2),
  })
  expect(parseSecret(`whpk_${base64(32)}`)).toEqual({
    version: 'v1a-public',
    publicKey: new Uint8Array(32).fill(7),
  })
  expect(refusal(() => parseSecret(`whsk_${base64(32)}`))).toBe('secret_length')
  expect(refusal(() => parseSecret(`whpk_${base64(64)}`))).toBe('secret_length')
})

test('an empty secret is refused, in a list, behind its prefix and as an unset environment variable too', () => {
  for (const secrets of ['', 'whsec_', [], [''], [generateSecret(), '']]) {
    const code = refusal(() => standardWebhooks({ secrets }))
    expect({ secrets, code }).toEqual({ secrets, code: 'secret_missing' })
  }
  // As a caller without types has it. A method, because its parameters may be widened.
  const untyped: { standardWebhooks(options: { secrets: unknown }): Scheme } = { standardWebhooks }
  expect(refusal(() => untyped.standardWebhooks({ secrets: undefined }))).toBe('secret_missing')
  expect(refusal(() => untyped.standardWebhooks({ secrets: [undefined] }))).toBe('secret_missing')
})

test('a secret with white space around it is refused, not trimmed', () => {
  const secret = generateSecret()
  for (const text of [` ${secret}`, `${secret}\n`, `${secret}\r\n`, `whsec_ ${base64(32)}`, ' ']) {
    const code = refusal(() => parseSecret(text))
    expect({ text, code }).toEqual({ text, code: 'secret_whitespace' })
  }
})

test('an unknown prefix is refused, and so is a known one in capitals', () => {
  for (const prefix of ['whsec-', 'WHSEC_', 'sk_', 'whsek_']) {
    const code = refusal(() => parseSecret(`${prefix}${base64(32)}`))
    const expected = prefix.endsWith('_') ? 'secret_prefix' : 'secret_base64'
    expect({ prefix, code }).toEqual({ prefix, code: expected })
  }
})

test('base64 that only a lenient decoder reads is refused', () => {
  const text = base64(32, 0xff)
  expect(refusal(() => parseSecret(text))).toBe('accepted')
  const spellings = [text.slice(0, -1), text.replace('8=', '9='), text.replaceAll('/', '_'), `${text}=`]
  for (const spelling of spellings) {
    const code = refusal(() => parseSecret(`whsec_${spelling}`))
    expect({ spelling, code }).toEqual({ spelling, code: 'secret_base64' })
  }
})

test('a private key is refused by a verifier and a public key by a signer, each with a hint', async () => {
  const { privateKey, publicKey } = await generateKeyPair()
  expect(() => standardWebhooks({ secrets: privateKey })).toThrow(/private key \(whsk_\)/)
  expect(refusal(() => standardWebhooks({ secrets: [publicKey, privateKey] }))).toBe('secret_private')
  await expect(sign(publicKey, { id: 'msg_1', timestamp: 1, body: '' })).rejects.toThrow(
    /public key \(whpk_\)/,
  )
})

test('the error of a secret does not tell the secret', () => {
  const secret = `whsec_${base64(23)}`
  expect(() => parseSecret(secret)).toThrow(expect.objectContaining({ code: 'secret_length' }))
  expect(() => parseSecret(secret)).not.toThrow(base64(23))
})

test('a generated secret has 32 bytes, and no two are the same', () => {
  const secrets = Array.from({ length: 1_000 }, generateSecret)
  expect(new Set(secrets).size).toBe(1_000)
  for (const secret of secrets) {
    expect(parseSecret(secret)).toMatchObject({ version: 'v1', key: { length: 32 } })
  }
})

test('a generated key pair signs with one half and verifies with the other', async () => {
  const pair = await generateKeyPair()
  const privateKey = parseSecret(pair.privateKey)
  const publicKey = parseSecret(pair.publicKey)
  expect(privateKey).toMatchObject({ version: 'v1a-private' })
  expect(publicKey).toMatchObject({ version: 'v1a-public' })
  expect((await generateKeyPair()).privateKey).not.toBe(pair.privateKey)

  expect('publicKey' in privateKey && privateKey.publicKey).toEqual(
    'publicKey' in publicKey && publicKey.publicKey,
  )
})
