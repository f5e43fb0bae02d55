/** The two ways to verify a request: one returns what is wrong, the other throws it. @module */

import { WebhookVerificationError } from './error.ts'
import { readInput, type WebhookInput } from './input.ts'
import {
  refuse,
  type Handshake,
  type ReceivedWebhook,
  type Scheme,
  type VerifyFailure,
  type VerifyResult,
  type WebhookEvent,
} from './scheme.ts'

/** Options of `verify` and `verifyOrThrow`. */
export interface VerifyOptions {
  /** Returns the time in epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number
  /**
   * The longest body that is read or accepted, in bytes. Default 1 MiB (1 048 576); most webhooks have less
   * than 20 kB.
   */
  readonly maxBodyBytes?: number
}

const DEFAULTS = { now: Date.now, maxBodyBytes: 1_048_576 } as const satisfies VerifyOptions

/**
 * Verifies a received request. Never throws for anything that a sender can send, nor for an input of the
 * wrong shape: it says what is wrong in `code` and `hint`.
 *
 * The body of a web `Request` or a Node request is consumed. Of a Node request with `body_too_large` the rest
 * is left unread, so that you can answer 413; close the connection then.
 *
 * @param scheme - How the sender signs: `standardWebhooks(…)`, or one of the providers.
 * @throws {RangeError} An option is not what it must be.
 */
export async function verify(
  input: WebhookInput,
  scheme: Scheme,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const received = await receive(input, options)
  return 'ok' in received ? received : scheme.verify(received.webhook, received.nowMs)
}

/**
 * Answers the handshake of a provider that has one, verified first where the provider signs it. Returns
 * `null` when the request is none, or the scheme has none: then `verify` it. The body is consumed as `verify`
 * does it, so pass a `request.clone()` or `{ method, url, headers, body }` with the bytes.
 *
 * @throws {RangeError} An option is not what it must be.
 */
export async function answerHandshake(
  input: WebhookInput,
  scheme: Scheme,
  options: VerifyOptions = {},
): Promise<Handshake | VerifyFailure | null> {
  if (scheme.handshake === undefined) return null
  const received = await receive(input, options)
  return 'ok' in received ? received : scheme.handshake(received.webhook, received.nowMs)
}

async function receive(
  input: WebhookInput,
  options: VerifyOptions,
): Promise<{ readonly webhook: ReceivedWebhook; readonly nowMs: number } | VerifyFailure> {
  const maxBodyBytes = options.maxBodyBytes ?? DEFAULTS.maxBodyBytes
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 0) {
    throw new RangeError(`bad maxBodyBytes ${maxBodyBytes}: a whole number of bytes, 0 or more`)
  }
  const webhook = await readInput(input, maxBodyBytes)
  if (typeof webhook === 'string') return refuse(webhook)

  // After the body was read: what took long to arrive is as old as it is.
  const nowMs = (options.now ?? DEFAULTS.now)()
  // Every comparison with NaN is false, so that no timestamp would ever be stale.
  if (!Number.isFinite(nowMs)) throw new RangeError(`bad now() ${nowMs}: epoch milliseconds`)
  return { webhook, nowMs }
}

/**
 * Verifies a received request and returns its event. The same as `verify` otherwise.
 *
 * @throws {WebhookVerificationError} The webhook is refused: `code` and `hint` say why.
 * @throws {RangeError} An option is not what it must be.
 */
export async function verifyOrThrow(
  input: WebhookInput,
  scheme: Scheme,
  options: VerifyOptions = {},
): Promise<WebhookEvent> {
  const result = await verify(input, scheme, options)
  if (!result.ok) throw new WebhookVerificationError(result.code, result.hint)
  return result.event
}
