/** What a provider's signature scheme is, and what it says of a request. @module */

import type { Bytes } from './base64.ts'
import { VERIFICATION_HINTS, type VerificationErrorCode } from './error.ts'

/** A request as it was received, in the one form that schemes see. */
export interface ReceivedWebhook {
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
}

/** A webhook whose signature was verified. */
export interface WebhookEvent {
  /** The message's id: the same on every attempt. Deduplicate on it. */
  readonly id: string
  /** When the sender signed this attempt. */
  readonly timestamp: Date
  /** The bytes that were signed. */
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

/** Accepts: returns the event with the bytes that were verified. */
export function accept(id: string, timestamp: Date, body: Bytes): VerifyResult {
  const text = () => new TextDecoder('utf-8', { fatal: true }).decode(body)
  return { ok: true, event: { id, timestamp, body, text, json: () => JSON.parse(text()) as unknown } }
}

/** Refuses with `code` and its hint. */
export function refuse(code: VerificationErrorCode): VerifyFailure {
  return { ok: false, code, hint: VERIFICATION_HINTS[code] }
}
