import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { firstIdAt } from '../../domain/id.ts'
import { ALL_IDS, type IdRange, rangeValues, rangesWithout } from './day-ranges.ts'
import { dayOf } from './partitions.ts'

const DAY_MS = 86_400_000
const FIRST = Date.UTC(2026, 7, 1)

const daysFrom = (number: number) => Array.from({ length: number }, (_, i) => dayOf(FIRST + i * DAY_MS))
const idOf = (day: number) => `${firstIdAt('message', FIRST + day * DAY_MS + 1_000)}0000000000000000000`
const has = (ranges: readonly IdRange[], id: string) => ranges.some(({ from, to }) => id >= from && id < to)

test('ids of open days, and of days without partitions, are in the ranges, however many days are closed', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('open', 'closed', 'none'), { maxLength: 60 }), (states) => {
      const days = daysFrom(states.length)
      const made = days.filter((_, i) => states[i] !== 'none')
      const closed = new Set(days.filter((_, i) => states[i] === 'closed'))
      const ranges = rangesWithout(made, (day) => closed.has(day))
      expect(rangeValues(ranges)).toHaveLength(8)
      const needed = states.flatMap((state, i) => (state === 'closed' ? [] : [idOf(i)]))
      expect(needed.filter((id) => !has(ranges, id))).toEqual([])
      expect(has(ranges, idOf(-1)) && has(ranges, idOf(states.length))).toBe(true)
    }),
  )
})

test('the closed days between a few open ones are left out, and of many gaps the wide ones', () => {
  const days = daysFrom(90)
  const open = new Set([3, 40, 42, 86, 88, 89].map((i) => days[i]))
  const ranges = rangesWithout(days, (day) => !open.has(day))
  const looked = days.flatMap((_, i) => (has(ranges, idOf(i)) ? [i] : []))
  expect(looked).toEqual([3, 40, 41, 42, 86, 87, 88, 89])
})

test('where no day is known, all ids are in the one range', () => {
  expect(rangesWithout([], () => true)).toEqual(ALL_IDS)
})
