import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { rateLimit } from './rate-limit.ts'

test('a burst passes, then one per interval, and a pause earns the burst again', () => {
  const waitOf = rateLimit({ requests: 2, burst: 3 })
  expect([0, 0, 0].map((at) => waitOf('192.0.2.1', at))).toEqual([0, 0, 0])
  expect(waitOf('192.0.2.1', 0)).toBe(500)
  expect(waitOf('192.0.2.1', 499)).toBe(1)
  expect(waitOf('192.0.2.1', 500)).toBe(0)
  expect([5_000, 5_000, 5_000, 5_000].map((at) => waitOf('192.0.2.1', at))).toEqual([0, 0, 0, 500])
})

test('whoever waits as long as asked is let through, and nobody gets more than burst and pace', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 10 }),
      (pauses, requests, burst) => {
        const waitOf = rateLimit({ requests, burst })
        let [now, passed] = [0, 0]
        for (const pause of pauses) {
          now += pause
          const waitMs = waitOf('192.0.2.1', now)
          now += Math.ceil(waitMs)
          expect(waitMs === 0 ? 0 : waitOf('192.0.2.1', now)).toBe(0)
          passed += 1
          expect(passed).toBeLessThanOrEqual(burst + (now * requests) / 1_000 + 1e-6)
        }
      },
    ),
  )
})

test('sources have a limit each; an IPv6 subscriber is one, and so are all whom nobody knows', () => {
  const waitOf = rateLimit({ requests: 1 })
  expect([waitOf('192.0.2.1', 0), waitOf('192.0.2.2', 0)]).toEqual([0, 0])
  expect([waitOf('2001:db8::1', 0), waitOf('2001:db8::ffff:2', 0), waitOf('2001:db8:0:1::1', 0)]).toEqual([
    0, 1_000, 0,
  ])
  expect([waitOf(null, 0), waitOf('unknown', 0)]).toEqual([0, 1_000])
})

test('the number of sources in memory is bounded', () => {
  const waitOf = rateLimit({ requests: 1, maxSources: 2 })
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) expect(waitOf(address, 0)).toBe(0)
  expect(waitOf('192.0.2.3', 0)).toBe(1_000)
  expect(waitOf('192.0.2.1', 0)).toBe(0)
})

test.each([{ requests: 0 }, { requests: 1, perMs: Number.NaN }, { requests: 1, burst: -1 }])(
  '%o is refused',
  (limit) => {
    expect(() => rateLimit(limit)).toThrow(RangeError)
  },
)
