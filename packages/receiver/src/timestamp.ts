/** When a request was signed, and whether that is near enough to now. @module */

import type { VerificationErrorCode } from './error.ts'

/** The spellings of a time in a request. */
export type TimestampUnit = 'seconds' | 'milliseconds' | 'iso'

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/**
 * Returns epoch milliseconds, or `null` unless `text` is the one spelling of a time in `unit`: milliseconds
 * in the place of seconds are 50 000 years away and a fault of the configuration.
 */
export function parseTimestamp(text: string, unit: TimestampUnit): number | null {
  if (unit === 'iso') {
    const timeMs = ISO.test(text) ? Date.parse(text) : Number.NaN
    return Number.isNaN(timeMs) ? null : timeMs
  }
  const [digits, factor] = unit === 'seconds' ? [11, 1_000] : [14, 1]
  return /^(0|[1-9]\d*)$/.test(text) && text.length <= digits ? Number(text) * factor : null
}

/** Returns what is wrong with a time that is too far from now, in either direction, in whole seconds. */
export function staleness(
  timeMs: number,
  nowMs: number,
  toleranceSeconds: number,
): Extract<VerificationErrorCode, `timestamp_too_${string}`> | null {
  const ageSeconds = Math.floor(nowMs / 1_000) - Math.floor(timeMs / 1_000)
  if (ageSeconds > toleranceSeconds) return 'timestamp_too_old'
  return ageSeconds < -toleranceSeconds ? 'timestamp_too_new' : null
}

/**
 * Returns the tolerance if it is one.
 *
 * @throws {RangeError} It is negative or not finite: every comparison with NaN is false.
 */
export function checkTolerance(toleranceSeconds: number): number {
  if (Number.isFinite(toleranceSeconds) && toleranceSeconds >= 0) return toleranceSeconds
  throw new RangeError(`bad toleranceSeconds ${toleranceSeconds}: a finite number of seconds, 0 or more`)
}
