import { createHmac, createPrivateKey, sign as nodeSign } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { generateKeyPair } from './ed25519.ts'
import { generateSecret, parseSecret } from './secret.ts'
import { sign, signHeaders } from './sign.ts'
import { signedPrefix } from './signed-content.ts'

const MESSAGE = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
}

test('the published vectors of v1 and v1a are signed as published', async () => {
  expect(await sign('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', MESSAGE)).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
  expect(
    await sign(
      'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==',
      MESSAGE,
    ),
  ).toBe('v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==')
})

test('signHeaders gives the three headers, with one signature for each secret in order', async () => {
  const shared = generateSecret()
  const { privateKey } = await generateKeyPair()
  expect(await signHeaders([shared, privateKey], MESSAGE)).toEqual({
    'webhook-id': MESSAGE.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': `${await sign(shared, MESSAGE)} ${await sign(privateKey, MESSAGE)}`,
  })
  expect((await signHeaders(shared, MESSAGE))['webhook-signature']).toBe(await sign(shared, MESSAGE))
  await expect(signHeaders([], MESSAGE)).rejects.toMatchObject({ code: 'secret_missing' })
})

test('signedPrefix and parseSecret are enough to sign with node:crypto', async () => {
  const shared = generateSecret()
  const { privateKey } = await generateKeyPair()
  const hmac = parseSecret(shared)
  const ed25519 = parseSecret(privateKey)
  if (hmac.version !== 'v1' || ed25519.version !== 'v1a-private') throw new Error('wrong version')

  const prefix = signedPrefix(MESSAGE.id, MESSAGE.timestamp)
  const v1 = createHmac('sha256', hmac.key).update(prefix).update(MESSAGE.body).digest('base64')
  expect(`v1,${v1}`).toBe(await sign(shared, MESSAGE))

  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), ed25519.seed])
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const v1a = nodeSign(null, Buffer.from(prefix + MESSAGE.body), key).toString('base64')
  expect(`v1a,${v1a}`).toBe(await sign(privateKey, MESSAGE))
})

test('text and its UTF-8 bytes have one signature', async () => {
  const secret = generateSecret()
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (body) => {
      const expected = await sign(secret, { ...MESSAGE, body })
      const bytes = new TextEncoder().encode(body)
      // In the middle of a larger buffer, as Node's pooled buffers are.
      const pooled = Buffer.concat([Buffer.from('..'), bytes, Buffer.from('..')]).subarray(2, -2)
      expect(await sign(secret, { ...MESSAGE, body: pooled })).toBe(expected)
      expect(await sign(secret, { ...MESSAGE, body: bytes.buffer })).toBe(expected)
    }),
    { numRuns: 30 },
  )
})

test('an id or a timestamp that a verifier would refuse is not signed', async () => {
  const secret = generateSecret()
  for (const id of ['', 'a.b', 'a b', 'a\nb', '\ud800', ' a']) {
    await expect(sign(secret, { ...MESSAGE, id })).rejects.toThrow(/bad message id/)
  }
  for (const timestamp of [-1, 1.5, NaN, Infinity, 1_614_265_330_000]) {
    await expect(sign(secret, { ...MESSAGE, timestamp })).rejects.toThrow(RangeError)
  }
})

test('a parsed body is not signed', async () => {
  const untyped: { sign(secret: string, message: object): Promise<string> } = { sign }
  await expect(untyped.sign(generateSecret(), { ...MESSAGE, body: { test: 1 } })).rejects.toThrow(TypeError)
})

test('a private key whose halves do not belong together is refused', async () => {
  const [one, other] = [await generateKeyPair(), await generateKeyPair()].map(({ privateKey }) =>
    Buffer.from(privateKey.slice('whsk_'.length), 'base64'),
  )
  const mixed = Buffer.concat([one!.subarray(0, 32), other!.subarray(32)]).toString('base64')
  await expect(sign(`whsk_${mixed}`, MESSAGE)).rejects.toMatchObject({ code: 'secret_mismatch' })
})
