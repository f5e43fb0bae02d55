import { expect, test } from 'vitest'

import type { Attempt } from './attempt.ts'
import type { Delivery } from './delivery.ts'
import { type ExplanationReason, type OpenBreaker, type Situation, explain } from './explanation.ts'

const AT = Date.UTC(2026, 0, 1)
const hours = (number: number) => AT + number * 3_600_000
const LATER = hours(1)

const message = { eventType: 'paid', channels: null, createdAt: AT, deliverAt: null, expungedAt: null }

const endpoint = {
  id: 'ep_1',
  uid: null,
  url: 'https://acme.example/hook',
  throttleRate: null,
  failingSince: null,
  createdAt: hours(-9),
  updatedAt: hours(-9),
  deletedAt: null,
  disabledSince: null,
  disabledBy: null,
}
const openThen = { eventTypes: null, channels: null, disabledSince: null, disabledBy: null }

const delivery = (fields: Partial<Delivery>): Delivery => ({
  applicationId: 'app_1',
  messageId: 'msg_1',
  endpointId: 'ep_1',
  status: 'pending',
  attempts: 0,
  nextAttemptAt: AT,
  ...fields,
})

const attempt = (fields: Partial<Attempt>): Attempt => ({
  id: 'atmpt_1',
  applicationId: 'app_1',
  messageId: 'msg_1',
  endpointId: 'ep_1',
  url: endpoint.url,
  isSuccess: false,
  responseStatusCode: 500,
  response: '',
  responseDurationMs: 5,
  failure: null,
  trigger: 'scheduled',
  createdAt: AT,
  ...fields,
})

interface Case {
  readonly message?:
    Partial<typeof message> | { channels: string[] } | { deliverAt: number } | { expungedAt: number }
  readonly endpoint?: Partial<Situation['endpoint']>
  readonly wanted?: Partial<Situation['wanted']>
  readonly delivery?: Partial<Delivery>
  readonly lastAttempt?: Partial<Attempt>
  /** Until when the breaker is open, and the last attempt at the endpoint. */
  readonly breaker?: readonly [until: number, last?: Partial<Attempt>]
  /** The delivery before this one, and its last attempt. */
  readonly ahead?: readonly [Partial<Delivery>, Partial<Attempt>?]
}

const CASES: readonly (readonly [ExplanationReason, Case, string])[] = [
  [
    'delivered',
    {
      delivery: { status: 'success', attempts: 1 },
      lastAttempt: { isSuccess: true, responseStatusCode: 204 },
    },
    'Delivered on 2026-01-01T00:00:00.000Z after 1 attempt.',
  ],
  [
    'delivered',
    {
      delivery: { status: 'success', attempts: 1 },
      lastAttempt: { isSuccess: true },
      endpoint: { deletedAt: hours(2) },
    },
    'Delivered on 2026-01-01T00:00:00.000Z after 1 attempt. The endpoint was deleted on 2026-01-01T02:00:00.000Z.',
  ],
  [
    'failing',
    { delivery: { attempts: 2, nextAttemptAt: hours(3) }, lastAttempt: { responseStatusCode: 503 } },
    'Not delivered yet after 2 attempts. The last, on 2026-01-01T00:00:00.000Z, was answered with 503. ' +
      'The next attempt is on 2026-01-01T03:00:00.000Z.',
  ],
  [
    'failing',
    { delivery: { attempts: 1 }, lastAttempt: { responseStatusCode: 0, failure: 'timeout' } },
    'Not delivered yet after 1 attempt. The last, on 2026-01-01T00:00:00.000Z, got no whole answer in time. ' +
      'The next attempt is due.',
  ],
  [
    'waiting',
    { delivery: {} },
    'It waits for its turn: earlier messages to this endpoint go first, as fast as it takes them.',
  ],
  [
    'waiting',
    { delivery: {}, endpoint: { throttleRate: 5, failingSince: hours(-2) } },
    'It waits for its turn: earlier messages to this endpoint go first, as fast as it takes them. ' +
      'The endpoint allows 5 a second. Nothing but failures came of the endpoint since 2025-12-31T22:00:00.000Z, ' +
      'so fewer attempts are made.',
  ],
  [
    'waiting_in_line',
    { delivery: {}, ahead: [{ attempts: 2, nextAttemptAt: hours(3) }, { responseStatusCode: 503 }] },
    'The endpoint gets its messages in order, and msg_0 goes first: it failed 2 times, the last was answered with 503, ' +
      'and its next attempt is on 2026-01-01T03:00:00.000Z.',
  ],
  [
    'waiting_in_line',
    { delivery: {}, ahead: [{ attempts: 1 }, { failure: 'connection_refused' }] },
    'The endpoint gets its messages in order, and msg_0 goes first: it failed 1 time, the last was refused the connection, ' +
      'and its next attempt is due.',
  ],
  [
    'waiting_in_line',
    { message: { deliverAt: AT }, delivery: {}, ahead: [{ nextAttemptAt: hours(3) }] },
    'The endpoint gets its messages in order, and msg_0 goes first: its next attempt is on 2026-01-01T03:00:00.000Z.',
  ],
  [
    'waiting_in_line',
    { delivery: { attempts: 1 }, lastAttempt: {}, ahead: [{ status: 'sending' }] },
    'The endpoint gets its messages in order, and msg_0 goes first: it is being sent. ' +
      'This one was not delivered after 1 attempt. The last, on 2026-01-01T00:00:00.000Z, was answered with 500.',
  ],
  [
    'held_while_disabled',
    { delivery: {}, endpoint: { disabledSince: hours(-1), disabledBy: 'failures' }, ahead: [{}] },
    'Held after no attempt, because the endpoint is disabled since 2025-12-31T23:00:00.000Z, ' +
      'because nothing but failures came of it for too long. It is sent when the endpoint is enabled.',
  ],
  [
    'disabled',
    { wanted: { disabledSince: hours(-1), disabledBy: 'verification' } },
    'The endpoint was disabled, since 2025-12-31T23:00:00.000Z, until its owner has proved that it wants to be called.',
  ],
  [
    'scheduled',
    { message: { deliverAt: hours(5) }, delivery: { nextAttemptAt: hours(5) } },
    'It is to be delivered on 2026-01-01T05:00:00.000Z, as the message asks.',
  ],
  [
    'held_while_disabled',
    { delivery: {}, endpoint: { disabledSince: LATER, disabledBy: 'api' as const } },
    'Held after no attempt, because the endpoint is disabled since 2026-01-01T01:00:00.000Z, by a call of the API. ' +
      'It is sent when the endpoint is enabled.',
  ],
  [
    'breaker_open',
    { delivery: { status: 'sending' }, breaker: [hours(2), { failure: 'timeout' }] },
    'Not delivered yet after no attempt: so many attempts in a row got no answer that the endpoint is left alone, but ' +
      'for one attempt at a time that finds out whether it is back, from 2026-01-01T02:00:00.000Z on. The last attempt ' +
      'at it, on 2026-01-01T00:00:00.000Z, got no whole answer in time.',
  ],
  [
    'breaker_open',
    {
      delivery: { attempts: 1, nextAttemptAt: LATER },
      lastAttempt: { failure: 'connection_refused' },
      breaker: [AT, { failure: 'timeout' }],
    },
    'Not delivered yet after 1 attempt: so many attempts in a row got no answer that the endpoint is left alone, but ' +
      'for one attempt at a time that finds out whether it is back, now. The last, on 2026-01-01T00:00:00.000Z, was ' +
      'refused the connection.',
  ],
  [
    'breaker_open',
    { delivery: {}, breaker: [hours(2)] },
    'Not delivered yet after no attempt: so many attempts in a row got no answer that the endpoint is left alone, but ' +
      'for one attempt at a time that finds out whether it is back, from 2026-01-01T02:00:00.000Z on.',
  ],
  [
    'held_while_disabled',
    {
      delivery: { status: 'sending' },
      endpoint: { disabledSince: LATER, disabledBy: 'api' },
      breaker: [hours(2)],
    },
    'Held after no attempt, because the endpoint is disabled since 2026-01-01T01:00:00.000Z, by a call of the API. ' +
      'It is sent when the endpoint is enabled.',
  ],
  [
    // Its own time comes after that of the breaker.
    'failing',
    { delivery: { attempts: 1, nextAttemptAt: hours(3) }, lastAttempt: {}, breaker: [hours(2)] },
    'Not delivered yet after 1 attempt. The last, on 2026-01-01T00:00:00.000Z, was answered with 500. ' +
      'The next attempt is on 2026-01-01T03:00:00.000Z.',
  ],
  [
    'delivered',
    { delivery: { status: 'success', attempts: 1 }, lastAttempt: {}, breaker: [hours(2)] },
    'Delivered on 2026-01-01T00:00:00.000Z after 1 attempt.',
  ],
  [
    'sending',
    { delivery: { status: 'sending' } },
    'It is being sent, or is next in the line of this endpoint, after no attempt.',
  ],
  [
    'sending',
    { delivery: { status: 'sending' }, endpoint: { throttleRate: 5 } },
    'It is being sent, or is next in the line of this endpoint, after no attempt. The endpoint allows 5 a second.',
  ],
  [
    'exhausted',
    {
      delivery: { status: 'fail', attempts: 9 },
      lastAttempt: { failure: 'dns_failure', responseStatusCode: 0 },
    },
    'Failed after 9 attempts, and will not be tried again. ' +
      'The last, on 2026-01-01T00:00:00.000Z, could not resolve the name of the host.',
  ],
  [
    'canceled_endpoint_deleted',
    { delivery: { status: 'canceled' }, endpoint: { deletedAt: LATER } },
    'Canceled after no attempt, because the endpoint was deleted on 2026-01-01T01:00:00.000Z.',
  ],
  [
    'canceled_endpoint_deleted',
    { delivery: {}, endpoint: { deletedAt: LATER } },
    'Will be canceled after no attempt, because the endpoint was deleted on 2026-01-01T01:00:00.000Z.',
  ],
  [
    'canceled_content_expunged',
    { message: { expungedAt: LATER }, delivery: { status: 'canceled' } },
    'Canceled after no attempt, because the payload was expunged on 2026-01-01T01:00:00.000Z.',
  ],
  [
    'canceled_content_expunged',
    { message: { expungedAt: LATER }, delivery: { attempts: 1 } },
    'Will be canceled after 1 attempt, because the payload was expunged on 2026-01-01T01:00:00.000Z.',
  ],
  ['canceled', { delivery: { status: 'canceled' } }, 'Skipped by hand after no attempt.'],
  [
    'created_later',
    { endpoint: { createdAt: LATER }, wanted: { eventTypes: ['lost'] } },
    'The endpoint was made on 2026-01-01T01:00:00.000Z, after the message.',
  ],
  [
    'disabled',
    { wanted: { disabledSince: hours(-1), disabledBy: 'api' as const, eventTypes: ['lost'] } },
    'The endpoint was disabled, since 2025-12-31T23:00:00.000Z, by a call of the API.',
  ],
  [
    'disabled',
    { wanted: { disabledSince: hours(-1), disabledBy: 'receiver' as const } },
    'The endpoint was disabled, since 2025-12-31T23:00:00.000Z, because it answered 410.',
  ],
  [
    'event_type',
    { wanted: { eventTypes: ['lost', 'found'] } },
    'The endpoint wanted lost, found, and not paid.',
  ],
  [
    'event_type',
    { wanted: { eventTypes: ['a', 'b', 'c', 'd', 'e'] } },
    'The endpoint wanted a, b, c and 2 more, and not paid.',
  ],
  [
    'channel',
    { wanted: { channels: ['eu'] } },
    'The endpoint listened on the channels eu, and the message has no channel.',
  ],
  [
    'channel',
    { message: { channels: ['us', 'uk'] }, wanted: { eventTypes: ['paid'], channels: ['eu'] } },
    'The endpoint listened on the channels eu, and the message has us, uk.',
  ],
  [
    'channel',
    { wanted: { channels: ['eu'] }, endpoint: { deletedAt: hours(2) } },
    'The endpoint listened on the channels eu, and the message has no channel. ' +
      'The endpoint was deleted on 2026-01-01T02:00:00.000Z.',
  ],
  [
    'changed_meanwhile',
    { endpoint: { updatedAt: LATER } },
    'As far as can be told the endpoint wanted it. It was made or changed while the message was accepted; ' +
      'its last change was on 2026-01-01T01:00:00.000Z.',
  ],
]

function aheadOf(given: Case['ahead']): Situation['ahead'] {
  if (given === undefined) return null
  const [first, last] = given
  return {
    delivery: delivery({ messageId: 'msg_0', ...first }),
    lastAttempt: last === undefined ? null : attempt({ messageId: 'msg_0', ...last }),
  }
}

function breakerOf(given: Case['breaker']): OpenBreaker | null {
  if (given === undefined) return null
  const [until, last] = given
  return { until, lastAttempt: last === undefined ? null : attempt({ messageId: 'msg_0', ...last }) }
}

test.each(CASES)('%s is said where it is true: case %#', (reason, given, text) => {
  const situation: Situation = {
    endpoint: { ...endpoint, ...given.endpoint },
    wanted: { ...openThen, ...given.wanted },
    delivery: given.delivery === undefined ? null : delivery(given.delivery),
    lastAttempt: given.lastAttempt === undefined ? null : attempt(given.lastAttempt),
    ahead: aheadOf(given.ahead),
  }
  const breaker = breakerOf(given.breaker)
  expect(explain({ ...message, ...given.message }, situation, LATER, breaker)).toEqual({ reason, text })
})
