import { createHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'

import { hmacOf } from './hmac.ts'
import { hmacSha256 } from './sha256.ts'

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((value) => Uint8Array.from(value))
const node = (hash: string, key: Uint8Array, content: Uint8Array) =>
  createHmac(hash, key).update(content).digest('hex')
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

test('HMAC-SHA256 is that of Node, for any key and content', () => {
  fc.assert(
    fc.property(bytes(200), bytes(1_000), (key, content) => {
      expect(hex(hmacSha256(key)(content))).toBe(node('sha256', key, content))
    }),
    { numRuns: 500 },
  )
})

test('every length around the end of a block is right, for keys and for content', () => {
  for (let length = 0; length <= 200; length++) {
    const text = Uint8Array.from({ length }, (_, index) => (index * 31 + length) & 0xff)
    const key = Uint8Array.of(1, 2, 3)
    expect({ length, hmac: hex(hmacSha256(key)(text)) }).toEqual({ length, hmac: node('sha256', key, text) })
    expect({ length, hmac: hex(hmacSha256(text)(key)) }).toEqual({ length, hmac: node('sha256', text, key) })
  }
})

test('one key serves many contents, and two keys at once do not disturb each other', () => {
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)]
  const [hmacA, hmacB] = [hmacSha256(a), hmacSha256(b)]
  for (const length of [70, 3, 500, 0]) {
    const content = new Uint8Array(length).fill(length)
    expect(hex(hmacA(content))).toBe(node('sha256', a, content))
    expect(hex(hmacB(content))).toBe(node('sha256', b, content))
  }
})

test('long content and other hashes go to Web Crypto, with the same result on both sides of the bound', async () => {
  const sign = vi.spyOn(crypto.subtle, 'sign')
  try {
    const key = Uint8Array.of(1, 2, 3)
    const hmac = hmacOf(key)
    for (const [length, calls] of [
      [4_096, 0],
      [4_097, 1],
      [1_000_000, 2],
    ] as const) {
      const content = new Uint8Array(length).fill(7)
      expect(hex(await hmac(content))).toBe(node('sha256', key, content))
      expect(sign).toHaveBeenCalledTimes(calls)
    }
    const content = Uint8Array.of(9)
    expect(hex(await hmacOf(key, 'SHA-1')(content))).toBe(node('sha1', key, content))
    expect(hex(await hmacOf(key, 'SHA-512')(content))).toBe(node('sha512', key, content))
    expect(sign).toHaveBeenCalledTimes(4)
  } finally {
    sign.mockRestore()
  }
})
