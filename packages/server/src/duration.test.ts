import { expect, test } from 'vitest'

import { describeDuration, parseDuration, showDuration } from './duration.ts'

test('durations read as they are written', () => {
  for (const ms of [1, 250, 5_000, 90_000, 3_600_000, 86_400_000]) {
    expect(parseDuration(showDuration(ms))).toBe(ms)
  }
  for (const wrong of ['', '5', 's', '5w', '-5s', '5s5m']) expect(parseDuration(wrong)).toBeNull()
})

test('a duration for people is in several units', () => {
  expect(describeDuration(((75 * 60 + 35) * 60 + 5) * 1_000)).toBe('3d 3h 35m 5s')
  expect(describeDuration(250)).toBe('250ms')
  expect(describeDuration(61_400)).toBe('1m 1s')
})
