/** Conformance: deliveries as the API shows them. @module */

import { describe, expect, test } from 'vitest'

import type { DeliveryStatus } from '../../../src/domain/delivery.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newScene } from '../fixtures.ts'

/** One delivery in each status. */
async function everyStatus(store: Store) {
  const scene = await newScene(store)
  const { application, endpoint, lease, send, record } = scene
  const canceled = await send()
  await store.cancelDeliveries(application.id, endpoint.id, 10)
  const pending = await send({}, { dueAt: NOW + 60_000 })
  const sending = await send({}, { lease })
  const success = await send({}, { lease })
  await record(success, { kind: 'success' })
  const fail = await send({}, { lease })
  await record(fail, { kind: 'exhausted' }, { attempts: 10 })
  return { scene, messages: { canceled, pending, sending, success, fail } }
}

const STATUSES: readonly DeliveryStatus[] = ['canceled', 'pending', 'sending', 'success', 'fail']

/** Tests how deliveries are shown. */
export function describeDeliveries(store: () => Store): void {
  describe('deliveries', () => {
    test('a delivery shows where it stands, how often it was tried and when it is next', async () => {
      const { scene, messages } = await everyStatus(store())
      expect(await scene.delivery(messages.pending)).toEqual({
        applicationId: scene.application.id,
        messageId: messages.pending.id,
        endpointId: scene.endpoint.id,
        status: 'pending',
        attempts: 0,
        nextAttemptAt: NOW + 60_000,
      })
      expect(await scene.delivery(messages.sending)).toMatchObject({ status: 'sending', attempts: 0 })
      expect(await scene.delivery(messages.success)).toMatchObject({
        status: 'success',
        attempts: 1,
        nextAttemptAt: null,
      })
      expect(await scene.delivery(messages.fail)).toMatchObject({
        status: 'fail',
        attempts: 10,
        nextAttemptAt: null,
      })
      expect(await scene.delivery(messages.canceled)).toMatchObject({
        status: 'canceled',
        nextAttemptAt: null,
      })
    })

    test.each(STATUSES)('the deliveries of an endpoint that are %s can be asked for', async (status) => {
      const { scene, messages } = await everyStatus(store())
      const listed = await store().listDeliveriesOfEndpoint(scene.application.id, scene.endpoint.id, WHOLE, {
        status,
      })
      expect(listed.map(({ message }) => message)).toEqual([messages[status as keyof typeof messages]])
      expect(listed[0]!.delivery.status).toBe(status)
    })

    test('a message shows each endpoint that it goes to, as the endpoint is now', async () => {
      const { application, endpoint, addEndpoint, lease, send, record } = await newScene(store())
      const other = await addEndpoint({ id: idAt('endpoint', NOW + 1) })
      const message = await send({}, { to: [endpoint.id, other.id], lease })
      await record(message, { kind: 'success' })
      const moved = await store().updateEndpoint(
        application.id,
        other.id,
        { url: 'https://moved.example' },
        NOW,
      )

      const listed = await store().listDeliveriesOfMessage(application.id, message.id, WHOLE)
      expect(listed.map((item) => item.endpoint)).toEqual([endpoint, moved])
      expect(listed.map(({ delivery }) => [delivery.endpointId, delivery.status])).toEqual([
        [endpoint.id, 'success'],
        [other.id, 'sending'],
      ])
    })

    test('an endpoint that was deleted since is left out of a message', async () => {
      const { application, endpoint, addEndpoint, send } = await newScene(store())
      const other = await addEndpoint()
      const message = await send({}, { to: [endpoint.id, other.id] })
      await store().deleteEndpoint(application.id, endpoint.id, NOW)
      const listed = await store().listDeliveriesOfMessage(application.id, message.id, WHOLE)
      expect(listed.map((item) => item.endpoint.id)).toEqual([other.id])
    })

    test('deliveries of another application are not shown', async () => {
      const { endpoint, send } = await newScene(store())
      const message = await send()
      const other = idAt('application', NOW)
      expect(await store().listDeliveriesOfMessage(other, message.id, WHOLE)).toEqual([])
      expect(await store().listDeliveriesOfEndpoint(other, endpoint.id, WHOLE, {})).toEqual([])
    })
  })
}
