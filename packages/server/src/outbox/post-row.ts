/** Gives Posthorn one row of another database's outbox, over its API. @module */

import { isDeepStrictEqual } from 'node:util'

import type { RelayRow } from '../storage/postgres/relay-outbox.ts'

/** Where Posthorn is and who calls. */
export interface PosthornTarget {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string
}

/**
 * What became of a row: Posthorn has its message; it never will have; or it is to be tried again, no sooner than after
 * `waitMs` where Posthorn has said so.
 */
export type PostResult =
  | { readonly kind: 'sent' }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  | { readonly kind: 'later'; readonly why: string; readonly waitMs: number | null }

const TIMEOUT_MS = 30_000
const MAX_REASON = 1_000

/** Statuses that say that the message itself is wrong, whenever it is sent. */
const REFUSALS: ReadonlySet<number> = new Set([400, 404, 413, 422])

/**
 * Sends a row as a message. Its event id makes it one message, however often it is sent: Posthorn accepts an event id once.
 */
export async function postRow(target: PosthornTarget, row: RelayRow): Promise<PostResult> {
  try {
    const path = `/app/${encodeURIComponent(row.application)}/msg`
    const reply = await call(target, 'POST', `${path}?with_content=false`, bodyOf(row))
    if (reply.status === 202) return { kind: 'sent' }
    const { code, detail } = reply.body
    if (reply.status === 409 && code === 'event_id_exists') {
      const earlier = await call(target, 'GET', `${path}/${encodeURIComponent(row.eventId)}`)
      if (earlier.status === 200)
        return isSame(row, earlier.body) ? { kind: 'sent' } : { kind: 'refused', ...saidOf(reply) }
      // Its message was deleted since, as old ones are.
      if (earlier.status === 404 && earlier.body['code'] === 'not_found') return { kind: 'sent' }
      return later(earlier)
    }
    // Without Posthorn's form of an error, it is not Posthorn that refuses.
    if (REFUSALS.has(reply.status) && detail !== undefined) return { kind: 'refused', ...saidOf(reply) }
    return later(reply)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { kind: 'later', why: cause instanceof Error ? cause.message : String(cause), waitMs: null }
  }
}

/** The payload goes as its own text: parsed and written again it could be another. */
function bodyOf({ eventType, payload, eventId, channels, tags, deliverAt, contentType }: RelayRow): string {
  const fields = { eventType, eventId, channels, tags, deliverAt }
  if (contentType === null) return `{"payload":${payload},${JSON.stringify(fields).slice(1)}`
  const transformationsParams = { rawPayload: payload, headers: { 'content-type': contentType } }
  return JSON.stringify({ payload: {}, ...fields, transformationsParams })
}

interface Reply {
  readonly status: number
  readonly retryAfter: string | null
  /** Empty where it was no JSON object. */
  readonly body: Readonly<Record<string, unknown>>
  readonly text: string
}

async function call(
  { url, token }: PosthornTarget,
  method: string,
  path: string,
  body?: string,
): Promise<Reply> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await response.text()
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: parse(text), text }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/**
 * Whether the message that has the event id is this row's: then it was sent before, and the relay ended before it could
 * remove the row.
 */
function isSame(row: RelayRow, message: Reply['body']): boolean {
  if (message['eventType'] !== row.eventType) return false
  const { payload } = message
  if (isDeepStrictEqual(payload, { expired: true })) return true
  return (
    isDeepStrictEqual(payload, parse(row.payload)) || isDeepStrictEqual(payload, { rawPayload: row.payload })
  )
}

function saidOf({ status, body, text }: Reply): { code: string; reason: string } {
  const { code, detail } = body
  return {
    code: typeof code === 'string' ? code : status === 422 ? 'validation' : String(status),
    reason: (typeof detail === 'string'
      ? detail
      : detail === undefined
        ? text
        : JSON.stringify(detail)
    ).slice(0, MAX_REASON),
  }
}

function later(reply: Reply): PostResult {
  const seconds = Number(reply.retryAfter ?? Number.NaN)
  const { reason } = saidOf(reply)
  return {
    kind: 'later',
    why: `it answered ${reply.status}: ${reason}`,
    waitMs: seconds >= 0 ? seconds * 1_000 : null,
  }
}
