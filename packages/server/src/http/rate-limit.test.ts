import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { RateLimit } from './rate-limit.ts'

test('a caller may burst by one second’s calls, and then goes on at the rate', () => {
  let now = 1_000
  const limit = new RateLimit(5, () => now)
  const takeMany = (calls: number) =>
    Array.from({ length: calls }, () => limit.take('a')).filter(Boolean).length
  expect(takeMany(9)).toBe(5)
  now += 199
  expect(takeMany(1)).toBe(0)
  now += 1
  expect(takeMany(2)).toBe(1)
  now += 60_000
  expect(takeMany(9)).toBe(5)
})

test('callers do not count for each other, and a clock that steps back gives nothing', () => {
  let now = 1_000
  const limit = new RateLimit(1, () => now)
  expect([limit.take('a'), limit.take('a'), limit.take('b')]).toEqual([true, false, true])
  now = 0
  expect(limit.take('a')).toBe(false)
})

test('in no stretch of time are there more calls than its seconds and one more allow', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), steps, (perSecond, waits) => {
      let now = 0
      const limit = new RateLimit(perSecond, () => now)
      let taken = 0
      for (const wait of waits) {
        now += wait
        if (limit.take('a')) taken += 1
      }
      expect(taken).toBeLessThanOrEqual(perSecond + (now * perSecond) / 1_000 + 1e-6)
    }),
  )
})
