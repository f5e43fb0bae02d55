import { expect, test } from 'vitest'

import type { AttemptRecord } from '../port/attempts.ts'
import { dayOf } from './partitions.ts'
import { inShares, sharesOf } from './record-shares.ts'

const DAY_MS = 86_400_000
const START = Date.UTC(2026, 7, 1)

/** Records of messages whose ids are the numbers of their days; `x` is a day without partitions. */
const recordsOf = (...days: readonly string[]) =>
  days.map((day) => {
    const failing = day.endsWith('!') ? ('begins' as const) : undefined
    const attempt = { messageId: day.replace('!', '') }
    return { attempt, verdict: { kind: 'success' }, failing } as AttemptRecord
  })

const dayWith = (id: string) => (id === 'x' ? null : dayOf(START + Number(id) * DAY_MS))

const shown = (records: readonly AttemptRecord[]) =>
  sharesOf(records, dayWith).map(({ day, records: some }) => [
    day?.name ?? null,
    some.map(({ attempt }) => attempt.messageId),
  ])

test('a batch of one day is one statement', () => {
  expect(shown(recordsOf('1', '1', '1'))).toEqual([['20260802', ['1', '1', '1']]])
})

test('the two most frequent days have statements of their own, and the rest has one', () => {
  expect(shown(recordsOf('1', '2', '3', '2', '4', '2', '3'))).toEqual([
    ['20260803', ['2', '2', '2']],
    ['20260804', ['3', '3']],
    [null, ['1', '4']],
  ])
  expect(shown(recordsOf('1', '1', '2', '2', '3'))).toEqual([
    ['20260802', ['1', '1']],
    ['20260803', ['2', '2']],
    ['20260804', ['3']],
  ])
})

test('what is in no partition of a day is looked for in all', () => {
  expect(shown(recordsOf('x', '1', 'x'))).toEqual([
    ['20260802', ['1']],
    [null, ['x', 'x']],
  ])
})

test('what changes endpoints stays together, in the order of the batch', () => {
  expect(shown(recordsOf('1', '2!', '1', '3!'))).toEqual([
    ['20260802', ['1', '1']],
    [null, ['2', '3']],
  ])
  expect(shown(recordsOf('1', '2!', '2'))).toEqual([
    ['20260803', ['2', '2']],
    ['20260802', ['1']],
  ])
})

test('results come back in the order of the batch', async () => {
  const records = recordsOf('1', '2', '1', 'x', '3')
  const results = await inShares(records, sharesOf(records, dayWith), (share) =>
    Promise.resolve(share.records.map((record) => ({ value: record }))),
  )
  expect(results).toEqual(records.map((value) => ({ value })))
})
