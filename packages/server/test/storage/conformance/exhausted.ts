/** Conformance: deliveries whose attempts are spent, and replays that are taken back. @module */

import { describe, expect, test } from 'vitest'

import { DEFAULT_SETTINGS } from '../../../src/domain/endpoint-settings.ts'
import type { ReplayFilter, ReplayWork } from '../../../src/domain/task.ts'
import type { ExhaustedFilter } from '../../../src/storage/port/deliveries.ts'
import type { PageRequest } from '../../../src/storage/port/page.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, type Scene, WHOLE, claimedIds, idAt, newScene, newTask, steps } from '../fixtures.ts'

const FAILED = { kind: 'exhausted' } as const
const SPAN = { since: NOW - 1_000, until: NOW + 1_000 }
const ANY: ReplayFilter = { eventTypes: null, channel: null, tag: null, status: null, statusCodeClass: null }

/** Tests the list of what is exhausted, and tasks on it. */
export function describeExhausted(store: () => Store): void {
  /** Sends a message and records that its attempts are spent, at each of these endpoints. */
  const fail = async (scene: Scene, fields = {}, to: readonly string[] = [scene.endpoint.id]) => {
    const message = await scene.send(fields, { lease: scene.lease, to })
    for (const endpointId of to) {
      const attempt = { endpointId, responseStatusCode: 503, response: 'down' }
      await scene.record(message, FAILED, { attempts: 3, attempt })
    }
    return message
  }
  const list = (scene: Scene, filter: ExhaustedFilter = {}, page: PageRequest = WHOLE) =>
    store().listExhausted(scene.application.id, page, filter)
  const keysOf = async (...args: Parameters<typeof list>) => (await list(...args)).map(({ key }) => key)

  const begin = async (scene: Scene, work: Partial<ReplayWork> & Pick<ReplayWork, 'kind'>) => {
    const whole = { endpointId: scene.endpoint.id, eventTypes: null, filter: ANY, ...SPAN, ...work }
    const task = newTask({ applicationId: scene.application.id, work: whole as ReplayWork })
    await store().createTask(task)
    return task
  }

  describe('what is exhausted', () => {
    test('has its message, its endpoint and its last attempt', async () => {
      const scene = await newScene(store())
      const other = await scene.addEndpoint({ uid: 'two' })
      const message = await fail(scene, { eventId: 'evt-1' }, [other.id])
      expect(await list(scene)).toEqual([
        {
          key: `${message.id}.${other.id}`,
          delivery: await scene.delivery(message, other.id),
          message: { eventType: message.eventType, eventId: 'evt-1', createdAt: NOW, expungedAt: null },
          endpoint: { uid: 'two', url: other.url, deletedAt: null },
          lastAttempt: expect.objectContaining({ responseStatusCode: 503, response: 'down' }) as unknown,
        },
      ])
    })

    test('is what failed for good, and nothing else, in this application', async () => {
      const scene = await newScene(store())
      await fail(await newScene(store()))
      await scene.send({}, { lease: scene.lease })
      await scene.send()
      for (const verdict of [{ kind: 'success' }, { kind: 'retry', at: NOW }] as const) {
        await scene.record(await scene.send({}, { lease: scene.lease }), verdict)
      }
      const gone = await scene.send({}, { lease: scene.lease })
      await scene.record(gone, { kind: 'exhausted', disable: 'gone' })
      expect((await list(scene)).map(({ delivery }) => delivery.messageId)).toEqual([gone.id])
    })

    test('is listed by message and then endpoint, in pages of any size and both ways', async () => {
      const scene = await newScene(store())
      const to = [scene.endpoint.id, (await scene.addEndpoint()).id, (await scene.addEndpoint()).id]
      for (let i = 0; i < 3; i++) await fail(scene, { id: idAt('message', NOW + i) }, to)
      const all = await keysOf(scene)
      expect(all).toEqual(all.toSorted())
      expect(all).toHaveLength(9)
      for (const order of ['ascending', 'descending'] as const) {
        for (const limit of [1, 2, 4]) {
          const seen: string[] = []
          for (let after: string | null = null; ; after = seen.at(-1)!) {
            const page = await keysOf(scene, {}, { limit, order, after })
            seen.push(...page)
            if (page.length < limit) break
          }
          expect(seen).toEqual(order === 'ascending' ? all : all.toReversed())
        }
      }
    })

    test('is found by endpoint, event types and time', async () => {
      const scene = await newScene(store())
      const other = await scene.addEndpoint()
      const at = (ms: number) => ({ id: idAt('message', NOW + ms) })
      const a = await fail(scene, { eventType: 'a', ...at(1) })
      const b = await fail(scene, { eventType: 'b', ...at(2) }, [other.id])
      const c = await fail(scene, { eventType: 'c', ...at(3) }, [scene.endpoint.id, other.id])
      const found = async (filter: ExhaustedFilter) =>
        (await list(scene, filter)).map(({ delivery }) => delivery.messageId)

      expect(await found({ endpointId: other.id })).toEqual([b.id, c.id])
      expect(await found({ eventTypes: ['b'] })).toEqual([b.id])
      expect(await found({ eventTypes: ['a', 'b', 'x'] })).toEqual([a.id, b.id])
      expect(await found({ endpointId: scene.endpoint.id, eventTypes: ['c', 'b'] })).toEqual([c.id])
      expect(await found({ after: NOW + 2, before: NOW + 3 })).toEqual([b.id])
      expect(await found({ endpointId: scene.endpoint.id, after: NOW + 2 })).toEqual([c.id])
      const page = { limit: 2, order: 'descending', after: null } as const
      expect(
        (await list(scene, { eventTypes: ['a', 'c'] }, page)).map(({ delivery }) => delivery.messageId),
      ).toEqual([c.id, c.id])
    })

    test('is there while its endpoint or its payload is gone', async () => {
      const scene = await newScene(store())
      const message = await fail(scene)
      await store().expungeContent(scene.application.id, message.id, NOW + 1)
      await store().deleteEndpoint(scene.application.id, scene.endpoint.id, NOW + 2)
      expect(await list(scene)).toMatchObject([
        { message: { expungedAt: NOW + 1 }, endpoint: { deletedAt: NOW + 2 } },
      ])
    })

    test('is no more when it is sent again', async () => {
      const scene = await newScene(store())
      await fail(scene)
      const task = await begin(scene, { kind: 'application.recover' })
      await store().stepReplay(task.id, steps(10), NOW)
      expect(await list(scene)).toEqual([])
    })
  })

  describe('a task on all that failed in an application', () => {
    test('sends it to every endpoint that is there, and goes on where its last step ended', async () => {
      const scene = await newScene(store())
      const ordered = await scene.addEndpoint({ settings: { ...DEFAULT_SETTINGS, ordering: 'fifo' } })
      const deleted = await scene.addEndpoint()
      const to = [scene.endpoint.id, ordered.id, deleted.id]
      const sent = [await fail(scene, {}, to), await fail(scene, {}, to)]
      const expunged = await fail(scene)
      await store().expungeContent(scene.application.id, expunged.id, NOW)
      await store().deleteEndpoint(scene.application.id, deleted.id, NOW)
      await fail(scene, { id: idAt('message', NOW + 1_000) })

      const task = await begin(scene, { kind: 'application.recover' })
      let after = await store().stepReplay(task.id, steps(2), NOW)
      for (; after!.status === 'running'; after = await store().stepReplay(task.id, steps(2), NOW));
      expect(after).toMatchObject({
        status: 'finished',
        data: { messagesSeen: 7, messagesSent: 4, progress: 1 },
      })
      const ids = sent.map(({ id }) => id).toSorted()
      expect(claimedIds(await scene.claim()).toSorted()).toEqual(ids)
      expect(claimedIds(await scene.claim({ endpointId: ordered.id, isOrdered: true }))).toEqual(ids)
    })

    test('sends those of its event types', async () => {
      const scene = await newScene(store())
      const wanted = await fail(scene, { eventType: 'a' })
      await fail(scene, { eventType: 'b' })
      const task = await begin(scene, { kind: 'application.recover', eventTypes: ['a', 'c'] })
      await store().stepReplay(task.id, steps(10), NOW)
      expect(claimedIds(await scene.claim())).toEqual([wanted.id])
    })
  })

  describe('a step of a task', () => {
    const KINDS: readonly ReplayWork['kind'][] = [
      'endpoint.recover',
      'endpoint.bulk-replay',
      'endpoint.replay',
      'application.recover',
    ]

    test.each(KINDS)('of kind %s sends no more than it may, and leaves out nothing', async (kind) => {
      const scene = await newScene(store())
      const failed = []
      for (let i = 0; i < 5; i++) failed.push(await fail(scene, { id: idAt('message', NOW - 999 + i) }))
      const endpointId = kind === 'endpoint.replay' ? (await scene.addEndpoint()).id : scene.endpoint.id
      const task = await begin(scene, { kind, endpointId })
      const counts: unknown[] = []
      for (let status = 'running'; status === 'running';) {
        const after = await store().stepReplay(task.id, { looks: 100, sends: 2, waiting: 100 }, NOW)
        status = after!.status
        counts.push(after!.data['messagesSent'])
      }
      expect(counts).toEqual([2, 4, 5])
      expect(claimedIds(await scene.claim({ endpointId })).toSorted()).toEqual(
        failed.map(({ id }) => id).toSorted(),
      )
    })

    test('waits while as much as may has come to nothing yet', async () => {
      const scene = await newScene(store())
      for (let i = 0; i < 5; i++) await fail(scene)
      const task = await begin(scene, { kind: 'endpoint.recover' })
      const step = () => store().stepReplay(task.id, { looks: 100, sends: 100, waiting: 2 }, NOW)
      expect(await step()).toMatchObject({ data: { messagesSent: 2 } })
      const waiting = await step()
      expect(waiting).toMatchObject({ status: 'running', data: { messagesSent: 2, messagesSeen: 2 } })

      // Held is not over yet; a record is, also where another attempt is due later.
      const [first, second] = await scene.claim()
      expect(await step()).toEqual(waiting)
      await scene.record(first!.message, { kind: 'retry', at: NOW + 9 })
      expect(await step()).toMatchObject({ data: { messagesSent: 3 } })
      await scene.record(second!.message, { kind: 'success' })
      expect(await step()).toMatchObject({ data: { messagesSent: 4 } })
    })

    test('tells how much of its time it has gone through', async () => {
      const scene = await newScene(store())
      for (const at of [-500, 0, 500]) await fail(scene, { id: idAt('message', NOW + at) })
      const task = await begin(scene, { kind: 'endpoint.recover' })
      const progress = async () => (await store().stepReplay(task.id, steps(1), NOW))!.data['progress']
      expect([await progress(), await progress(), await progress(), await progress()]).toEqual([
        0.25, 0.5, 0.75, 1,
      ])
    })
  })

  describe('a task that is canceled', () => {
    test('leaves what it made due as it was, save what was attempted, is held or was asked for', async () => {
      const scene = await newScene(store())
      const keyOf = (messageId: string) => ({
        applicationId: scene.application.id,
        messageId,
        endpointId: scene.endpoint.id,
      })
      const messages = []
      for (let i = 0; i < 5; i++) messages.push(await fail(scene))
      const succeeded = await scene.send({}, { lease: scene.lease })
      await scene.record(succeeded, { kind: 'success' }, { attempts: 2 })
      const skipped = await scene.send()
      await store().skipDelivery(keyOf(skipped.id))
      messages.push(succeeded, skipped)
      const before = new Map<string, unknown>()
      for (const message of messages) before.set(message.id, await scene.delivery(message))

      const task = await begin(scene, { kind: 'endpoint.bulk-replay' })
      expect(await store().stepReplay(task.id, steps(7), NOW)).toMatchObject({ data: { messagesSent: 7 } })
      const [retried, held] = await scene.claim({ limits: { live: 0, retry: 0, replay: 2 } })
      await scene.record(retried!.message, { kind: 'retry', at: NOW + 9 })
      const asked = messages.find(({ id }) => id !== retried!.message.id && id !== held!.message.id)!
      await store().resendDelivery(keyOf(asked.id), NOW)

      expect(await store().cancelTask(task.id, NOW + 1)).toBe(true)
      expect(await store().cancelTask(task.id, NOW + 2)).toBe(false)
      expect(await store().stepReplay(task.id, steps(7), NOW)).toBeNull()
      expect(await store().findTask(task.organisationId, task.id)).toMatchObject({
        status: 'failed',
        updatedAt: NOW + 1,
        data: { messagesSent: 7, error: 'It was canceled' },
      })
      const kept = new Map([
        [retried!.message.id, { status: 'pending', attempts: 1, nextAttemptAt: NOW + 9 }],
        [held!.message.id, { status: 'sending', attempts: 0 }],
        [asked.id, { status: 'pending', nextAttemptAt: NOW }],
      ])
      for (const message of messages) {
        const was = kept.get(message.id) ?? before.get(message.id)
        expect(await scene.delivery(message)).toMatchObject(was as object)
      }
      expect(claimedIds(await scene.claim({ now: NOW + 1_000 })).toSorted()).toEqual(
        [retried!.message.id, asked.id].toSorted(),
      )
    })

    test('leaves nothing of a delivery that it made, which another may make', async () => {
      const scene = await newScene(store())
      const message = await scene.send({}, { lease: scene.lease })
      const { id: endpointId } = await scene.addEndpoint()
      const run = async () => {
        const task = await begin(scene, { kind: 'endpoint.replay', endpointId })
        // One more than there are, so that it is not finished by this.
        return store().stepReplay(task.id, { looks: 1, sends: 1, waiting: 9 }, NOW)
      }
      const { id } = (await run())!
      expect(await scene.delivery(message, endpointId)).toMatchObject({ status: 'pending' })
      await store().cancelTask(id, NOW)
      expect(await scene.delivery(message, endpointId)).toBeUndefined()
      expect(await scene.claim({ endpointId })).toEqual([])
      await run()
      expect(claimedIds(await scene.claim({ endpointId }))).toEqual([message.id])
    })

    test('takes nothing from another task, or from one that is over', async () => {
      const scene = await newScene(store())
      const other = await scene.addEndpoint()
      await fail(scene, {}, [scene.endpoint.id, other.id])
      const [task, another] = [
        await begin(scene, { kind: 'endpoint.recover' }),
        await begin(scene, { kind: 'endpoint.recover', endpointId: other.id }),
      ]
      await store().stepReplay(task.id, steps(1), NOW)
      await store().stepReplay(another.id, steps(9), NOW)
      await store().cancelTask(task.id, NOW)
      expect(await store().cancelTask(another.id, NOW)).toBe(false)
      expect(await scene.claim()).toEqual([])
      expect(await scene.claim({ endpointId: other.id })).toHaveLength(1)
    })
  })
}
