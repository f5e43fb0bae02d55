/** Decides when a failed delivery is tried again. Pure: clock and randomness are arguments. @module */

/**
 * Waits in milliseconds, first retry first: nine retries over 75 h 35 min 5 s.
 *
 * Source: the example schedule of the Standard Webhooks spec, less its immediate first attempt.
 */
export const STANDARD_SCHEDULE: readonly number[] = [
  5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
].map((seconds) => seconds * 1_000)

/**
 * Returns the schedule that holds for a delivery: that of its endpoint, or else of its event type, its application, the
 * server.
 */
export function scheduleFor(
  schedules: Readonly<
    Record<'endpoint' | 'eventType' | 'application', readonly number[] | null | undefined>
  > & { readonly server: readonly number[] },
): readonly number[] {
  return schedules.endpoint ?? schedules.eventType ?? schedules.application ?? schedules.server
}

/** The share of a wait that may be added to it at random. */
const JITTER = 0.1

/** The longest `Retry-After` we obey, in milliseconds: 24 h. */
export const MAX_RETRY_AFTER_MS = 86_400_000

/**
 * Returns the instant of the next attempt in epoch milliseconds, or `null` when the schedule is spent.
 *
 * @param attempt - Attempts made so far, the failed one included: 1 or more.
 * @param now - Epoch milliseconds.
 * @param options.retryAfterMs - Wait the receiver asked for. Lengthens ours, never shortens it.
 * @param options.minWaitMs - The least that we wait, whatever the schedule says.
 * @param options.random - Returns a number in [0, 1); adds up to 10% to our wait.
 * @throws {RangeError} `attempt` is not a positive integer.
 */
export function nextAttemptAt(
  schedule: readonly number[],
  attempt: number,
  now: number,
  options: {
    readonly retryAfterMs?: number | undefined
    readonly minWaitMs?: number | undefined
    readonly random: () => number
  },
): number | null {
  if (!Number.isInteger(attempt) || attempt < 1) throw new RangeError(`bad attempt: ${attempt}`)
  const waitMs = schedule[attempt - 1]
  if (waitMs === undefined) return null

  // Jitter only adds, so a retry is never sooner than the schedule we publish.
  const jitteredMs = Math.max(waitMs, options.minWaitMs ?? 0) * (1 + JITTER * options.random())
  const askedMs = Math.min(options.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)
  return now + Math.ceil(Math.max(jitteredMs, askedMs))
}

/**
 * Returns the longest that lies between the beginnings of a delivery's first attempt and of its last, in milliseconds: every
 * attempt times out, and every wait has the most added to it. A receiver that asks for longer waits, and an endpoint that is
 * disabled meanwhile, make it longer still.
 *
 * @param timeoutMs - The longest that an attempt takes.
 */
export function longestWindowMs(schedule: readonly number[], timeoutMs: number): number {
  return schedule.reduce(
    (sum, waitMs) => sum + timeoutMs + Math.ceil(Math.max(waitMs, timeoutMs) * (1 + JITTER)),
    0,
  )
}

/**
 * Reads a `Retry-After` header as a wait in milliseconds, or `undefined` where it says nothing usable.
 *
 * Source: RFC 9110, section 10.2.3: seconds, or an HTTP date.
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, MAX_RETRY_AFTER_MS)
  // An HTTP date begins with the day's name; Date.parse alone would make a date of "-5".
  const isDate = /^[A-Za-z]{3,9},? /.test(text)
  // Its oldest form names no zone and means GMT too (RFC 9110, section 5.6.7); Date.parse would take that of this machine.
  const at = isDate ? Date.parse(/\d{4}$/.test(text) ? `${text} GMT` : text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - now), MAX_RETRY_AFTER_MS)
}
