import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { Pace, Paces, isTime } from './pace.ts'

const NOW = 1_790_000_000_000

test('instants are one interval apart, from now on', () => {
  const pace = new Pace(50)
  expect([0, 1, 2, 3].map(() => pace.take(NOW) - NOW)).toEqual([0, 20, 40, 60])
})

test('a pause saves nothing up: after it there is no burst', () => {
  const pace = new Pace(10)
  pace.take(NOW)
  expect([0, 1, 2].map(() => pace.take(NOW + 60_000) - NOW - 60_000)).toEqual([0, 100, 200])
})

test('whenever it is asked, no second holds more than its number, and instants never go back', () => {
  const asks = fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), asks, (perSecond, pauses) => {
      const pace = new Pace(perSecond)
      let now = NOW
      const instants = pauses.map((pause) => pace.take((now += pause)))
      expect(instants.toSorted((a, b) => a - b)).toEqual(instants)
      for (const start of instants) {
        const inSecond = instants.filter((at) => at >= start && at < start + 999)
        expect(inSecond.length).toBeLessThanOrEqual(perSecond)
      }
    }),
  )
})

test('what is due now or within the slack of a timer may start', () => {
  expect([NOW - 1, NOW, NOW + 2, NOW + 3].map((at) => isTime(at, NOW))).toEqual([true, true, true, false])
})

test('a pace is kept as long as it matters, and is a new one when its number changes', () => {
  const paces = new Paces()
  const slow = paces.of('ep_slow', 1, NOW)
  slow.take(NOW)
  expect(paces.of('ep_slow', 1, NOW)).toBe(slow)
  for (let i = 0; i < 3_000; i++) paces.of(`ep_${i}`, 1, NOW)
  expect(paces.of('ep_slow', 1, NOW)).toBe(slow)
  expect(paces.of('ep_slow', 2, NOW)).not.toBe(slow)
})
