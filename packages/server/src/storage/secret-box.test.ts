import { randomBytes } from 'node:crypto'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

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
