import { createCipheriv, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { temporaryFolder } from '../../test/storage/temporary-folder.ts'
import { keyIdOf, showKeys } from './key-ring.ts'
import { secretBox } from './secret-box.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 100 })

test('what was sealed opens again, whatever it says', () => {
  const box = secretBox(randomBytes(32))
  fc.assert(
    fc.property(text, (secret) => {
      expect(box.open(box.seal(secret))).toBe(secret)
    }),
  )
})

test('a box opens what another box with the same key has sealed', () => {
  const key = randomBytes(32)
  expect(secretBox(key).open(secretBox(key).seal('whsec_a'))).toBe('whsec_a')
})

test('one secret is never sealed the same way twice, and never shows', () => {
  const box = secretBox(randomBytes(32))
  const sealed = Array.from({ length: 100 }, () => Buffer.from(box.seal('whsec_secret')))
  expect(new Set(sealed.map((bytes) => bytes.toString('hex'))).size).toBe(100)
  for (const bytes of sealed) expect(bytes.includes('secret')).toBe(false)
})

test('another key does not open it', () => {
  const sealed = secretBox(randomBytes(32)).seal('whsec_a')
  expect(() => secretBox(randomBytes(32)).open(sealed)).toThrow(expect.objectContaining({ code: 'bad_key' }))
})

test('a change of any byte, and a cut anywhere, is found out', () => {
  const box = secretBox(randomBytes(32))
  const sealed = box.seal('whsec_C2FVsBQIhrscChlQ')
  for (let i = 0; i < sealed.length; i++) {
    const tampered = sealed.slice()
    tampered[i]! ^= 1
    expect(() => box.open(tampered), `byte ${i}`).toThrow(expect.objectContaining({ code: 'bad_key' }))
    expect(() => box.open(sealed.subarray(0, i)), `cut at ${i}`).toThrow(
      expect.objectContaining({ code: 'bad_key' }),
    )
  }
})

test.each([0, 16, 31, 33, 64])('a key of %i bytes is refused', (length) => {
  expect(() => secretBox(randomBytes(length))).toThrow(expect.objectContaining({ code: 'bad_key' }))
})

/** Seals as it was done before keys had ids. */
function sealWithoutId(secret: string, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return new Uint8Array(Buffer.concat([Buffer.of(1), nonce, cipher.getAuthTag(), ciphertext]))
}

const boxOf = (...keys: Uint8Array[]) => secretBox({ keys, file: null })

test('of several keys all open, and the first seals', () => {
  const [old, next] = [randomBytes(32), randomBytes(32)]
  const sealedBefore = boxOf(old).seal('before')
  const box = boxOf(next, old)
  expect(box.open(sealedBefore)).toBe('before')
  const sealed = box.seal('after')
  expect(boxOf(next).open(sealed)).toBe('after')
  expect(() => boxOf(old).open(sealed)).toThrow(keyIdOf(next))
})

test('the key that is named seals, whatever is given first', () => {
  const [old, next] = [randomBytes(32), randomBytes(32)]
  const sealed = secretBox({ keys: [next, old], file: null }, () => keyIdOf(old)).seal('x')
  expect(boxOf(old).open(sealed)).toBe('x')
})

test('what was sealed before keys had ids is opened by whichever key fits', () => {
  const [old, next] = [randomBytes(32), randomBytes(32)]
  const sealed = sealWithoutId('whsec_a', old)
  expect([boxOf(old), boxOf(next, old), boxOf(old, next)].map((box) => box.open(sealed))).toEqual(
    Array(3).fill('whsec_a'),
  )
  expect(() => boxOf(next).open(sealed)).toThrow(expect.objectContaining({ code: 'bad_key' }))
})

test('a key that has come into the file since is found there', async () => {
  const [old, next] = [randomBytes(32), randomBytes(32)]
  const file = join(await temporaryFolder(), 'encryption.key')
  writeFileSync(file, showKeys([old]))
  const box = secretBox({ keys: [old], file })
  const sealed = boxOf(next).seal('x')
  expect(() => box.open(sealed)).toThrow(keyIdOf(next))
  expect(box.has(keyIdOf(next))).toBe(false)

  writeFileSync(file, showKeys([next, old]))
  expect(box.open(sealed)).toBe('x')
  expect(box.preferred()).toBe(keyIdOf(next))
})

test('an id tells nothing of its key, and is the same for the same key', () => {
  const key = randomBytes(32)
  expect(keyIdOf(key)).toMatch(/^[0-9a-f]{8}$/)
  expect(keyIdOf(Uint8Array.from(key))).toBe(keyIdOf(key))
  expect(key.toString('hex')).not.toContain(keyIdOf(key))
})
