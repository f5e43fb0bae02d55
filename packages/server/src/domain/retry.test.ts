import { expect, onTestFinished, test, vi } from 'vitest'
import * as fc from 'fast-check'

import {
  MAX_RETRY_AFTER_MS,
  STANDARD_SCHEDULE,
  longestWindowMs,
  nextAttemptAt,
  parseRetryAfter,
  scheduleFor,
} from './retry.ts'

const waitMs = (attempt: number, retryAfterMs = 0, random = () => 0) =>
  nextAttemptAt(STANDARD_SCHEDULE, attempt, 0, { retryAfterMs, random })

test('the standard schedule is nine retries over 75 h 35 min 5 s', () => {
  const total = STANDARD_SCHEDULE.reduce((sum, wait) => sum + wait, 0)
  expect(STANDARD_SCHEDULE).toHaveLength(9)
  expect(total).toBe(((75 * 60 + 35) * 60 + 5) * 1_000)
})

test('each attempt waits its turn of the schedule, and the last one has no next', () => {
  expect([1, 2, 9].map((attempt) => waitMs(attempt))).toEqual([5_000, 300_000, 86_400_000])
  expect(waitMs(10)).toBeNull()
})

test('Retry-After lengthens the wait, up to a day, and never shortens it', () => {
  expect(waitMs(1, 60_000)).toBe(60_000)
  expect(waitMs(2, 1_000)).toBe(300_000)
  expect(waitMs(1, 10 * MAX_RETRY_AFTER_MS)).toBe(MAX_RETRY_AFTER_MS)
})

test('jitter adds up to a tenth and never takes away', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (n, r) => {
      const plain = STANDARD_SCHEDULE[n - 1]!
      const jittered = waitMs(n, 0, () => r)!
      expect(jittered).toBeGreaterThanOrEqual(plain)
      expect(jittered).toBeLessThanOrEqual(Math.ceil(plain * 1.1))
    }),
  )
})

test('an attempt that is not a positive integer is a bug, and says so', () => {
  for (const bad of [0, -1, 1.5, Number.NaN]) expect(() => waitMs(bad)).toThrow(RangeError)
})

test('Retry-After is read as seconds or as a date, and nonsense as nothing', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(parseRetryAfter('120', now)).toBe(120_000)
  expect(parseRetryAfter(' 7 ', now)).toBe(7_000)
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000)
  expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:00 GMT', now)).toBe(0)
  expect(parseRetryAfter('99999999999', now)).toBe(MAX_RETRY_AFTER_MS)
  for (const bad of ['', 'soon', '-5', undefined]) expect(parseRetryAfter(bad, now)).toBeUndefined()
})

test('a date without a zone is one of GMT, wherever the server stands', () => {
  vi.stubEnv('TZ', 'America/New_York')
  onTestFinished(() => void vi.unstubAllEnvs())
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(parseRetryAfter('Thu Jan  1 00:01:00 2026', now)).toBe(60_000)
  expect(parseRetryAfter('Thursday, 01-Jan-26 00:01:00 GMT', now)).toBe(60_000)
})

test('the schedule that holds is that of the endpoint, or else of its event type, its application, the server', () => {
  const server = [4]
  const schedules = { endpoint: [1], eventType: [2], application: [3], server }
  expect(scheduleFor(schedules)).toEqual([1])
  expect(scheduleFor({ ...schedules, endpoint: null })).toEqual([2])
  expect(scheduleFor({ ...schedules, endpoint: null, eventType: undefined })).toEqual([3])
  expect(scheduleFor({ endpoint: null, eventType: null, application: null, server })).toEqual([4])
})

test('a schedule without a retry is one too, and the more general ones do not replace it', () => {
  expect(scheduleFor({ endpoint: [], eventType: [2], application: [3], server: [4] })).toEqual([])
})

test('the least wait counts where the schedule has less, and has jitter too', () => {
  const options = { minWaitMs: 15_000, random: () => 0.5 }
  expect(nextAttemptAt(STANDARD_SCHEDULE, 1, 0, options)).toBe(15_750)
  expect(nextAttemptAt(STANDARD_SCHEDULE, 2, 0, options)).toBe(315_000)
})

test('the longest window has a time-out and the most jitter before each retry', () => {
  expect(longestWindowMs([], 15_000)).toBe(0)
  expect(longestWindowMs([60_000, 1_000], 15_000)).toBe(15_000 + 66_000 + 15_000 + 16_500)
})
