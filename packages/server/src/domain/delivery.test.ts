import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { type DecisionContext, FAILURE_REASONS, type Outcome, type Verdict, decide } from './delivery.ts'
import { MAX_RETRY_AFTER_MS, longestWindowMs, parseRetryAfter } from './retry.ts'

const NOW = Date.UTC(2026, 0, 1)
const SCHEDULE = [5_000, 60_000]
const HOUR_MS = 3_600_000

/** An answer, with a `Retry-After` as it came. */
const answered = (statusCode: number, retryAfter?: string): Outcome => ({
  kind: 'answered',
  statusCode,
  retryAfterMs: parseRetryAfter(retryAfter, NOW),
})
const failed = (reason: Extract<Outcome, { kind: 'failed' }>['reason']): Outcome => ({
  kind: 'failed',
  reason,
})
const SUCCESS = { kind: 'success' } as const
const RESUME = { kind: 'resume' } as const
const EXHAUSTED = { kind: 'exhausted' } as const
const retryIn = (waitMs: number) => ({ kind: 'retry', at: NOW + waitMs }) as const

const MANUAL = { isManual: true }
/** It has failed for an hour, and may for this long. */
const failingFor = (disableAfterMs: number | null) => ({ failingSince: NOW - HOUR_MS, disableAfterMs })

type Case = readonly [
  name: string,
  attempts: number,
  outcome: Outcome,
  verdict: Verdict,
  context?: Partial<DecisionContext>,
]
const CASES: readonly Case[] = [
  ['200', 1, answered(200), SUCCESS],
  ['204', 3, answered(204), SUCCESS],
  ['299', 1, answered(299), SUCCESS],
  ['a success that asks to come later', 1, answered(202, '60'), SUCCESS],

  ['100', 1, answered(100), retryIn(5_000)],
  ['a redirect', 1, answered(301), retryIn(5_000)],
  ['a redirect that keeps the method', 1, answered(308), retryIn(5_000)],
  ['not modified', 1, answered(304), retryIn(5_000)],
  ['400', 1, answered(400), retryIn(5_000)],
  ['404', 2, answered(404), retryIn(60_000)],
  ['409', 1, answered(409), retryIn(5_000)],
  ['500', 1, answered(500), retryIn(5_000)],
  ['502', 2, answered(502), retryIn(60_000)],

  ['the last attempt', 3, answered(500), EXHAUSTED],
  ['the only attempt', 1, answered(500), EXHAUSTED, { schedule: [] }],
  ['the last attempt, asked to come later', 3, answered(503, '60'), EXHAUSTED],
  ['a success at the last attempt', 3, answered(200), SUCCESS],

  ['410', 1, answered(410), { kind: 'exhausted', disable: 'gone' }],
  ['410 with a Retry-After', 1, answered(410, '60'), { kind: 'exhausted', disable: 'gone' }],

  ['429 without a Retry-After', 1, answered(429), retryIn(5_000)],
  ['429 with seconds', 1, answered(429, '90'), retryIn(90_000)],
  ['503 with a date', 1, answered(503, 'Thu, 01 Jan 2026 00:02:00 GMT'), retryIn(120_000)],
  ['503 with less than the schedule', 2, answered(503, '1'), retryIn(60_000)],
  ['503 with a date that is past', 1, answered(503, 'Wed, 31 Dec 2025 00:00:00 GMT'), retryIn(5_000)],
  ['503 with 0', 1, answered(503, '0'), retryIn(5_000)],
  ['429 with a month', 1, answered(429, '2592000'), retryIn(MAX_RETRY_AFTER_MS)],
  [
    '429 with a date of next year',
    1,
    answered(429, 'Fri, 01 Jan 2027 00:00:00 GMT'),
    retryIn(MAX_RETRY_AFTER_MS),
  ],
  ['429 with nonsense', 1, answered(429, 'soon'), retryIn(5_000)],
  ['500 with seconds, which any failure may have', 1, answered(500, '90'), retryIn(90_000)],

  ['a time-out', 1, failed('timeout'), retryIn(15_000), { tookMs: 15_000 }],
  ['a time-out of the connection', 1, failed('connect_timeout'), retryIn(15_000), { tookMs: 15_000 }],
  ['a time-out shorter than the schedule', 2, failed('timeout'), retryIn(60_000), { tookMs: 15_000 }],
  ['a refusal that took long', 1, failed('connection_refused'), retryIn(5_000), { tookMs: 15_000 }],
  ['an answer that took long', 1, answered(500), retryIn(5_000), { tookMs: 15_000 }],
  ['a time-out at the last attempt', 3, failed('timeout'), EXHAUSTED, { tookMs: 15_000 }],

  ['a manual success', 1, answered(200), SUCCESS, MANUAL],
  ['a manual failure', 1, answered(500), RESUME, MANUAL],
  ['a manual failure of what is exhausted', 9, answered(500), RESUME, MANUAL],
  ['a manual time-out', 1, failed('timeout'), RESUME, { ...MANUAL, tookMs: 15_000 }],
  ['a manual 410', 1, answered(410), { kind: 'resume', disable: 'gone' }, MANUAL],

  ['failing for less than is allowed', 1, answered(500), retryIn(5_000), failingFor(HOUR_MS + 1)],
  ['failing too long', 1, answered(500), { ...retryIn(5_000), disable: 'failing' }, failingFor(HOUR_MS)],
  [
    'failing too long, at the last',
    3,
    answered(500),
    { ...EXHAUSTED, disable: 'failing' },
    failingFor(HOUR_MS),
  ],
  [
    'failing too long, by time-outs',
    2,
    failed('timeout'),
    { ...retryIn(60_000), disable: 'failing' },
    failingFor(1),
  ],
  [
    'failing too long, by hand',
    1,
    answered(500),
    { ...RESUME, disable: 'failing' },
    { ...MANUAL, ...failingFor(1) },
  ],
  ['gone after failing too long', 1, answered(410), { kind: 'exhausted', disable: 'gone' }, failingFor(1)],
  ['a success after failing too long', 1, answered(200), SUCCESS, failingFor(1)],
  ['failing where that is allowed for ever', 1, answered(500), retryIn(5_000), failingFor(null)],
  ['the first failure', 1, answered(500), retryIn(5_000), { failingSince: null, disableAfterMs: 1 }],
]

test.for(CASES)('%s', ([, attempts, outcome, verdict, context = {}]) => {
  expect(decide(attempts, outcome, { schedule: SCHEDULE, now: NOW, random: () => 0, ...context })).toEqual(
    verdict,
  )
})

test.each(FAILURE_REASONS)('no answer (%s) is a failure like another, and blames nobody', (reason) => {
  const verdict = decide(1, failed(reason), { schedule: SCHEDULE, now: NOW, random: () => 0 })
  expect(verdict).toEqual(retryIn(5_000))
})

test('whatever happens, success is 2xx alone, a retry comes no sooner than the schedule, and the last has none', () => {
  const outcome: fc.Arbitrary<Outcome> = fc.oneof(
    fc.record({
      kind: fc.constant('answered' as const),
      statusCode: fc.integer({ min: 100, max: 599 }),
      retryAfterMs: fc.option(fc.nat({ max: 2 * MAX_RETRY_AFTER_MS }), { nil: undefined }),
    }),
    fc.record({ kind: fc.constant('failed' as const), reason: fc.constantFrom(...FAILURE_REASONS) }),
  )
  const random = fc.double({ min: 0, max: 0.999_999, noNaN: true })
  fc.assert(
    fc.property(
      outcome,
      fc.integer({ min: 1, max: 3 }),
      random,
      fc.nat(60_000),
      (given, attempts, r, tookMs) => {
        const verdict = decide(attempts, given, { schedule: SCHEDULE, now: NOW, random: () => r, tookMs })
        const isGood = given.kind === 'answered' && given.statusCode >= 200 && given.statusCode <= 299
        expect(verdict.kind === 'success').toBe(isGood)
        const waitMs = verdict.kind === 'retry' ? verdict.at - NOW : null
        const isInBounds =
          waitMs === null ||
          (waitMs >= SCHEDULE[attempts - 1]! && waitMs <= Math.max(MAX_RETRY_AFTER_MS, 66_000))
        expect(isInBounds).toBe(true)
        expect(verdict.kind === 'retry' && attempts > SCHEDULE.length).toBe(false)
      },
    ),
  )
})

test('no delivery is tried for longer than the longest window says, and one with the worst luck is for all of it', () => {
  const timeoutMs = 15_000
  const luck = (random: number, tookMs: number) => {
    let now = NOW
    for (let attempts = 1; ; attempts++) {
      const endedAt = now + tookMs
      const context = { schedule: SCHEDULE, now: endedAt, random: () => random, tookMs }
      const verdict = decide(attempts, failed('timeout'), context)
      if (verdict.kind !== 'retry') return now - NOW
      now = verdict.at
    }
  }
  const longest = longestWindowMs(SCHEDULE, timeoutMs)
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999_999, noNaN: true }), fc.nat(timeoutMs), (random, tookMs) => {
      expect(luck(random, tookMs)).toBeLessThanOrEqual(longest)
    }),
  )
  expect(longest - luck(0.999_999_9, timeoutMs)).toBeLessThanOrEqual(1)
})
