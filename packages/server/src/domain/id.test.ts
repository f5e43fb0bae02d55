import { expect, test } from 'vitest'

import { firstIdAt, instantOf, newId, randomText } from './id.ts'

const NOW = 1_790_000_000_000

test('an id is its prefix and 27 characters, and no two are the same', () => {
  const ids = Array.from({ length: 10_000 }, () => newId('message', NOW))
  expect(new Set(ids).size).toBe(10_000)
  for (const id of ids) expect(id).toMatch(/^msg_[0-9A-Za-z]{27}$/)
})

test('ids sort as they were made, in one millisecond, over its sequences and when the clock steps back', () => {
  const ids = Array.from({ length: 9_000 }, (_, i) => newId('endpoint', NOW + 10 - Math.floor(i / 3_000)))
  expect(ids.toSorted()).toEqual(ids)
})

test('firstIdAt parts the ids made before an instant from those made at it or later', () => {
  const later = newId('message', 3_000_000_000_000)
  expect(later >= firstIdAt('message', 3_000_000_000_000)).toBe(true)
  expect(later < firstIdAt('message', 3_000_000_000_001)).toBe(true)
})

test('an id tells when it was made', () => {
  const at = 3_000_000_000_123
  expect(instantOf('attempt', newId('attempt', at))).toBe(at)
  expect(instantOf('message', firstIdAt('message', 7))).toBe(7)
})

test('random text uses every character about as often as any other', () => {
  const counts = new Map<string, number>()
  for (const character of randomText(62_000)) counts.set(character, (counts.get(character) ?? 0) + 1)
  expect(counts.size).toBe(62)
  for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(250)
})
