/** Conformance: what endpoints were when a message was accepted, and what became of it there. @module */

import { describe, expect, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, newAttempt, newMessage, newScene, upTo } from '../fixtures.ts'

/** Tests what explanations are made of. */
export function describeSituations(store: () => Store): void {
  describe('situations', () => {
    test('tell of the delivery and of the last attempt at each endpoint', async () => {
      const { application, endpoint, lease, send, record } = await newScene(store())
      const message = await send({}, { lease })
      const attempts = [1, 2].map((number) =>
        newAttempt({
          applicationId: application.id,
          messageId: message.id,
          endpointId: endpoint.id,
          createdAt: NOW + number,
          isSuccess: false,
          responseStatusCode: 500 + number,
        }),
      )
      await record(message, { kind: 'retry', at: NOW }, { attempt: attempts[0]! })
      await store().claimDeliveries({
        lease,
        applicationId: application.id,
        endpointId: endpoint.id,
        limits: upTo(1),
        isOrdered: false,
        maxBytes: 1_000,
        now: NOW,
      })
      await record(message, { kind: 'retry', at: NOW + 9 }, { attempt: attempts[1]!, attempts: 2 })

      const [situation] = await store().listSituations(message, WHOLE)
      expect(situation).toMatchObject({
        endpoint: {
          id: endpoint.id,
          url: endpoint.url,
          createdAt: NOW,
          deletedAt: null,
          disabledSince: null,
          disabledBy: null,
        },
        wanted: { eventTypes: null, channels: null, disabledSince: null, disabledBy: null },
        delivery: { status: 'pending', attempts: 2, nextAttemptAt: NOW + 9 },
        lastAttempt: attempts[1],
      })
    })

    test('tell what an endpoint was when the message was accepted, whatever it became since', async () => {
      const { application, endpoint } = await newScene(store())
      const update = (at: number, changes: object) =>
        store().updateEndpoint(application.id, endpoint.id, changes, NOW + at)
      const wanted = async (at: number) => {
        const message = newMessage({ applicationId: application.id, createdAt: NOW + at })
        return (await store().listSituations(message, WHOLE))[0]!.wanted
      }
      await update(10, { eventTypes: ['paid'] })
      await update(20, { description: 'no change of what it wants' })
      await update(30, { disabled: true })
      await update(40, { channels: ['eu'] })
      await update(50, { disabled: false })

      expect(await wanted(5)).toEqual({
        eventTypes: null,
        channels: null,
        disabledSince: null,
        disabledBy: null,
      })
      expect(await wanted(15)).toEqual({
        eventTypes: ['paid'],
        channels: null,
        disabledSince: null,
        disabledBy: null,
      })
      expect(await wanted(35)).toEqual({
        eventTypes: ['paid'],
        channels: null,
        disabledSince: NOW + 30,
        disabledBy: 'api' as const,
      })
      expect(await wanted(45)).toEqual({
        eventTypes: ['paid'],
        channels: ['eu'],
        disabledSince: NOW + 30,
        disabledBy: 'api' as const,
      })
      expect(await wanted(55)).toEqual({
        eventTypes: ['paid'],
        channels: ['eu'],
        disabledSince: null,
        disabledBy: null,
      })
    })

    test('an endpoint that was made disabled is so since it was made', async () => {
      const { application, addEndpoint, send } = await newScene(store())
      const made = await addEndpoint({ disabled: true, createdAt: NOW - 7 })
      const message = await send({ applicationId: application.id })
      const situations = await store().listSituations(message, WHOLE)
      const situation = situations.find(({ endpoint }) => endpoint.id === made.id)!
      expect([situation.endpoint.disabledSince, situation.wanted.disabledSince]).toEqual([NOW - 7, NOW - 7])
    })

    test('leave out what was deleted before the message, and keep what was deleted since', async () => {
      const { application, endpoint, addEndpoint } = await newScene(store())
      const other = await addEndpoint({ createdAt: NOW + 1 })
      await store().deleteEndpoint(application.id, endpoint.id, NOW + 10)
      const ids = async (at: number) => {
        const message = newMessage({ applicationId: application.id, createdAt: NOW + at })
        return (await store().listSituations(message, WHOLE)).map((item) => item.endpoint.id)
      }
      expect(await ids(5)).toEqual([endpoint.id, other.id])
      expect(await ids(10)).toEqual([other.id])
    })

    test('come a page at a time', async () => {
      const { addEndpoint, endpoint, send } = await newScene(store())
      const second = await addEndpoint({ createdAt: NOW + 1 })
      const message = await send({ createdAt: NOW + 2 })
      const page = { limit: 1, order: 'descending', after: second.id } as const
      const [situation, ...more] = await store().listSituations(message, page)
      expect([situation!.endpoint.id, more]).toEqual([endpoint.id, []])
    })
  })
}
