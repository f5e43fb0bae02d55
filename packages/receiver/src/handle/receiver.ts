/**
 * One function from a request to its answer. In order: rate limit and handshake by GET, or allow-list, rate limit,
 * body, handshake, signature; then the inbox, or deduplication and the handler.
 *
 * @module
 */

import { createInbox, type Inbox } from '../inbox/inbox.ts'
import { headerOf } from '../headers.ts'
import { readInput, type WebhookInput } from '../input.ts'
import { refuse, type Handshake, type VerifyFailure, type WebhookEvent } from '../scheme.ts'
import { parseRange } from './address.ts'
import { allowList } from './allow-list.ts'
import { toResponse, type Answer, type Report } from './answers.ts'
import { clientAddress } from './client-address.ts'
import { withDeadline } from './deadline.ts'
import type { DedupeStore } from './dedupe-store.ts'
import { dispatcher, type HandlerEntry } from './handlers.ts'
import { DEFAULTS, checkDuration, type ReceiveContext, type ReceiverOptions } from './options.ts'
import { rateLimit } from './rate-limit.ts'
import { consoleReport } from './report.ts'
import { STORE_TOO_LATE, runOnce, type RunDeps } from './run-once.ts'
import { handshakeOf, schemesOf, verifyWithAny } from './schemes.ts'

/** Answers a request: a web `Request`, a Node request, or `{ method, url, headers, body }`. Never rejects. */
export interface Receiver {
  (input: WebhookInput, context?: ReceiveContext): Promise<Response>
  /** The inbox of a receiver that was given one: start it. */
  readonly inbox: Inbox | null
}

/** A receiver with an inbox. */
export interface InboxReceiver extends Receiver {
  readonly inbox: Inbox
}

/**
 * Makes a receiver. Make it once, and mount it with an adapter (`@posthorn/receiver/express` …) or call it where
 * the platform has web requests.
 *
 * @throws {RangeError} An option is not what it must be.
 * @throws {WebhookSecretError} A secret is not one.
 */
export function createReceiver<Datas extends Record<string, unknown>, Tx = undefined>(
  options: ReceiverOptions<Datas, Tx> & { readonly inbox: object },
): InboxReceiver
export function createReceiver<Datas extends Record<string, unknown>, Tx = undefined>(
  options: ReceiverOptions<Datas, Tx>,
): Receiver
export function createReceiver<Datas extends Record<string, unknown>, Tx = undefined>(
  options: ReceiverOptions<Datas, Tx>,
): Receiver {
  const now = options.now ?? Date.now
  const schemes = schemesOf(options)
  const report = options.report ?? consoleReport
  const onHandshake = options.onHandshake ?? confirm
  const maxBodyBytes = checkDuration('maxBodyBytes', options.maxBodyBytes ?? DEFAULTS.maxBodyBytes)
  const proxies = (options.trustedProxies ?? []).map(parseRange)
  const isAllowed = options.allow === undefined ? null : allowList(options.allow)
  const waitOf = options.limit === undefined ? null : rateLimit(options.limit)
  // The types of payloads are known to whoever wrote `on`, and to nothing beyond it.
  const dispatch = dispatcher(options.on as unknown as Readonly<Record<string, HandlerEntry<never, Tx>>>)
  const runDeps = runDepsOf(options, now)
  const inbox =
    options.inbox === undefined
      ? null
      : createInbox({ ...options.inbox, now: options.inbox.now ?? now }, dispatch, runDeps.windowMs)

  /** A report that fails must not cost the sender its answer. */
  function tell(what: Report): void {
    try {
      report(what)
    } catch (error) {
      consoleReport({ ...what, status: 500, error })
    }
  }

  async function answer(input: WebhookInput, context: ReceiveContext, seen: Seen): Promise<Answer> {
    const method = methodOf(input)
    const headers: unknown = (input as { headers?: unknown } | null)?.headers
    const forwardedFor =
      typeof headers === 'object' && headers !== null ? headerOf(headers, 'x-forwarded-for') : null
    seen.address = clientAddress(context.remoteAddress ?? null, forwardedFor, proxies)

    const isGet = method === 'GET'
    if (method !== 'POST' && !isGet) return { code: 'method_refused' }
    // A handshake by GET may come from a console whose address is in no list.
    if (!isGet && isAllowed !== null) {
      const verdict = await isAllowed(seen.address, now())
      if (verdict === 'unavailable') return { code: 'source_list_unavailable', retryAfterMs: 60_000 }
      if (verdict === 'refused')
        return { code: 'source_refused', hint: seen.address === null ? UNKNOWN_ADDRESS : NOT_LISTED }
    }
    const waitMs = waitOf?.(seen.address, now()) ?? 0
    if (waitMs > 0) return { code: 'rate_limited', retryAfterMs: waitMs }

    const webhook = await readInput(input, maxBodyBytes)
    if (typeof webhook === 'string') return failed(refuse(webhook), context)
    const handshake = await handshakeOf(webhook, schemes, now())
    if (handshake?.ok === false) return failed(handshake, context)
    if (handshake !== null) {
      await onHandshake(handshake)
      return { code: 'handshake', response: new Response(handshake.response.body, handshake.response) }
    }
    if (isGet) return { code: 'method_refused' }

    const verified = await verifyWithAny(webhook, schemes, now())
    if ('code' in verified) return failed(verified, context)
    const { event, source } = verified
    Object.assign(seen, { source, event })
    if (!dispatch.has(event)) return { code: 'no_handler' }
    if (inbox !== null) {
      // What is stored after this answer is known when the sender comes again.
      return withDeadline(inbox.add(source, event), runDeps.deadlineMs, () => STORE_TOO_LATE)
    }

    const { answer: given, settled } = await runOnce(
      `${source}:${event.dedupeId}`,
      runDeps,
      async (signal, tx) => dispatch.run(event, { signal, source, tx, attempt: 1 }),
    )
    // The sender has its answer, and what came of the run is still to be told.
    const isLate = given.code === 'deadline_exceeded'
    const told = isLate ? settled.then((late) => tell(reportOf(late, toResponse(late), seen))) : settled
    context.waitUntil?.(told)
    return given
  }

  const receive = async (input: WebhookInput, context: ReceiveContext = {}): Promise<Response> => {
    const seen: Seen = { address: null, source: null, event: null }
    const given = await answer(input, context, seen).catch((error: unknown): Answer => ({
      code: 'receiver_failed',
      error,
    }))
    const response = toResponse(given)
    tell(reportOf(given, response, seen))
    return response
  }
  return Object.assign(receive, { inbox })
}

/** What is known of a request so far, for its report. */
interface Seen {
  address: string | null
  source: string | null
  event: WebhookEvent | null
}

const CONFIRM_TIMEOUT_MS = 5_000
const UNKNOWN_ADDRESS =
  'The sender has no known address. Does the adapter give remoteAddress? Behind a proxy, is it in trustedProxies, and does it set X-Forwarded-For?'
const NOT_LISTED = 'The address is not in allow. Behind a proxy, list the proxy in trustedProxies.'

function runDepsOf<Datas, Tx>(options: ReceiverOptions<Datas, Tx>, now: () => number): RunDeps<Tx> {
  const deadlineMs = checkDuration('deadlineMs', options.deadlineMs ?? DEFAULTS.deadlineMs)
  const leaseMs = checkDuration('leaseMs', options.leaseMs ?? deadlineMs + DEFAULTS.leaseSlackMs)
  if (leaseMs <= deadlineMs)
    throw new RangeError(`bad leaseMs ${leaseMs}: longer than deadlineMs (${deadlineMs})`)
  if (options.store !== undefined && options.inbox !== undefined) {
    throw new RangeError('bad store: an inbox deduplicates by itself, so give one of the two')
  }
  return {
    store: options.store ?? (forgetful as unknown as DedupeStore<Tx>),
    now,
    deadlineMs,
    leaseMs,
    windowMs: checkDuration('windowMs', options.windowMs ?? DEFAULTS.windowMs),
    invalidPayload: options.invalidPayload === 'refuse' ? 'payload_refused' : 'payload_invalid',
  }
}

/** The store of a receiver that was given none. */
const forgetful: DedupeStore = {
  begin: async () => ({
    state: 'begun',
    run: { tx: undefined, commit: async () => true, release: async () => undefined },
  }),
}

function methodOf(input: WebhookInput): string {
  const method: unknown = (input as { method?: unknown } | null)?.method
  return typeof method === 'string' ? method.toUpperCase() : 'POST'
}

/** Subscribes to an SNS topic. The URL was verified: it is at the host of a configured topic. */
async function confirm({ confirmUrl }: Handshake): Promise<void> {
  if (confirmUrl === undefined) return
  const response = await fetch(confirmUrl, {
    redirect: 'error',
    signal: AbortSignal.timeout(CONFIRM_TIMEOUT_MS),
  })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`the subscription was not confirmed: status ${response.status}`)
}

function failed({ code, hint }: VerifyFailure, { bodyHint }: ReceiveContext): Answer {
  const isFramework = code === 'parsed_body' || code === 'body_used'
  const retry = code === 'certificate_unavailable' ? { retryAfterMs: 60_000 } : {}
  return { code, hint: isFramework ? (bodyHint ?? hint) : hint, ...retry }
}

function reportOf(
  { code, hint, error }: Answer,
  { status }: Response,
  { address, source, event }: Seen,
): Report {
  return {
    code,
    status,
    hint: hint ?? null,
    address,
    source,
    eventId: event?.id ?? null,
    eventType: event?.type ?? null,
    ...(error === undefined ? {} : { error }),
  }
}
