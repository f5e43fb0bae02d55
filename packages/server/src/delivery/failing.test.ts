import { expect, test } from 'vitest'

import { Failing } from './failing.ts'

const DAY_MS = 86_400_000

test('an endpoint that fails for a minute is noted, and its first success ends that', () => {
  const failing = new Failing(5 * DAY_MS)
  expect(failing.note('ep_1', true, null, 0)).toBe(undefined)
  expect(failing.note('ep_1', true, null, 59_999)).toBe(undefined)
  expect(failing.note('ep_1', true, null, 60_000)).toBe('begins')
  expect(failing.note('ep_1', true, 60_000, 70_000)).toBe(undefined)
  expect(failing.note('ep_1', false, 60_000, 80_000)).toBe('ends')
  expect(failing.note('ep_1', false, null, 90_000)).toBe(undefined)
})

test('one success among the failures begins it anew, and endpoints do not share it', () => {
  const failing = new Failing(null)
  failing.note('ep_1', true, null, 0)
  failing.note('ep_1', false, null, 30_000)
  expect(failing.note('ep_1', true, null, 70_000)).toBe(undefined)
  expect(failing.note('ep_2', true, null, 200_000)).toBe(undefined)
  expect(failing.note('ep_1', true, null, 130_000)).toBe('begins')
})

test('where endpoints are disabled soon they are noted sooner', () => {
  const failing = new Failing(2_000)
  failing.note('ep_1', true, null, 0)
  expect(failing.note('ep_1', true, null, 199)).toBe(undefined)
  expect(failing.note('ep_1', true, null, 200)).toBe('begins')
})
