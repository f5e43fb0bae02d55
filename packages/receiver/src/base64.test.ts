import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { decodeBase64, encodeBase64 } from './base64.ts'

test('bytes survive the way to text and back, in the spelling that Node gives them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
      expect(decodeBase64(encodeBase64(bytes))).toEqual(new Uint8Array(bytes))
    }),
  )
})

test('a text that is not the one spelling of its bytes is refused', () => {
  expect(decodeBase64('QQ==')).toEqual(Uint8Array.of(0x41))
  // Lenient decoders read each of these as 0x41 too.
  for (const text of ['QQ', 'QQ=', 'QR==', ' QQ==', 'QQ==\n', 'Q Q==', 'QQ===', 'QQ==A']) {
    expect({ text, bytes: decodeBase64(text) }).toEqual({ text, bytes: null })
  }
})

test('the alphabet of base64url and text beyond ASCII are refused', () => {
  expect(decodeBase64('-_8=')).toBeNull()
  expect(decodeBase64('ÄÖÜ=')).toBeNull()
  expect(decodeBase64('\u0000AA=')).toBeNull()
})
