import { expect, test } from 'vitest'

import type { DeliveryStatus, Verdict } from './delivery.ts'
import {
  FAILING_AT,
  type Reported,
  eventsOfAttempt,
  eventsOfCreation,
  eventsOfDeletion,
  eventsOfUpdate,
} from './operational-event.ts'

const AT = Date.parse('2026-11-24T12:00:00.000Z')

const endpoint = { id: 'ep_1', uid: 'main', failingSince: null }

const reported = (fields: Partial<Reported>): Reported => ({
  message: { id: 'msg_1', eventId: 'invoice-1' },
  endpoint,
  attempt: { id: 'atmpt_1', responseStatusCode: 500, trigger: 'scheduled', createdAt: AT },
  verdict: { kind: 'success' },
  attempts: 1,
  ...fields,
})

const typesOf = (fields: Partial<Reported>) => eventsOfAttempt(reported(fields)).map(({ type }) => type)

/** The events of a delivery that fails so many times, and then ends so. */
function eventsOfRun(failures: number, end: Verdict): string[] {
  const retries = Array.from({ length: failures }, (_, i) =>
    typesOf({ verdict: { kind: 'retry', at: AT }, attempts: i + 1 }),
  )
  return [...retries.flat(), ...typesOf({ verdict: end, attempts: failures + 1 })]
}

test.each([
  [0, { kind: 'success' }, []],
  [3, { kind: 'success' }, []],
  [4, { kind: 'success' }, ['message.attempt.failing', 'message.attempt.recovered']],
  [9, { kind: 'success' }, ['message.attempt.failing', 'message.attempt.recovered']],
  [0, { kind: 'exhausted' }, ['message.attempt.exhausted']],
  [3, { kind: 'exhausted' }, ['message.attempt.exhausted']],
  [9, { kind: 'exhausted' }, ['message.attempt.failing', 'message.attempt.exhausted']],
] as const)('after %i failures and then %o, what was made known is %o', (failures, end, events) => {
  expect(eventsOfRun(failures, end)).toEqual(events)
})

test.each<[DeliveryStatus, number, Verdict, string[]]>([
  ['fail', 10, { kind: 'success' }, ['message.attempt.recovered']],
  ['fail', 1, { kind: 'success' }, ['message.attempt.recovered']],
  ['fail', 0, { kind: 'success' }, []],
  ['pending', FAILING_AT, { kind: 'success' }, ['message.attempt.recovered']],
  ['pending', FAILING_AT - 1, { kind: 'success' }, []],
  ['success', 7, { kind: 'success' }, []],
  ['canceled', 7, { kind: 'success' }, []],
  ['fail', 10, { kind: 'resume' }, []],
  ['pending', FAILING_AT, { kind: 'resume' }, []],
])(
  'a manual attempt of what stood as %s after %i attempts, with %o, makes known %o',
  (resumesAs, ...rest) => {
    const [attempts, verdict, events] = rest
    const attempt = { ...reported({}).attempt, trigger: 'manual' as const }
    expect(typesOf({ attempt, resumesAs, attempts, verdict })).toEqual(events)
  },
)

test('an event of an attempt names the message, the endpoint and the attempt', () => {
  expect(eventsOfAttempt(reported({ verdict: { kind: 'exhausted' } }))).toEqual([
    {
      type: 'message.attempt.exhausted',
      data: {
        endpointId: 'ep_1',
        msgId: 'msg_1',
        msgEventId: 'invoice-1',
        lastAttempt: { id: 'atmpt_1', responseStatusCode: 500, timestamp: '2026-11-24T12:00:00.000Z' },
      },
    },
  ])
})

test('an attempt that disables its endpoint tells since when it fails, and counts only where it was enabled', () => {
  const since = { ...endpoint, failingSince: AT - 1_000 }
  const [, gone] = eventsOfAttempt(reported({ verdict: { kind: 'exhausted', disable: 'gone' } }))
  expect(gone).toEqual({
    type: 'endpoint.disabled',
    data: {
      endpointId: 'ep_1',
      endpointUid: 'main',
      failSince: '2026-11-24T12:00:00.000Z',
      trigger: 'automatic',
      reason: 'gone',
    },
    onlyIf: 'disabled',
  })
  const verdict = { kind: 'retry', at: AT, disable: 'failing' } as const
  expect(eventsOfAttempt(reported({ endpoint: since, verdict }))).toMatchObject([
    { data: { failSince: '2026-11-24T11:59:59.000Z', reason: 'failing' } },
  ])
  expect(typesOf({ verdict: { kind: 'resume', disable: 'gone' } })).toEqual(['endpoint.disabled'])
})

test('a change by the API is an update, and also a turn where it may enable or disable', () => {
  expect(eventsOfUpdate(endpoint, {}).map(({ type }) => type)).toEqual(['endpoint.updated'])
  expect(eventsOfUpdate(endpoint, { disabled: false })).toMatchObject([
    { type: 'endpoint.updated', data: { endpointId: 'ep_1', endpointUid: 'main' } },
    { type: 'endpoint.enabled', onlyIf: 'enabled' },
  ])
  expect(eventsOfUpdate(endpoint, { disabled: true })).toMatchObject([
    { type: 'endpoint.updated' },
    {
      type: 'endpoint.disabled',
      onlyIf: 'disabled',
      data: { failSince: null, trigger: 'manual', reason: null },
    },
  ])
  expect(eventsOfCreation(endpoint).map(({ type }) => type)).toEqual(['endpoint.created'])
  expect(eventsOfDeletion(endpoint).map(({ type }) => type)).toEqual(['endpoint.deleted'])
})
