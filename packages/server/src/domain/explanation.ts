/** Explains why an endpoint did or did not get a message. Pure. @module */

import type { Attempt } from './attempt.ts'
import type { Delivery, FailureReason } from './delivery.ts'
import type { DisabledReason, Endpoint } from './endpoint.ts'
import type { Message } from './message.ts'

/**
 * Who disabled an endpoint: a caller of the API (the audit log says which); the receiver itself, by answering 410; its
 * failures, which went on for too long; or that its owner has not proved yet that it wants to be called.
 */
export type DisabledBy = 'api' | 'receiver' | 'failures' | 'verification'

/** Returns by whom an endpoint was disabled for this reason. */
export function whoDisabled(reason: DisabledReason | null): DisabledBy {
  switch (reason) {
    case 'gone':
      return 'receiver'
    case 'failing':
      return 'failures'
    case 'unverified':
      return 'verification'
    case null:
      return 'api'
  }
}

/** What an endpoint was when a message was accepted, what it is now, and what became of the message there. */
export interface Situation {
  readonly endpoint: Pick<
    Endpoint,
    'id' | 'uid' | 'url' | 'throttleRate' | 'failingSince' | 'createdAt' | 'updatedAt'
  > & {
    readonly deletedAt: number | null
    /** Since when it is disabled; `null` where it is not. */
    readonly disabledSince: number | null
    readonly disabledBy: DisabledBy | null
  }
  /** What it wanted when the message was accepted. */
  readonly wanted: Pick<Endpoint, 'eventTypes' | 'channels'> & {
    readonly disabledSince: number | null
    readonly disabledBy: DisabledBy | null
  }
  /** `null` where the message made none to it. */
  readonly delivery: Delivery | null
  readonly lastAttempt: Attempt | null
  /** The head of an ordered endpoint's line, where the message waits in it behind that; otherwise `null`. */
  readonly ahead: { readonly delivery: Delivery; readonly lastAttempt: Attempt | null } | null
}

/** A breaker that is open: so many attempts in a row got no answer that the endpoint is only probed. */
export interface OpenBreaker {
  /** When the next probe may begin: epoch ms. */
  readonly until: number
  /** The last attempt at the endpoint, of whichever message. */
  readonly lastAttempt: Attempt | null
}

/** Why an endpoint did or did not get a message, as codes to act on. */
export const EXPLANATION_REASONS = [
  /** It answered 2xx. */
  'delivered',
  /** It failed so far, and will be tried again. */
  'failing',
  /** Its first attempt is yet to come. */
  'waiting',
  /** It waits behind another in the line of an ordered endpoint. */
  'waiting_in_line',
  /** Its first attempt waits for the time that the message asks for. */
  'scheduled',
  /** It waits until the endpoint is enabled. */
  'held_while_disabled',
  /** The endpoint does not answer, so no attempt is made until it is probed. */
  'breaker_open',
  /** A node holds it, to send it in its turn. */
  'sending',
  /** It failed, and no attempt is left. */
  'exhausted',
  /** The endpoint was deleted before it could be sent. */
  'canceled_endpoint_deleted',
  /** Its payload was expunged before it could be sent. */
  'canceled_content_expunged',
  'canceled',
  /** The endpoint was made after the message. */
  'created_later',
  /** The endpoint was disabled when the message was accepted. */
  'disabled',
  /** The endpoint did not want this event type. */
  'event_type',
  /** The endpoint listens on channels, and the message has none of them. */
  'channel',
  /** The endpoint was changed so close to the message that its settings of that moment cannot be told. */
  'changed_meanwhile',
] as const
/** A code of {@link EXPLANATION_REASONS}. */
export type ExplanationReason = (typeof EXPLANATION_REASONS)[number]

/** Why an endpoint did or did not get a message. */
export interface Explanation {
  readonly reason: ExplanationReason
  /** The same for people: one or two sentences. */
  readonly text: string
}

/**
 * Explains what became of the message at one endpoint, as things stand at `now` (epoch ms).
 *
 * @param breaker - That of the endpoint where it is open; otherwise `null`.
 */
export function explain(
  message: Pick<Message, 'eventType' | 'channels' | 'createdAt' | 'deliverAt' | 'expungedAt'>,
  situation: Situation,
  now: number,
  breaker: OpenBreaker | null = null,
): Explanation {
  const { delivery, endpoint } = situation
  const { reason, text } =
    delivery === null ? whyNone(message, situation) : whatBecame(message, situation, delivery, now, breaker)
  const isToldAlready = reason === 'canceled_endpoint_deleted' || endpoint.deletedAt === null
  return {
    reason,
    text: isToldAlready ? text : `${text} The endpoint was deleted on ${written(endpoint.deletedAt)}.`,
  }
}

function whatBecame(
  message: Pick<Message, 'deliverAt' | 'expungedAt'>,
  { endpoint, lastAttempt, ahead }: Situation,
  { status, attempts, nextAttemptAt }: Delivery,
  now: number,
  breaker: OpenBreaker | null,
): Explanation {
  const after = `after ${count(attempts, 'attempt')}`
  const failure =
    lastAttempt === null ? '' : ` The last, on ${written(lastAttempt.createdAt)}, ${outcome(lastAttempt)}.`
  switch (status) {
    case 'success':
      return said('delivered', `Delivered${at(lastAttempt)} ${after}.`)
    case 'fail':
      return said('exhausted', `Failed ${after}, and will not be tried again.${failure}`)
    case 'canceled':
      if (endpoint.deletedAt !== null) {
        const text = `Canceled ${after}, because the endpoint was deleted on ${written(endpoint.deletedAt)}.`
        return said('canceled_endpoint_deleted', text + failure)
      }
      if (message.expungedAt !== null) {
        const text = `Canceled ${after}, because the payload was expunged on ${written(message.expungedAt)}.`
        return said('canceled_content_expunged', text + failure)
      }
      return said('canceled', `Skipped by hand ${after}.${failure}`)
    case 'sending':
      // Its node has it, and waits all the same.
      if (breaker !== null) break
      return said(
        'sending',
        `It is being sent, or is next in the line of this endpoint, ${after}.${failure}${limit(endpoint)}`,
      )
    case 'pending':
      break
  }

  if (message.expungedAt !== null) {
    const text = `Will be canceled ${after}, because the payload was expunged on ${written(message.expungedAt)}.`
    return said('canceled_content_expunged', text + failure)
  }
  if (endpoint.deletedAt !== null) {
    const text = `Will be canceled ${after}, because the endpoint was deleted on ${written(endpoint.deletedAt)}.`
    return said('canceled_endpoint_deleted', text + failure)
  }
  if (endpoint.disabledSince !== null) {
    const text = `Held ${after}, because the endpoint is disabled since ${written(endpoint.disabledSince)}, ${by(endpoint.disabledBy)}.`
    return said('held_while_disabled', `${text}${failure} It is sent when the endpoint is enabled.`)
  }
  if (ahead !== null) {
    const ownFailure = attempts > 0 ? ` This one was not delivered ${after}.${failure}` : ''
    return said('waiting_in_line', `${behind(ahead, now)}${ownFailure}`)
  }
  if (breaker !== null && isDue(nextAttemptAt, Math.max(now, breaker.until))) {
    return said('breaker_open', leftAlone(breaker, after, failure, now))
  }
  const next = isDue(nextAttemptAt, now)
    ? 'The next attempt is due.'
    : `The next attempt is on ${written(nextAttemptAt)}.`
  if (attempts > 0) {
    return said('failing', `Not delivered yet ${after}.${failure} ${next}${limit(endpoint)}`)
  }
  if (message.deliverAt !== null && !isDue(nextAttemptAt, now)) {
    return said('scheduled', `It is to be delivered on ${written(nextAttemptAt)}, as the message asks.`)
  }
  return said(
    'waiting',
    `It waits for its turn: earlier messages to this endpoint go first, as fast as it takes them.${limit(endpoint)}`,
  )
}

/** Why the message made no delivery to the endpoint: judged by what the endpoint was at that time. */
function whyNone(
  message: Pick<Message, 'eventType' | 'channels' | 'createdAt'>,
  { endpoint, wanted }: Situation,
): Explanation {
  if (endpoint.createdAt > message.createdAt) {
    return said(
      'created_later',
      `The endpoint was made on ${written(endpoint.createdAt)}, after the message.`,
    )
  }
  return (
    whyUnwanted(message, wanted) ??
    said(
      'changed_meanwhile',
      `As far as can be told the endpoint wanted it. It was made or changed while the message was accepted; its last change was on ${written(endpoint.updatedAt)}.`,
    )
  )
}

/** Tells why an endpoint with these settings does not get the message; `null` where it does. */
export function whyUnwanted(
  message: Pick<Message, 'eventType' | 'channels'>,
  { disabledSince, disabledBy, eventTypes, channels }: Situation['wanted'],
): Explanation | null {
  if (disabledSince !== null) {
    return said('disabled', `The endpoint was disabled, since ${written(disabledSince)}, ${by(disabledBy)}.`)
  }
  if (eventTypes !== null && !eventTypes.includes(message.eventType)) {
    return said('event_type', `The endpoint wanted ${list(eventTypes)}, and not ${message.eventType}.`)
  }
  if (channels === null || message.channels?.some((channel) => channels.includes(channel)) === true)
    return null
  const has =
    message.channels === null ? 'the message has no channel' : `the message has ${list(message.channels)}`
  return said('channel', `The endpoint listened on the channels ${list(channels)}, and ${has}.`)
}

const FAILURES: Readonly<Record<FailureReason, string>> = {
  timeout: 'got no whole answer in time',
  connect_timeout: 'got no connection in time',
  connection_refused: 'was refused the connection',
  connection_reset: 'had its connection torn down',
  dns_failure: 'could not resolve the name of the host',
  blocked_address: 'was not made, because the address is not allowed',
  tls_failure: 'failed at TLS',
  bad_response: 'got an answer that is not valid HTTP',
  proxy_failure: 'failed at the proxy',
  auth_failure: 'was not made, because no access token was got for it',
  network_failure: 'failed on the network',
}

function outcome({ failure, responseStatusCode }: Attempt): string {
  return failure === null ? `was answered with ${responseStatusCode}` : FAILURES[failure]
}

const DISABLED_BY: Readonly<Record<DisabledBy, string>> = {
  api: 'by a call of the API',
  receiver: 'because it answered 410',
  failures: 'because nothing but failures came of it for too long',
  verification: 'until its owner has proved that it wants to be called',
}

/** By whom an endpoint was disabled. */
function by(who: DisabledBy | null): string {
  return DISABLED_BY[who ?? 'api']
}

/** A rate is a reason to wait, and so are failures: they slow an endpoint down to a probe now and then. */
function limit({ throttleRate, failingSince }: Situation['endpoint']): string {
  const rate = throttleRate === null ? '' : ` The endpoint allows ${throttleRate} a second.`
  if (failingSince === null) return rate
  return `${rate} Nothing but failures came of the endpoint since ${written(failingSince)}, so fewer attempts are made.`
}

/** How an endpoint is left alone that does not answer. A message that was not tried itself has the failure of those before it. */
function leftAlone({ until, lastAttempt }: OpenBreaker, after: string, failure: string, now: number): string {
  const others =
    lastAttempt === null
      ? ''
      : ` The last attempt at it, on ${written(lastAttempt.createdAt)}, ${outcome(lastAttempt)}.`
  const probe = isDue(until, now) ? 'now' : `from ${written(until)} on`
  return (
    `Not delivered yet ${after}: so many attempts in a row got no answer that the endpoint is left alone, but for one ` +
    `attempt at a time that finds out whether it is back, ${probe}.${failure === '' ? others : failure}`
  )
}

/** What stands before a message in its line. */
function behind({ delivery, lastAttempt }: NonNullable<Situation['ahead']>, now: number): string {
  const first = `The endpoint gets its messages in order, and ${delivery.messageId} goes first`
  if (delivery.status === 'sending') return `${first}: it is being sent.`
  const next = isDue(delivery.nextAttemptAt, now)
    ? 'its next attempt is due'
    : `its next attempt is on ${written(delivery.nextAttemptAt)}`
  if (lastAttempt === null) return `${first}: ${next}.`
  return `${first}: it failed ${count(delivery.attempts, 'time')}, the last ${outcome(lastAttempt)}, and ${next}.`
}

function isDue(instant: number | null, now: number): boolean {
  return instant === null || instant <= now
}

function said(reason: ExplanationReason, text: string): Explanation {
  return { reason, text }
}

function at(attempt: Attempt | null): string {
  return attempt === null ? '' : ` on ${written(attempt.createdAt)}`
}

/** Names at most three, so that a sentence stays one. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}

function count(number: number, noun: string): string {
  return number === 0 ? `no ${noun}` : `${number} ${noun}${number === 1 ? '' : 's'}`
}

function written(instant: number | null): string {
  return instant === null ? '' : new Date(instant).toISOString()
}
