import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { NodeWatch } from './node-watch.ts'

const newWatch = () => new NodeWatch({ deadAfterMs: 10_000, longestGapMs: 2_000 })

test('a node that does not beat for as long as allowed is dead, and no sooner', () => {
  const watch = newWatch()
  const silent = { lease: 7, beats: 3 }
  for (let at = 0; at < 10_000; at += 1_000) expect(watch.look([silent], at)).toEqual([])
  expect(watch.look([silent], 10_000)).toEqual([silent])
})

test('each beat begins the wait anew', () => {
  const watch = newWatch()
  for (let at = 0; at <= 60_000; at += 1_000) {
    expect(watch.look([{ lease: 7, beats: Math.floor(at / 9_000) }], at)).toEqual([])
  }
})

test('a node that was paused for an hour takes no other for dead when it wakes', () => {
  const watch = newWatch()
  watch.look([{ lease: 7, beats: 3 }], 0)
  watch.look([{ lease: 7, beats: 3 }], 1_000)
  expect(watch.look([{ lease: 7, beats: 3 }], 3_600_000)).toEqual([])
})

test('a node that left is forgotten', () => {
  const watch = newWatch()
  const node = { lease: 7, beats: 3 }
  for (let at = 0; at <= 9_000; at += 1_000) watch.look([node], at)
  watch.look([], 10_000)
  expect(watch.look([node], 11_000)).toEqual([])
})

test('whatever the looks, a node that beat since the one before is never dead, and one that never does is at last', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 12, maxLength: 60 })
  fc.assert(
    fc.property(gaps, (all) => {
      const watch = newWatch()
      let at = 0
      let seenSilentMs = 0
      for (const [i, gap] of all.entries()) {
        at += gap
        if (i > 0) seenSilentMs += Math.min(gap, 2_000)
        const dead = watch.look(
          [
            { lease: 1, beats: i },
            { lease: 2, beats: 0 },
          ],
          at,
        )
        expect(dead).toEqual(seenSilentMs >= 10_000 ? [{ lease: 2, beats: 0 }] : [])
      }
    }),
  )
})
