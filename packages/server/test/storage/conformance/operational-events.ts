/** Conformance: operational events, accepted with the change that they tell of or not at all. @module */

import { describe, expect, test } from 'vitest'

import type { Turn } from '../../../src/domain/operational-event.ts'
import type { EventRequest } from '../../../src/storage/port/accepts.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newEndpoint, newMessage, newScene, upTo } from '../fixtures.ts'

/** An organisation with an operational endpoint, and events for it. */
async function newOperator(store: Store) {
  const organisationId = idAt('organisation', NOW)
  const operational = newEndpoint({ applicationId: organisationId })
  await store.createEndpoint(operational)
  return {
    organisationId,
    operational,
    event: (eventType: string, onlyIf?: Turn): EventRequest => ({
      message: newMessage({ applicationId: organisationId, eventType }),
      deliveries: [{ endpointId: operational.id, lease: null }],
      dueAt: NOW,
      onlyIf,
    }),
    /** The types of the events that were accepted, sorted: some are of one instant. */
    accepted: async () =>
      (await store.listMessages(organisationId, WHOLE, {})).map(({ eventType }) => eventType).toSorted(),
  }
}

/** Tests which events are accepted with which change. */
export function describeOperationalEvents(store: () => Store): void {
  describe('operational events', () => {
    test('an event is accepted with the attempt that it tells of, and waits for its endpoint', async () => {
      const { lease, send, record } = await newScene(store())
      const { organisationId, operational, event, accepted } = await newOperator(store())
      const message = await send({}, { lease })
      const exhausted = event('message.attempt.exhausted')
      expect(await record(message, { kind: 'exhausted' }, { events: [exhausted] })).toBe('recorded')

      expect(await accepted()).toEqual(['message.attempt.exhausted'])
      const waiting = await store().findWaitingEndpoints({ applicationId: organisationId, endpointId: '' }, 1)
      expect(waiting).toMatchObject([{ endpointId: operational.id, dueAt: NOW, state: 'open' }])
      const claimed = await store().claimDeliveries({
        lease,
        applicationId: organisationId,
        endpointId: operational.id,
        limits: upTo(10),
        isOrdered: false,
        maxBytes: 1e6,
        now: NOW,
      })
      expect(claimed).toEqual([
        { message: exhausted.message, endpointId: operational.id, attempts: 0, priority: 'live' },
      ])
    })

    test('nothing is accepted with a record that was lost', async () => {
      const { lease, send, record } = await newScene(store())
      const { event, accepted } = await newOperator(store())
      const message = await send({}, { lease })
      const late = { lease: lease - 1, events: [event('message.attempt.exhausted')] }
      expect(await record(message, { kind: 'exhausted' }, late)).toBe('lost')
      expect(await accepted()).toEqual([])

      const events = [event('message.attempt.recovered')]
      await record(message, { kind: 'success' }, { events })
      expect(
        await record(message, { kind: 'success' }, { events: [event('message.attempt.recovered')] }),
      ).toBe('lost')
      expect(await accepted()).toEqual(['message.attempt.recovered'])
    })

    test('of several attempts that disable an endpoint one tells of it, also in one moment', async () => {
      const { lease, send, record } = await newScene(store())
      const { event, accepted } = await newOperator(store())
      const messages = await Promise.all(Array.from({ length: 5 }, () => send({}, { lease })))
      const gone = { kind: 'exhausted', disable: 'gone' } as const
      const recordGone = (i: number) =>
        record(messages[i]!, gone, {
          failing: 'begins',
          events: [event('message.attempt.exhausted'), event('endpoint.disabled', 'disabled')],
        })
      await Promise.all([0, 1, 2].map(recordGone))
      await recordGone(3)
      expect(await accepted()).toEqual([
        'endpoint.disabled',
        ...Array<string>(4).fill('message.attempt.exhausted'),
      ])
    })

    test('a first failure changes an endpoint and does not disable it', async () => {
      const { lease, send, record } = await newScene(store())
      const { event, accepted } = await newOperator(store())
      const message = await send({}, { lease })
      const options = { failing: 'begins', events: [event('endpoint.disabled', 'disabled')] } as const
      expect(await record(message, { kind: 'exhausted' }, options)).toBe('changed')
      expect(await accepted()).toEqual([])
    })

    test('a new endpoint and its event are made together, or neither', async () => {
      const { application } = await newScene(store())
      const { event, accepted } = await newOperator(store())
      const endpoint = newEndpoint({ applicationId: application.id, uid: 'main' })
      await store().createEndpoint(endpoint, [event('endpoint.created')])
      expect(await accepted()).toEqual(['endpoint.created'])

      const second = newEndpoint({ applicationId: application.id, uid: 'main' })
      await expect(store().createEndpoint(second, [event('endpoint.created')])).rejects.toMatchObject({
        code: 'uid_exists',
      })
      expect(await accepted()).toEqual(['endpoint.created'])
    })

    test('an update is told of by what it made of the endpoint, whatever its caller had read', async () => {
      const { application, endpoint } = await newScene(store())
      const { event, accepted } = await newOperator(store())
      const update = (disabled: boolean) =>
        store().updateEndpoint(application.id, endpoint.id, { disabled }, NOW, [
          event('endpoint.updated'),
          event('endpoint.enabled', 'enabled'),
          event('endpoint.disabled', 'disabled'),
        ])
      await Promise.all([update(true), update(true)])
      expect(await accepted()).toEqual(['endpoint.disabled', 'endpoint.updated', 'endpoint.updated'])
      await update(false)
      await update(false)
      expect(await accepted()).toEqual([
        'endpoint.disabled',
        'endpoint.enabled',
        ...Array<string>(4).fill('endpoint.updated'),
      ])
    })

    test('nothing is told of an update or deletion that found nothing', async () => {
      const { application, endpoint } = await newScene(store())
      const { event, accepted } = await newOperator(store())
      const change = event('endpoint.deleted')
      expect(await store().deleteEndpoint(application.id, endpoint.id, NOW, [change])).toBe(true)
      expect(
        await store().deleteEndpoint(application.id, endpoint.id, NOW, [event('endpoint.deleted')]),
      ).toBe(false)
      const updated = await store().updateEndpoint(application.id, endpoint.id, { description: 'New' }, NOW, [
        event('endpoint.updated'),
      ])
      expect(updated).toBeNull()
      expect(await accepted()).toEqual(['endpoint.deleted'])
    })

    test('an event for an ordered endpoint gets its place in the line', async () => {
      const { application, addEndpoint } = await newScene(store())
      const { organisationId, operational, event } = await newOperator(store())
      const ordered = (type: string): EventRequest => ({
        ...event(type),
        deliveries: [{ endpointId: operational.id, lease: null, isOrdered: true }],
      })
      const first = ordered('endpoint.created')
      await store().createEndpoint(newEndpoint({ applicationId: application.id }), [first])
      const { id } = await addEndpoint()
      const second = ordered('endpoint.deleted')
      await store().deleteEndpoint(application.id, id, NOW, [second])
      const claimed = await store().claimDeliveries({
        lease: 1,
        applicationId: organisationId,
        endpointId: operational.id,
        limits: upTo(10),
        isOrdered: true,
        maxBytes: 1e6,
        now: NOW,
      })
      expect(claimed.map(({ message }) => message.id)).toEqual([first.message.id, second.message.id])
    })
  })
}
