import { expect, test } from 'vitest'

import { type Outcome, decide } from './delivery.ts'

const SCHEDULE = [5_000, 60_000]
const after = (attempts: number, outcome: Outcome) =>
  decide(attempts, outcome, { schedule: SCHEDULE, now: 1_000, random: () => 0 })
const answered = (statusCode: number, retryAfterMs?: number): Outcome => ({
  kind: 'answered',
  statusCode,
  retryAfterMs,
})

test('2xx alone is success', () => {
  for (const code of [200, 201, 204, 299]) expect(after(1, answered(code))).toEqual({ kind: 'success' })
  for (const code of [100, 199, 300, 301, 304, 400, 404, 429, 500, 503]) {
    expect(after(1, answered(code))).toEqual({ kind: 'retry', at: 6_000 })
  }
})

test('no answer is tried again like a bad one', () => {
  expect(after(2, { kind: 'failed', reason: 'timeout' })).toEqual({ kind: 'retry', at: 61_000 })
})

test('a spent schedule exhausts the delivery and leaves the endpoint alone', () => {
  expect(after(3, answered(500))).toEqual({ kind: 'exhausted', disableEndpoint: false })
})

test('410 ends the delivery at once and disables the endpoint', () => {
  expect(after(1, answered(410))).toEqual({ kind: 'exhausted', disableEndpoint: true })
})

test('a receiver that asks for more time gets it', () => {
  expect(after(1, answered(429, 90_000))).toEqual({ kind: 'retry', at: 91_000 })
})
