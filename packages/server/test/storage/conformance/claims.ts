/** Conformance: claiming, releasing and canceling deliveries. @module */

import { describe, expect, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import { NOW, claimedIds, newScene, upTo } from '../fixtures.ts'

/** Tests claims, releases and cancellation. */
export function describeClaims(store: () => Store): void {
  describe('claims', () => {
    test('a claim gives the message, its endpoint and the attempts made, and holds the delivery', async () => {
      const { endpoint, send, claim, delivery } = await newScene(store())
      const message = await send({ eventId: 'evt-1', channels: ['eu'], tags: ['vip'], deliverAt: NOW })
      expect(await claim()).toEqual([{ message, endpointId: endpoint.id, attempts: 0, priority: 'live' }])
      expect(await delivery(message)).toMatchObject({ status: 'sending' })
      expect(await claim()).toEqual([])
    })

    test('a delivery that is held from birth cannot be claimed until it is released', async () => {
      const { application, endpoint, lease, send, claim, delivery } = await newScene(store())
      const message = await send({}, { lease })
      expect(await claim()).toEqual([])

      const key = { applicationId: application.id, messageId: message.id, endpointId: endpoint.id }
      await store().releaseDeliveries(lease, [key], NOW + 7)
      expect(await delivery(message)).toMatchObject({
        status: 'pending',
        attempts: 0,
        nextAttemptAt: NOW + 7,
      })
      expect(await claim({ now: NOW + 6 })).toEqual([])
      expect(claimedIds(await claim({ now: NOW + 7 }))).toEqual([message.id])
    })

    test('a release leaves alone what is held under another lease, is not held, or is settled', async () => {
      const { application, endpoint, lease, send, claim, record, delivery } = await newScene(store())
      const keyOf = ({ id }: { id: string }) => ({
        applicationId: application.id,
        messageId: id,
        endpointId: endpoint.id,
      })
      const unheld = await send({}, { dueAt: NOW + 50 })
      const held = await send({}, { lease })
      const settled = await send({}, { lease })
      await record(settled, { kind: 'success' })

      await store().releaseDeliveries(lease - 1, [keyOf(held)], NOW)
      await store().releaseDeliveries(lease, [keyOf(unheld), keyOf(settled)], NOW)
      expect(await delivery(unheld)).toMatchObject({ status: 'pending', nextAttemptAt: NOW + 50 })
      expect(await delivery(held)).toMatchObject({ status: 'sending' })
      expect(await delivery(settled)).toMatchObject({ status: 'success' })
      expect(await claim()).toEqual([])
    })

    test('what is due longest is claimed first, up to the limit', async () => {
      const { send, claim } = await newScene(store())
      const sent = new Map<number, string>()
      for (const age of [2, 5, 1, 4, 3]) sent.set(age, (await send({}, { dueAt: NOW - age })).id)
      expect(claimedIds(await claim({ limits: upTo(2) }))).toEqual([sent.get(5), sent.get(4)])
      expect(claimedIds(await claim())).toEqual([sent.get(3), sent.get(2), sent.get(1)])
    })

    test('what is not due yet is not claimed, and at its very instant it is', async () => {
      const { send, claim } = await newScene(store())
      const message = await send({}, { dueAt: NOW + 1 })
      expect(await claim({ now: NOW })).toEqual([])
      expect(claimedIds(await claim({ now: NOW + 1 }))).toEqual([message.id])
    })

    test('payloads stop at the bound, save that the first always comes', async () => {
      const { send, claim } = await newScene(store())
      const ids: string[] = []
      for (const [i, size] of [600, 400, 1, 5_000, 1].entries()) {
        ids.push((await send({ payload: new Uint8Array(size) }, { dueAt: NOW - 10 + i })).id)
      }
      expect(claimedIds(await claim({ maxBytes: 1_000 }))).toEqual([ids[0], ids[1]])
      expect(claimedIds(await claim({ maxBytes: 1_000 }))).toEqual([ids[2]])
      expect(claimedIds(await claim({ maxBytes: 1_000 }))).toEqual([ids[3]])
      expect(claimedIds(await claim({ maxBytes: 1_000 }))).toEqual([ids[4]])
    })

    test('a claim takes from its own endpoint and application only', async () => {
      const one = await newScene(store())
      const other = await newScene(store())
      const second = await one.addEndpoint()
      const message = await one.send({}, { to: [one.endpoint.id, second.id] })
      await other.send()

      expect(await other.claim({ endpointId: one.endpoint.id })).toEqual([])
      expect(await one.claim({ endpointId: second.id })).toEqual([
        { message, endpointId: second.id, attempts: 0, priority: 'live' },
      ])
      expect(claimedIds(await one.claim())).toEqual([message.id])
    })

    test('claims that run at once never hand a delivery out twice, and leave none behind', async () => {
      const { send, claim } = await newScene(store())
      const sent = await Promise.all(Array.from({ length: 60 }, () => send()))
      const claims = await Promise.all(Array.from({ length: 12 }, () => claim({ limits: upTo(7) })))
      expect(claims.flatMap(claimedIds).toSorted()).toEqual(sent.map(({ id }) => id).toSorted())
    })
  })

  describe('cancellation', () => {
    test('up to the limit is canceled, and is not claimed any more', async () => {
      const { application, endpoint, send, claim, delivery } = await newScene(store())
      const sent = [await send(), await send(), await send({}, { dueAt: NOW + 1_000 })]
      const cancel = (limit: number) => store().cancelDeliveries(application.id, endpoint.id, limit)

      expect(await cancel(2)).toBe(2)
      expect(await cancel(2)).toBe(1)
      expect(await cancel(2)).toBe(0)
      for (const message of sent) {
        expect(await delivery(message)).toMatchObject({ status: 'canceled', nextAttemptAt: null })
      }
      expect(await claim({ now: NOW + 2_000 })).toEqual([])
    })

    test('what is held, settled, or of another endpoint is not canceled', async () => {
      const { application, endpoint, addEndpoint, lease, send, record, delivery } = await newScene(store())
      const other = await addEndpoint()
      const held = await send({}, { lease })
      const settled = await send({}, { lease })
      await record(settled, { kind: 'success' })
      const elsewhere = await send({}, { to: [other.id] })

      expect(await store().cancelDeliveries(application.id, endpoint.id, 100)).toBe(0)
      expect(await delivery(held)).toMatchObject({ status: 'sending' })
      expect(await delivery(settled)).toMatchObject({ status: 'success' })
      expect(await delivery(elsewhere, other.id)).toMatchObject({ status: 'pending' })
    })
  })
}
