/** Conformance: payloads, answers and old messages that are removed. @module */

import { describe, expect, test } from 'vitest'

import type { Message } from '../../../src/domain/message.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, newAttempt, newMessage, newScene, newTask } from '../fixtures.ts'
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

    test('a task expunges the payloads of one application, a step at a time, as far as it was asked', async () => {
      const { application, send, claim, delivery } = await newScene(store())
      const other = await newScene(store())
      const theirs = await other.send()
      const gone = await send({ createdAt: NOW + 1 })
      await store().expungeContent(application.id, gone.id, NOW + 2)
      const [one, two, three] = [
        await send({ createdAt: NOW + 3 }),
        await send({ createdAt: NOW + 4 }, { to: [] }),
        await send({ createdAt: NOW + 5 }),
      ]
      const later = await send({ createdAt: NOW + 20 })
      const task = newTask({
        work: {
          kind: 'application.purge_content',
          applicationId: application.id,
          since: NOW,
          until: NOW + 10,
        },
      })
      await store().createTask(task)
      const step = () => store().stepPurge(task.id, 2, NOW + 30)

      const first = { ...task, data: { messagesPurged: 1, progress: 0.3 }, updatedAt: NOW + 30 }
      expect(await step()).toEqual(first)
      expect(await store().findTask(task.organisationId, task.id)).toEqual(first)
      expect(await step()).toMatchObject({ status: 'running', data: { messagesPurged: 3, progress: 0.5 } })
      const end = { ...first, status: 'finished', data: { messagesPurged: 3, progress: 1 } }
      expect(await step()).toEqual(end)
      expect(await store().findTask(task.organisationId, task.id)).toEqual(end)
      expect(await step()).toBeNull()

      const found = async (of: string, { id }: { id: string }) => (await store().findMessage(of, id))!
      for (const message of [one, two, three]) {
        const payload = new Uint8Array(0)
        expect(await found(application.id, message)).toMatchObject({ payload, expungedAt: NOW + 30 })
      }
      expect(await found(application.id, gone)).toMatchObject({ expungedAt: NOW + 2 })
      expect(await found(application.id, later)).toEqual(later)
      expect(await found(other.application.id, theirs)).toEqual(theirs)
      expect(await delivery(one)).toMatchObject({ status: 'canceled', nextAttemptAt: null })
      expect((await claim({ now: NOW + 30 })).map(({ message }) => message.id)).toEqual([later.id])
    })

    test('a task that expunges and is canceled goes no further', async () => {
      const { application, send } = await newScene(store())
      const messages = [await send({ createdAt: NOW + 1 }), await send({ createdAt: NOW + 2 })]
      const span = { since: NOW, until: NOW + 10 }
      const work = { kind: 'application.purge_content', applicationId: application.id, ...span } as const
      const task = newTask({ work })
      await store().createTask(task)
      await store().stepPurge(task.id, 1, NOW)
      expect(await store().cancelTask(task.id, NOW + 3)).toBe(true)
      expect(await store().stepPurge(task.id, 1, NOW)).toBeNull()
      const left = await store().listMessages(application.id, WHOLE, {})
      expect(left.map(({ expungedAt }) => expungedAt)).toEqual([NOW, null])
      expect(left.map(({ id }) => id)).toEqual(messages.map(({ id }) => id))
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

  describe('what endpoints were', () => {
    /** An endpoint that is disabled and enabled again and again, and was made at {@link NOW}. */
    async function changing(opened: OpenedStore) {
      const scene = await newScene(opened.store)
      const { application, endpoint, send } = scene
      const change = (disabled: boolean, at: number) =>
        opened.store.updateEndpoint(application.id, endpoint.id, { disabled }, NOW + at)
      const situation = async (message: Pick<Message, 'applicationId' | 'id' | 'createdAt'>) =>
        (await opened.store.listSituations(message, WHOLE))[0]!
      const trim = async (before: number) => {
        let [deleted, next] = [0, null as string | null]
        do {
          const step = await opened.store.trimEndpointHistory({ before: NOW + before, after: next, limit: 1 })
          deleted += step.deleted
          next = step.next
        } while (next !== null)
        return deleted
      }
      return { ...scene, change, situation, trim, send }
    }

    test('is forgotten where it is older than every message and the instant, and no explanation changes', async () => {
      const opened = await open()
      try {
        const { change, situation, trim, send } = await changing(opened)
        for (let at = 1; at <= 8; at++) await change(at % 2 === 1, at)
        const messages = [
          await send({ createdAt: NOW + 6 }, { to: [] }),
          await send({ createdAt: NOW + 7 }, { to: [] }),
        ]
        await change(true, 9)
        await change(false, 12)
        const explained = () => Promise.all(messages.map(situation))
        const before = await explained()
        expect(before.map(({ wanted }) => wanted.disabledSince)).toEqual([null, NOW + 7])

        expect(await trim(3)).toBe(2)
        expect(await explained()).toEqual(before)
        // No further than the oldest message, and less what tells when it was last enabled.
        expect(await trim(100)).toBe(3)
        expect(await trim(100)).toBe(0)
        expect(await explained()).toEqual(before)
      } finally {
        await opened.close()
      }
    })

    test('since when an endpoint is disabled is still told, however long ago it was', async () => {
      const opened = await open()
      try {
        const { change, situation, trim, send } = await changing(opened)
        await change(true, 1)
        await change(false, 2)
        await change(true, 3)
        const message = await send({ createdAt: NOW + 50 }, { to: [] })
        const before = await situation(message)
        expect(before.wanted.disabledSince).toBe(NOW + 3)
        expect(await trim(40)).toBe(2)
        expect(await situation(message)).toEqual(before)
      } finally {
        await opened.close()
      }
    })

    test('is forgotten of an endpoint that was deleted, and of one without messages', async () => {
      const opened = await open()
      try {
        const { application, endpoint, change, trim } = await changing(opened)
        const idle = await changing(opened)
        await change(true, 1)
        await opened.store.deleteEndpoint(application.id, endpoint.id, NOW + 2)
        await idle.change(true, 1)
        await idle.change(false, 2)
        await idle.change(true, 5)
        expect(await trim(4)).toBe(2)
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
