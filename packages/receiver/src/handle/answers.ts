/**
 * What a receiver answers, and what that makes a sender do: 2xx is done, 4xx is not worth a retry, 500 is worth
 * one, 503 and 429 are worth one after `Retry-After`.
 *
 * @module
 */

import type { VerificationErrorCode } from '../error.ts'

/** The statuses of what became of a request whose signature was not the question, or was good. */
export const HANDLED_STATUS = {
  handshake: 200,
  // 200 and not 204: every sender takes it, and some, such as Meta, ask for it.
  handled: 200,
  duplicate: 200,
  no_handler: 200,
  stored: 202,
  source_refused: 403,
  method_refused: 405,
  rate_limited: 429,
  // An authentic event that this code cannot read: a new version may, and until then the sender keeps it.
  payload_invalid: 500,
  payload_refused: 422,
  handler_failed: 500,
  handler_answered: 200,
  commit_failed: 500,
  deadline_exceeded: 503,
  busy: 503,
  store_unavailable: 503,
  source_list_unavailable: 503,
  receiver_failed: 500,
} as const satisfies Record<string, number>

/**
 * The refusals that are not the sender's fault, and the one with a status of its own. A body that was parsed or
 * read before it came here is a fault of the application: the sender keeps the event until that is mended.
 */
export const REFUSED_STATUS = {
  body_too_large: 413,
  parsed_body: 500,
  body_used: 500,
  unknown_input: 500,
  missing_url: 500,
  missing_method: 500,
  certificate_unavailable: 503,
} as const satisfies Partial<Record<VerificationErrorCode, number>>

/** What became of a request. Stable: branch on it. */
export type AnswerCode = keyof typeof HANDLED_STATUS | VerificationErrorCode

/** What became of a request, for logs and metrics. */
export interface Report {
  readonly code: AnswerCode
  readonly status: number
  /** What to look at. For the log: the sender does not get it, except for a body that was parsed. */
  readonly hint: string | null
  /** The sender's address, as far as it is known. */
  readonly address: string | null
  /** The name of the scheme that verified it. */
  readonly source: string | null
  readonly eventId: string | null
  readonly eventType: string | null
  /** What a handler or a store threw. */
  readonly error?: unknown
}

/** What is answered. */
export interface Answer {
  readonly code: AnswerCode
  readonly hint?: string
  readonly error?: unknown
  readonly retryAfterMs?: number
  /** A handler's or a handshake's own answer. */
  readonly response?: Response
}

function statusOf(code: AnswerCode): number {
  if (code in HANDLED_STATUS) return HANDLED_STATUS[code as keyof typeof HANDLED_STATUS]
  return (REFUSED_STATUS as Partial<Record<AnswerCode, number>>)[code] ?? 400
}

/** Whether the event may come again: what is not done is not marked as done. */
export function isRetryable(response: Response): boolean {
  return response.status >= 500 || response.status === 429
}

/** Makes the response. Its body names the code alone: a hint may tell a stranger what we know. */
export function toResponse(answer: Answer): Response {
  if (answer.response !== undefined) return answer.response
  const { code, hint, retryAfterMs } = answer
  const status = statusOf(code)
  const headers = new Headers()
  // At least 1: a sender may take 0 for "at once", and whole seconds are all that the header has.
  if (retryAfterMs !== undefined)
    headers.set('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))))
  if (code === 'method_refused') headers.set('allow', 'POST')
  if (status === 200) return new Response(null, { status, headers })
  headers.set('content-type', 'application/json')
  // Whoever mounts the wrong body parser tries it with curl first, and this hint tells a stranger nothing.
  const body = code === 'parsed_body' || code === 'body_used' ? { code, hint } : { code }
  return new Response(JSON.stringify(body), { status, headers })
}
