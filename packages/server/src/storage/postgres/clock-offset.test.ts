import { expect, test } from 'vitest'

import { ClockOffset } from './clock-offset.ts'

test('half of the round trip is taken off', () => {
  const offset = new ClockOffset()
  expect(offset.ms).toBe(0)
  offset.add({ askedAt: 1_000, answeredAt: 1_010, theirs: 3_601_005 })
  expect(offset.ms).toBe(3_600_000)
})

test('the shortest round trip of the latest counts, so that a stall does not move the clock', () => {
  const offset = new ClockOffset()
  offset.add({ askedAt: 0, answeredAt: 2, theirs: 1 })
  offset.add({ askedAt: 100, answeredAt: 1_100, theirs: 101 })
  expect(offset.ms).toBe(0)
})

test('a clock that was set since is followed', () => {
  const offset = new ClockOffset()
  offset.add({ askedAt: 0, answeredAt: 0, theirs: 0 })
  for (let at = 1; at <= 10; at++) offset.add({ askedAt: at, answeredAt: at + 4, theirs: at + 2 + 500 })
  expect(offset.ms).toBe(500)
})
