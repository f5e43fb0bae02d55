/** Where a provider puts the time at which it signed. @module */

import { refuse, type ReceivedWebhook, type VerifyFailure } from '../scheme.ts'
import { checkTolerance, parseTimestamp, staleness, type TimestampUnit } from '../timestamp.ts'
import { jsonText, parseJson } from './fields.ts'

/**
 * Describes the time of a request: in a header, beside the signatures after a prefix such as `t=`, or in the
 * JSON body.
 */
export type TimestampSource = (
  { readonly header: string } | { readonly prefix: string } | { readonly json: string }
) & {
  readonly unit: TimestampUnit
  /** The default tolerance. `null`: the provider has none, and any time is admitted unless one is set. */
  readonly toleranceSeconds: number | null
}

/**
 * Returns the tolerance in force, or `null` for none.
 *
 * @throws {RangeError} The option is negative or not finite.
 */
export function resolveTolerance(source: TimestampSource | undefined, option?: number): number | null {
  return option === undefined ? (source?.toleranceSeconds ?? null) : checkTolerance(option)
}

/** Returns the time of a request and its text, or the refusal of one that is absent, malformed or stale. */
export function timeOf(
  source: TimestampSource | undefined,
  toleranceSeconds: number | null,
  request: {
    readonly webhook: ReceivedWebhook
    readonly items: readonly string[]
    readonly nowMs: number
  },
): { readonly text: string; readonly at: Date } | VerifyFailure {
  if (source === undefined) return { text: '', at: new Date(request.nowMs) }
  const text = textOf(source, request.webhook, request.items)
  const place =
    'header' in source ? `${source.header} header` : 'prefix' in source ? source.prefix : source.json
  if (text === null) return refuse('missing_timestamp', `There is no timestamp: ${place}.`)
  const timeMs = parseTimestamp(text, source.unit)
  if (timeMs === null) {
    return refuse('malformed_timestamp', `The timestamp (${place}) is not one time in ${source.unit}.`)
  }
  const stale = toleranceSeconds === null ? null : staleness(timeMs, request.nowMs, toleranceSeconds)
  return stale === null ? { text, at: new Date(timeMs) } : refuse(stale)
}

/** Returns `timeMs` as the provider would write it. */
export function writeTimestamp(source: TimestampSource, timeMs: number): string {
  if (source.unit === 'iso') return new Date(timeMs).toISOString()
  return String(source.unit === 'seconds' ? Math.floor(timeMs / 1_000) : timeMs)
}

function textOf(source: TimestampSource, webhook: ReceivedWebhook, items: readonly string[]): string | null {
  if ('header' in source) return webhook.header(source.header)
  if ('json' in source) return jsonText(parseJson(webhook.body), source.json)
  const texts = items.filter((item) => item.startsWith(source.prefix))
  // Two times would let a stranger choose which one counts.
  const [text] = texts
  return text === undefined ? null : texts.length > 1 ? '' : text.slice(source.prefix.length)
}
