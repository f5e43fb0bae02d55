/** Operational events: what the provider is told of its customers' endpoints and deliveries. Pure. @module */

import type { Attempt } from './attempt.ts'
import type { DeliveryStatus, Verdict } from './delivery.ts'
import type { DisabledReason, Endpoint } from './endpoint.ts'
import type { Message } from './message.ts'

/** The types of operational events. */
export const OPERATIONAL_EVENT_TYPES = [
  'endpoint.created',
  'endpoint.updated',
  'endpoint.deleted',
  'endpoint.enabled',
  'endpoint.disabled',
  'message.attempt.failing',
  'message.attempt.exhausted',
  'message.attempt.recovered',
] as const
/** One of {@link OPERATIONAL_EVENT_TYPES}. */
export type OperationalEventType = (typeof OPERATIONAL_EVENT_TYPES)[number]

/** The failed attempt of a delivery with which it is reported to be failing: the same one as in the API that we speak. */
export const FAILING_AT = 4

/** What a change may make of an endpoint's readiness to get messages. */
export type Turn = 'enabled' | 'disabled'

/** Something that happened to an endpoint or a delivery of an application. */
export interface OperationalEvent {
  readonly type: OperationalEventType
  /** What it is about, in the words of the API; the application's names come to it. */
  readonly data: Readonly<Record<string, unknown>>
  /** It happened only where the change turns the endpoint so; the store sees whether it does. */
  readonly onlyIf?: Turn | undefined
}

/** An attempt that is to be recorded, and what it was made of. */
export interface Reported {
  readonly message: Pick<Message, 'id' | 'eventId'>
  readonly endpoint: Pick<Endpoint, 'id' | 'uid' | 'failingSince'>
  readonly attempt: Pick<Attempt, 'id' | 'responseStatusCode' | 'trigger' | 'createdAt'>
  readonly verdict: Verdict
  /** Attempts that count against the schedule, this one included where it does. */
  readonly attempts: number
  /** How the delivery stood when a person asked for this attempt; absent for one that the schedule made. */
  readonly resumesAs?: DeliveryStatus | undefined
}

/** What most attempts make known: one list for all, as they are made for every message. */
const NONE: readonly OperationalEvent[] = []

type EndpointNames = Pick<Endpoint, 'id' | 'uid'>

/**
 * Returns what an attempt makes known.
 *
 *     4th failure ──▶ failing ──┬── success ────────────────────────────────────▶ recovered
 *                               └── schedule spent ──▶ exhausted ── by hand ────▶ recovered
 *
 * Each once in a run of the schedule. A failure that spends it is reported as that alone, also where it is the fourth. A
 * task that sends again what is over begins a new run.
 */
export function eventsOfAttempt(reported: Reported): readonly OperationalEvent[] {
  const { message, endpoint, attempt, verdict } = reported
  const change = changeOf(reported)
  const reason = verdict.kind === 'success' ? undefined : verdict.disable
  if (change === null && reason === undefined) return NONE
  const events: OperationalEvent[] = []
  if (change !== null) {
    events.push({
      type: `message.attempt.${change}`,
      data: {
        endpointId: endpoint.id,
        msgId: message.id,
        msgEventId: message.eventId,
        lastAttempt: {
          id: attempt.id,
          responseStatusCode: attempt.responseStatusCode,
          timestamp: isoOf(attempt.createdAt),
        },
      },
    })
  }
  if (reason !== undefined) {
    events.push(disabled(endpoint, endpoint.failingSince ?? attempt.createdAt, reason))
  }
  return events
}

function changeOf({
  verdict,
  attempts,
  attempt,
  resumesAs,
}: Reported): 'failing' | 'exhausted' | 'recovered' | null {
  switch (verdict.kind) {
    case 'retry':
      return attempts === FAILING_AT ? 'failing' : null
    case 'exhausted':
      return 'exhausted'
    case 'resume':
      return null
    case 'success': {
      if (attempt.trigger === 'scheduled') return attempts > FAILING_AT ? 'recovered' : null
      // What never went to the endpoint before stands as failed too, with no attempt.
      const wasReported =
        resumesAs === 'fail' ? attempts > 0 : resumesAs === 'pending' && attempts >= FAILING_AT
      return wasReported ? 'recovered' : null
    }
  }
}

/** Returns what the creation of an endpoint makes known. */
export function eventsOfCreation(endpoint: EndpointNames): OperationalEvent[] {
  return [{ type: 'endpoint.created', data: namesOf(endpoint) }]
}

/**
 * Returns what a change of an endpoint by the API makes known: that it was updated, and also where it was enabled or
 * disabled by it.
 *
 * @param endpoint - With its names after the change.
 */
export function eventsOfUpdate(
  endpoint: EndpointNames & Pick<Endpoint, 'failingSince'>,
  changes: { readonly disabled?: boolean | undefined; readonly disabledReason?: 'unverified' | undefined },
): OperationalEvent[] {
  const updated: OperationalEvent = { type: 'endpoint.updated', data: namesOf(endpoint) }
  if (changes.disabled === undefined) return [updated]
  if (changes.disabled) {
    return [updated, disabled(endpoint, endpoint.failingSince, changes.disabledReason ?? null)]
  }
  return [updated, { type: 'endpoint.enabled', data: namesOf(endpoint), onlyIf: 'enabled' }]
}

/** Returns what the deletion of an endpoint makes known. */
export function eventsOfDeletion(endpoint: EndpointNames): OperationalEvent[] {
  return [{ type: 'endpoint.deleted', data: namesOf(endpoint) }]
}

/** @param reason - `null` where the API did it. */
function disabled(
  endpoint: EndpointNames,
  failingSince: number | null,
  reason: DisabledReason | null,
): OperationalEvent {
  return {
    type: 'endpoint.disabled',
    data: {
      ...namesOf(endpoint),
      failSince: failingSince === null ? null : isoOf(failingSince),
      trigger: reason === null ? 'manual' : 'automatic',
      reason,
    },
    onlyIf: 'disabled',
  }
}

function namesOf({ id, uid }: EndpointNames) {
  return { endpointId: id, endpointUid: uid }
}

function isoOf(at: number): string {
  return new Date(at).toISOString()
}
