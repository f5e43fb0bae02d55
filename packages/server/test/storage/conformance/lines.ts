/** Conformance: the lines of ordered endpoints. @module */

import { describe, expect, test } from 'vitest'

import { DEFAULT_SETTINGS } from '../../../src/domain/endpoint-settings.ts'
import type { Message } from '../../../src/domain/message.ts'
import type { Store } from '../../../src/storage/store.ts'
import {
  NOW,
  type Scene,
  type SendOptions,
  claimedIds,
  idAt,
  newMessage,
  newScene,
  newTask,
  steps,
  upTo,
} from '../fixtures.ts'

const RETRY_LATER = { kind: 'retry', at: NOW + 5_000 } as const
const FIFO = { settings: { ...DEFAULT_SETTINGS, ordering: 'fifo' } } as const

/** Tests what comes in order, and what stands in its way. */
export function describeLines(store: () => Store): void {
  /** A scene whose words are about an ordered endpoint of it. */
  const newLine = async () => {
    const scene = await newScene(store())
    const { id: endpointId } = await scene.addEndpoint(FIFO)
    const key = ({ id: messageId }: Message) => ({
      applicationId: scene.application.id,
      messageId,
      endpointId,
    })
    return {
      ...scene,
      endpointId,
      key,
      send: (fields?: Partial<Message>, options: SendOptions = {}) =>
        scene.send(fields, { to: [endpointId], isOrdered: true, ...options }),
      claim: (options?: Parameters<Scene['claim']>[0]) =>
        scene.claim({ endpointId, isOrdered: true, ...options }),
      record: (
        message: Message,
        verdict: Parameters<Scene['record']>[1],
        options: Parameters<Scene['record']>[2] = {},
      ) => scene.record(message, verdict, { ...options, attempt: { endpointId, ...options.attempt } }),
      queue: () => store().findQueue(scene.application.id, endpointId),
    }
  }

  describe('a line', () => {
    test('is claimed in the order of acceptance, whatever the ids, times and priorities', async () => {
      const { send, claim } = await newLine()
      const sent = [
        await send({ id: idAt('message', NOW + 50) }, { dueAt: NOW - 1 }),
        await send({ id: idAt('message', NOW - 50) }, { dueAt: NOW }),
        await send({ id: idAt('message', NOW) }, { dueAt: NOW - 9 }),
      ]
      expect(claimedIds(await claim())).toEqual(sent.map(({ id }) => id))
    })

    test('has the order in which acceptances were answered, also where many come at once', async () => {
      const { application, endpointId, trySend, claim } = await newLine()
      const answered: string[] = []
      const messages = Array.from({ length: 50 }, () => newMessage({ applicationId: application.id }))
      // Each of ten senders waits for the answer before it sends its next.
      const senders = Array.from({ length: 10 }, async (_, sender) => {
        for (const message of messages.filter((__, i) => i % 10 === sender)) {
          await trySend(message, { to: [endpointId], isOrdered: true })
          answered.push(message.id)
        }
      })
      await Promise.all(senders)
      const claimed = claimedIds(await claim())
      expect(claimed.toSorted()).toEqual(messages.map(({ id }) => id).toSorted())
      for (let sender = 0; sender < 10; sender++) {
        const own = messages.filter((_, i) => i % 10 === sender).map(({ id }) => id)
        expect(claimed.filter((id) => own.includes(id))).toEqual(own)
      }
      expect(answered).toHaveLength(50)
    })

    test('gives as many as the limits allow together, and no more while any of it is held', async () => {
      const { send, claim, record } = await newLine()
      const [first, second, third] = [await send(), await send(), await send()]
      expect(claimedIds(await claim({ limits: { live: 1, retry: 1, replay: 0 } }))).toEqual([
        first.id,
        second.id,
      ])
      expect(await claim()).toEqual([])
      await record(first, { kind: 'success' })
      expect(await claim()).toEqual([])
      await record(second, { kind: 'success' })
      expect(claimedIds(await claim())).toEqual([third.id])
    })

    test('gives nothing while what stands behind its head is held', async () => {
      const { key, lease, send, claim, record } = await newLine()
      const [first, second] = [await send(), await send()]
      await claim()
      await record(first, { kind: 'retry', at: NOW })
      expect(await claim()).toEqual([])
      await store().releaseDeliveries(lease, [key(second)], NOW)
      expect(claimedIds(await claim())).toEqual([first.id, second.id])
    })

    test('waits for its head: until that is due, nothing behind it is claimed', async () => {
      const { application, endpointId, key, lease, send, claim, record } = await newLine()
      const [first, second, third] = [await send(), await send(), await send()]
      await claim()
      await record(first, RETRY_LATER)
      await store().releaseDeliveries(lease, [key(second), key(third)], NOW)

      expect(await claim({ now: NOW + 4_999 })).toEqual([])
      const waiting = await store().findWaitingEndpoints({ applicationId: application.id, endpointId: '' }, 5)
      expect(waiting.find((found) => found.endpointId === endpointId)).toMatchObject({ dueAt: NOW + 5_000 })
      const claimed = await claim({ now: NOW + 5_000 })
      expect(claimedIds(claimed)).toEqual([first.id, second.id, third.id])
      expect(claimed[0]).toMatchObject({ attempts: 1, priority: 'retry' })
    })

    test('goes up to the first that is not due yet', async () => {
      const { send, claim } = await newLine()
      const [first, , third] = [await send(), await send({}, { dueAt: NOW + 10 }), await send()]
      expect(claimedIds(await claim())).toEqual([first.id])
      expect(claimedIds(await claim({ now: NOW + 10 }))).not.toContain(third.id)
    })

    test('is no reason to wait while its head is being sent', async () => {
      const { application, endpointId, send, claim } = await newLine()
      await send()
      await send()
      await claim({ limits: { live: 1, retry: 0, replay: 0 } })
      const waiting = await store().findWaitingEndpoints({ applicationId: application.id, endpointId: '' }, 5)
      expect(waiting.find((found) => found.endpointId === endpointId)).toBeUndefined()
    })

    test('goes on with the next when the head is exhausted', async () => {
      const { key, lease, send, claim, record } = await newLine()
      const [first, second] = [await send(), await send()]
      await claim()
      await record(first, { kind: 'exhausted' })
      await store().releaseDeliveries(lease, [key(second)], NOW)
      expect(claimedIds(await claim())).toEqual([second.id])
    })

    test('goes on with the next when the head is skipped, which can be sent again', async () => {
      const { key, lease, send, claim, record, delivery, endpointId } = await newLine()
      const [first, second] = [await send(), await send()]
      await claim()
      expect(await store().skipDelivery(key(first))).toBe('held')
      await record(first, RETRY_LATER)
      await store().releaseDeliveries(lease, [key(second)], NOW)

      expect(await store().skipDelivery(key(first))).toBe('skipped')
      expect(await store().skipDelivery(key(first))).toBe('over')
      expect(await delivery(first, endpointId)).toMatchObject({ status: 'canceled', nextAttemptAt: null })
      expect(claimedIds(await claim())).toEqual([second.id])
      await record(second, { kind: 'success' })
      await store().resendDelivery(key(first), NOW)
      expect(claimedIds(await claim())).toEqual([first.id])
    })

    test('does not know what was never there', async () => {
      const { key } = await newLine()
      expect(await store().skipDelivery(key(newMessage()))).toBe('over')
    })

    test('has what a person sends again before all others, and after it goes on as before', async () => {
      const { key, lease, send, claim, record, delivery, endpointId } = await newLine()
      const done = await send()
      await claim()
      await record(done, { kind: 'success' })
      const [first, second] = [await send(), await send()]
      await store().resendDelivery(key(done), NOW)

      const claimed = await claim()
      expect(claimedIds(claimed)).toEqual([done.id, first.id, second.id])
      expect(claimed[0]).toMatchObject({ isManual: true })
      await record(done, { kind: 'resume' }, { attempt: { trigger: 'manual' } })
      expect(await delivery(done, endpointId)).toMatchObject({ status: 'success' })
      await store().releaseDeliveries(lease, [key(first), key(second)], NOW)
      expect(claimedIds(await claim())).toEqual([first.id, second.id])
    })

    test('has what was sent before there was a line before all others, when it is sent again', async () => {
      const scene = await newScene(store())
      const { application, endpoint, lease } = scene
      const done = await scene.send({}, { lease })
      await scene.record(done, { kind: 'success' })
      await store().updateEndpoint(application.id, endpoint.id, { settings: { ordering: 'fifo' } }, NOW)
      const first = await scene.send({}, { isOrdered: true })
      await store().resendDelivery(
        { applicationId: application.id, messageId: done.id, endpointId: endpoint.id },
        NOW,
      )
      expect(claimedIds(await scene.claim({ isOrdered: true }))).toEqual([done.id, first.id])
    })

    test('keeps the place of what is sent again while it waits', async () => {
      const { key, send, claim } = await newLine()
      const [first, second] = [await send(), await send()]
      await store().resendDelivery(key(second), NOW)
      expect(claimedIds(await claim())).toEqual([first.id, second.id])
    })

    test('has what a task sends again at its end, in the order of the task', async () => {
      const { application, endpointId, send, claim, record } = await newLine()
      const failed = [await send(), await send()]
      await claim()
      for (const message of failed) await record(message, { kind: 'exhausted' })
      const waiting = await send()
      const span = { since: NOW - 1_000, until: NOW + 1_000 }
      const task = newTask({
        applicationId: application.id,
        work: { kind: 'endpoint.recover', endpointId, ...span },
      })
      await store().createTask(task)
      await store().stepReplay(task.id, steps(10), NOW)
      const later = await send()

      const oldestFirst = failed.map(({ id }) => id).toSorted()
      expect(claimedIds(await claim())).toEqual([waiting.id, ...oldestFirst, later.id])
    })

    test('has places for what waits when its endpoint becomes ordered, the oldest message first', async () => {
      const scene = await newScene(store())
      const { application, endpoint } = scene
      const sent = [
        await scene.send({ id: idAt('message', NOW + 5) }, { dueAt: NOW - 5 }),
        await scene.send({ id: idAt('message', NOW + 1) }, { dueAt: NOW }),
        await scene.send({ id: idAt('message', NOW + 3) }, { dueAt: NOW - 9 }),
      ]
      await store().updateEndpoint(application.id, endpoint.id, { settings: { ordering: 'fifo' } }, NOW)
      const last = await scene.send({ id: idAt('message', NOW) }, { isOrdered: true })
      const [a, b, c] = sent as [Message, Message, Message]
      expect(claimedIds(await scene.claim({ isOrdered: true }))).toEqual([b.id, c.id, a.id, last.id])
    })

    test('what was sent as to an endpoint without order, which became ordered meanwhile, is found and claimed', async () => {
      const scene = await newScene(store())
      const { application, endpoint } = scene
      await store().updateEndpoint(application.id, endpoint.id, { settings: { ordering: 'fifo' } }, NOW)
      const late = await scene.send({}, { isOrdered: false })
      const waiting = await store().findWaitingEndpoints(null, 10_000)
      expect(waiting.map(({ endpointId }) => endpointId)).toContain(endpoint.id)
      const next = await scene.send({}, { isOrdered: true })
      expect(claimedIds(await scene.claim({ isOrdered: true }))).toEqual([late.id, next.id])
    })

    test('of one endpoint does not wait for that of another', async () => {
      const { addEndpoint, send, claim, endpointId } = await newLine()
      const other = await addEndpoint(FIFO)
      const message = await send({}, { to: [endpointId, other.id] })
      await send({}, { to: [endpointId], dueAt: NOW + 9 })
      expect(claimedIds(await claim())).toEqual([message.id])
      expect(claimedIds(await claim({ endpointId: other.id }))).toEqual([message.id])
    })

    test('gives a message that was accepted twice one place', async () => {
      const { application, endpointId, trySend, claim } = await newLine()
      const message = newMessage({ applicationId: application.id, eventId: 'evt-1' })
      const again = newMessage({ applicationId: application.id, eventId: 'evt-1' })
      for (const each of [message, again]) await trySend(each, { to: [endpointId], isOrdered: true })
      expect(claimedIds(await claim())).toEqual([message.id])
    })
  })

  describe('the queue of an endpoint', () => {
    test('is empty at first', async () => {
      const { queue } = await newLine()
      expect(await queue()).toEqual({ waiting: 0, sending: 0, head: null, oldestAt: null })
    })

    test('of an ordered endpoint has the first of the line as its head, held or failed', async () => {
      const { key, lease, send, claim, record, queue } = await newLine()
      const first = await send({ createdAt: NOW - 40 })
      const second = await send({ createdAt: NOW - 30 })
      await claim()
      expect(await queue()).toMatchObject({
        waiting: 0,
        sending: 2,
        oldestAt: NOW - 40,
        head: { delivery: { messageId: first.id, status: 'sending', attempts: 0 }, lastAttempt: null },
      })
      await record(first, RETRY_LATER, { attempt: { responseStatusCode: 503, isSuccess: false } })
      await store().releaseDeliveries(lease, [key(second)], NOW)
      expect(await queue()).toMatchObject({
        waiting: 2,
        sending: 0,
        head: {
          delivery: { messageId: first.id, status: 'pending', attempts: 1, nextAttemptAt: NOW + 5_000 },
          lastAttempt: { responseStatusCode: 503 },
        },
      })
    })

    test('of another has the first that is due, of whichever priority', async () => {
      const { application, endpoint, lease, send, record } = await newScene(store())
      const queue = () => store().findQueue(application.id, endpoint.id)
      await send({ createdAt: NOW - 5 }, { dueAt: NOW + 100 })
      const failed = await send({ createdAt: NOW - 9 }, { lease })
      expect(await queue()).toMatchObject({ waiting: 1, sending: 1, oldestAt: NOW - 9 })
      await record(failed, { kind: 'retry', at: NOW + 50 }, { attempt: { responseStatusCode: 500 } })
      expect(await queue()).toMatchObject({
        waiting: 2,
        sending: 0,
        oldestAt: NOW - 9,
        head: { delivery: { messageId: failed.id }, lastAttempt: { responseStatusCode: 500 } },
      })
    })

    test('of an endpoint that is ordered no more is that of another', async () => {
      const { application, endpointId, send, queue, claim } = await newLine()
      await send({}, { dueAt: NOW + 9 })
      const due = await send({}, { dueAt: NOW })
      await store().updateEndpoint(application.id, endpointId, { settings: { ordering: 'none' } }, NOW)
      expect(await queue()).toMatchObject({ waiting: 2, head: { delivery: { messageId: due.id } } })
      expect(claimedIds(await claim({ isOrdered: false, limits: upTo(5) }))).toEqual([due.id])
    })
  })
}
