/** Conformance: payloads, answers and old messages that are removed. @module */

import { describe, expect, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, newAttempt, newMessage, newScene } from '../fixtures.ts'
import type { OpenedStore } from '../opened-store.ts'

/** Tests what is removed, and what is not. */
export function describeRetention(store: () => Store, open: () => Promise<OpenedStore>): void {
  describe('content', () => {
    test('an expunged payload is gone, and the rest of the message is there', async () => {
      const { application, send } = await newScene(store())
      const message = await send({ tags: ['vip'] }, { to: [] })
      expect(await store().expungeContent(application.id, message.id, NOW + 5)).toBe(true)
      const gone = { ...message, payload: new Uint8Array(0), expungedAt: NOW + 5 }
      expect(await store().findMessage(application.id, message.id)).toEqual(gone)

      expect(await store().expungeContent(application.id, message.id, NOW + 9)).toBe(true)
      expect(await store().findMessage(application.id, message.id)).toEqual(gone)
      expect(await store().expungeContent(application.id, newMessage().id, NOW)).toBe(false)
    })

    test('what waits of an expunged message is canceled, and never claimed', async () => {
      const { application, send, claim, delivery } = await newScene(store())
      const message = await send()
      await store().expungeContent(application.id, message.id, NOW)
      expect(await delivery(message)).toMatchObject({ status: 'canceled', nextAttemptAt: null })
      expect(await claim()).toEqual([])
    })

    test('what is held of it ends as its attempt does; a retry is canceled when it would be claimed', async () => {
      const { application, lease, send, claim, record, delivery } = await newScene(store())
      const [good, bad] = [await send({}, { lease }), await send({}, { lease })]
      for (const { id } of [good, bad]) await store().expungeContent(application.id, id, NOW)
      expect(await record(good, { kind: 'success' })).toBe('recorded')
      expect(await record(bad, { kind: 'retry', at: NOW })).toBe('recorded')
      const next = await send()

      expect(await claim()).toMatchObject([{ message: { id: next.id } }])
      expect(await delivery(good)).toMatchObject({ status: 'success' })
      expect(await delivery(bad)).toMatchObject({ status: 'canceled', attempts: 1, nextAttemptAt: null })
    })

    test('an expunged answer is gone, and the rest of the attempt is there', async () => {
      const { application, endpoint, lease, send, record } = await newScene(store())
      const message = await send({}, { lease })
      const attempt = newAttempt({
        applicationId: application.id,
        messageId: message.id,
        endpointId: endpoint.id,
        response: 'a secret',
      })
      await record(message, { kind: 'success' }, { attempt })
      const expunge = (id: string) => store().expungeAttemptContent(application.id, message.id, id)
      expect(await expunge(attempt.id)).toBe(true)
      const found = await store().findAttempt(application.id, message.id, attempt.id)
      expect(found).toEqual({ ...attempt, response: 'EXPUNGED' })
      expect(await expunge(newAttempt().id)).toBe(false)
    })

    test('payloads are expunged once their time has come, the earliest first', async () => {
      const opened = await open()
      try {
        const { application, send } = await newScene(opened.store)
        const late = await send({ expiresAt: NOW + 20 })
        const early = await send({ expiresAt: NOW + 10 })
        const kept = await send()
        const expungedAt = async ({ id }: { id: string }) =>
          (await opened.store.findMessage(application.id, id))!.expungedAt

        expect(await opened.store.expungeExpired(NOW + 9, 10)).toBe(0)
        expect(await opened.store.expungeExpired(NOW + 30, 1)).toBe(1)
        expect([await expungedAt(early), await expungedAt(late)]).toEqual([NOW + 30, null])
        expect(await opened.store.expungeExpired(NOW + 40, 10)).toBe(1)
        expect(await opened.store.expungeExpired(NOW + 40, 10)).toBe(0)
        expect([await expungedAt(late), await expungedAt(kept)]).toEqual([NOW + 40, null])
      } finally {
        await opened.close()
      }
    })
  })

  describe('old messages', () => {
    test('are deleted with all that belongs to them, a step at a time, save those with something pending', async () => {
      const opened = await open()
      try {
        const { application, endpoint, lease, send, record } = await newScene(opened.store)
        const { id: applicationId } = application
        const done = await send({ tags: ['vip'], channels: ['eu'], eventId: 'evt-1' }, { lease })
        await record(done, { kind: 'success' })
        const waiting = await send({ createdAt: NOW + 1, tags: ['vip'] })
        const sending = await send({ createdAt: NOW + 2 }, { lease })
        const matchedNothing = await send({ createdAt: NOW + 3 }, { to: [] })
        const young = await send({ createdAt: NOW + 10, tags: ['vip'] }, { to: [] })

        const request = { before: NOW + 10, limit: 3 }
        const first = await opened.store.deleteOldMessages({ ...request, after: null })
        expect(first).toEqual({ deleted: 1, next: expect.any(String) as string })
        const second = await opened.store.deleteOldMessages({ ...request, after: first.next })
        expect(second).toEqual({ deleted: 1, next: null })

        const left = await opened.store.listMessages(applicationId, WHOLE, {})
        expect(left.map(({ id }) => id)).toEqual([waiting.id, sending.id, young.id])
        expect(await opened.store.findMessage(applicationId, matchedNothing.id)).toBeNull()
        const tagged = await opened.store.listMessages(applicationId, WHOLE, { tag: 'vip' })
        expect(tagged.map(({ id }) => id)).toEqual([waiting.id, young.id])
        expect(await opened.store.listMessages(applicationId, WHOLE, { channel: 'eu' })).toEqual([])
        expect(await opened.store.listDeliveriesOfMessage(applicationId, done.id, WHOLE)).toEqual([])
        expect(await opened.store.listAttemptsOfEndpoint(applicationId, endpoint.id, WHOLE, {})).toEqual([])

        // The event id is free again.
        const again = newMessage({ applicationId, eventId: 'evt-1', createdAt: NOW + 20 })
        const accepted = await opened.store.acceptMessage({ message: again, deliveries: [], dueAt: NOW })
        expect(accepted).toEqual({ kind: 'accepted' })
      } finally {
        await opened.close()
      }
    })
  })
}
