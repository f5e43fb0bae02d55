import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { equalBytes } from './equal-bytes.ts'

test('bytes are equal when Node says so, also for other lengths', () => {
  const bytes = fc.uint8Array({ maxLength: 3, max: 2 })
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0)
    }),
    { numRuns: 1_000 },
  )
})

test('each byte counts, the first and the last', () => {
  const bytes = new Uint8Array(32).fill(7)
  for (const index of bytes.keys()) expect(equalBytes(bytes, bytes.with(index, 8))).toBe(false)
  expect(equalBytes(bytes, bytes.slice())).toBe(true)
})

test('zeros beyond the end of the shorter one are a difference', () => {
  expect(equalBytes(new Uint8Array(2), new Uint8Array(3))).toBe(false)
  expect(equalBytes(new Uint8Array(3), new Uint8Array(2))).toBe(false)
})
