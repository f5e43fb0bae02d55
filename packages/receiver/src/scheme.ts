/** What a provider's signature scheme is, and what it says of a request. @module */

import type { Bytes } from './base64.ts'
import { VERIFICATION_HINTS, type CoreErrorCode, type VerificationErrorCode } from './error.ts'

/** A request as it was received, in the one form that schemes see. */
export interface ReceivedWebhook {
  /** The request's method, or `null` when the input has none. */
  readonly method: string | null
  /**
   * The absolute URL that the input has, or the path and query of a Node request; `null` when it has none.
   * Nothing is put together from `Host` or `X-Forwarded-*`: schemes that sign the URL take the public one as
   * an option.
   */
  readonly url: string | null
  /** Returns the value of a header, named in lower case, or `null`. */
  header(name: string): string | null
  readonly body: Uint8Array
}

/**
 * Verifies the requests of one kind of sender. Holds its keys; takes none, and no algorithm, from the
 * request.
 */
export interface Scheme {
  /**
   * Decides on one request. `nowMs` is the time in epoch milliseconds. Never throws for what a sender can
   * send.
   */
  verify(webhook: ReceivedWebhook, nowMs: number): Promise<VerifyResult>
  /**
   * Answers the request by which the provider checks that this endpoint is its owner's, verified first where
   * the provider signs it. `null`: this is no handshake, so `verify` it. Only of schemes that have one.
   */
  handshake?(webhook: ReceivedWebhook, nowMs: number): Promise<Handshake | VerifyFailure | null>
}

/** What to send back, and what else to do, to complete a provider's handshake. */
export interface Handshake {
  readonly ok: true
  readonly response: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    /** `null` for none, as a `Response` with status 204 wants it. */
    readonly body: string | null
  }
  /** To fetch once with GET (SNS). It was verified: host and topic are the configured ones. */
  readonly confirmUrl?: string
  /** The secret that the provider made (Notion): store it, then verify with it. */
  readonly verificationToken?: string
}

/** A webhook whose signature was verified. */
export interface WebhookEvent {
  /** The provider's id of the message, the same on every attempt; where it has none, `dedupeId`. */
  readonly id: string
  /** Deduplicate on this: `id`, or `sha256:` and the hash of the body where the provider sends no id. */
  readonly dedupeId: string
  /** The event type in the provider's words, or `null` where the request names none. */
  readonly type: string | null
  /** When the sender signed this attempt; when it arrived, for a provider that sends no time. */
  readonly timestamp: Date
  /** The bytes that were received and verified. */
  readonly body: Bytes
  /**
   * Returns the body as text.
   *
   * @throws {TypeError} The body is not UTF-8.
   */
  text(): string
  /**
   * Returns the body as parsed JSON.
   *
   * @throws {TypeError} The body is not UTF-8.
   * @throws {SyntaxError} The body is not JSON.
   */
  json(): unknown
}

/**
 * A webhook that was refused: a stable `code`, and a `hint` for the log. Do not send the hint to the sender.
 */
export interface VerifyFailure {
  readonly ok: false
  readonly code: VerificationErrorCode
  readonly hint: string
}

/** What `verify` returns. Test `ok` first. */
export type VerifyResult = { readonly ok: true; readonly event: WebhookEvent } | VerifyFailure

/** Accepts: returns the event with the bytes that were verified. `type` is asked for when it is read. */
export function accept(
  id: string,
  timestamp: Date,
  body: Bytes,
  type: (event: WebhookEvent) => string | null = jsonType,
): VerifyResult {
  const text = () => new TextDecoder('utf-8', { fatal: true }).decode(body)
  const event: WebhookEvent = {
    id,
    dedupeId: id,
    get type() {
      return type(event)
    },
    timestamp,
    body,
    text,
    json: () => JSON.parse(text()) as unknown,
  }
  return { ok: true, event }
}

/** Standard Webhooks 1.0.0, "Payload structure": the type is the field `type` of a JSON body. */
function jsonType(event: WebhookEvent): string | null {
  try {
    const type: unknown = (event.json() as { type?: unknown } | null)?.type
    return typeof type === 'string' ? type : null
  } catch {
    return null
  }
}

/** Refuses with `code` and its hint, or a hint that knows the provider. */
export function refuse(code: CoreErrorCode): VerifyFailure
export function refuse(code: VerificationErrorCode, hint: string): VerifyFailure
export function refuse(
  code: VerificationErrorCode,
  hint: string = VERIFICATION_HINTS[code as CoreErrorCode],
): VerifyFailure {
  return { ok: false, code, hint }
}
