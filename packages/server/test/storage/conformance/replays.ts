/** Conformance: sending again, on request and by tasks. @module */

import { describe, expect, test } from 'vitest'

import type { ReplayFilter, ReplayWork, Task } from '../../../src/domain/task.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, type Scene, claimedIds, idAt, newScene, newTask, steps } from '../fixtures.ts'

const FAILED = { kind: 'exhausted' } as const
const RESUME = { kind: 'resume' } as const
const NO_FILTER: ReplayFilter = {
  eventTypes: null,
  channel: null,
  tag: null,
  status: null,
  statusCodeClass: null,
}

/** Tests what makes deliveries due again. */
export function describeReplays(store: () => Store): void {
  const resend = (scene: Scene, messageId: string, endpointId = scene.endpoint.id) =>
    store().resendDelivery({ applicationId: scene.application.id, messageId, endpointId }, NOW)

  /** Sends a message and records that its one attempt came to this. */
  const settle = async (scene: Scene, verdict: Parameters<Scene['record']>[1], fields = {}) => {
    const message = await scene.send(fields, { lease: scene.lease })
    await scene.record(message, verdict)
    return message
  }

  const begin = async (scene: Scene, kind: ReplayWork['kind'], more: object = {}): Promise<Task> => {
    const span = { since: NOW - 1_000, until: NOW + 1_000 }
    const work = { kind, endpointId: scene.endpoint.id, filter: NO_FILTER, ...span, ...more } as ReplayWork
    const task = newTask({ applicationId: scene.application.id, work })
    await store().createTask(task)
    return task
  }

  /** Runs a task to its end in steps of `limit`; returns it with the number of steps. */
  const runToEnd = async (task: Task, limit = 100): Promise<{ task: Task; steps: number }> => {
    for (let taken = 1; ; taken++) {
      const after = await store().stepReplay(task.id, steps(limit), NOW)
      if (after!.status !== 'running') return { task: after!, steps: taken }
    }
  }

  describe('a resend', () => {
    test.each([
      ['success', { kind: 'success' }, null],
      ['fail', FAILED, null],
      ['pending', { kind: 'retry', at: NOW + 5_000 }, NOW + 5_000],
    ] as const)('of a %s that fails leaves it as it was', async (status, verdict, nextAttemptAt) => {
      const scene = await newScene(store())
      const message = await settle(scene, verdict)
      await resend(scene, message.id)
      expect(await scene.delivery(message)).toMatchObject({ status: 'pending', nextAttemptAt: NOW })

      const claimed = await scene.claim()
      expect(claimed).toMatchObject([
        { message: { id: message.id }, attempts: 1, isManual: true, resumesAs: status },
      ])
      await scene.record(message, RESUME, { attempt: { trigger: 'manual' } })
      expect(await scene.delivery(message)).toMatchObject({ status, nextAttemptAt, attempts: 1 })

      const later = await scene.claim({ now: NOW + 10_000 })
      expect(later.map(({ isManual }) => isManual)).toEqual(nextAttemptAt === null ? [] : [undefined])
    })

    test('that succeeds settles the delivery, and its schedule ends', async () => {
      const scene = await newScene(store())
      const message = await settle(scene, { kind: 'retry', at: NOW + 5_000 })
      await resend(scene, message.id)
      await scene.claim()
      await scene.record(message, { kind: 'success' }, { attempt: { trigger: 'manual' } })
      expect(await scene.delivery(message)).toMatchObject({ status: 'success', nextAttemptAt: null })
      expect(await scene.claim({ now: NOW + 10_000 })).toEqual([])
    })

    test('asked for twice is one attempt, and goes back to where the first found it', async () => {
      const scene = await newScene(store())
      const message = await settle(scene, FAILED)
      await resend(scene, message.id)
      await resend(scene, message.id)
      expect(claimedIds(await scene.claim())).toEqual([message.id])
      await scene.record(message, RESUME, { attempt: { trigger: 'manual' } })
      expect(await scene.delivery(message)).toMatchObject({ status: 'fail', nextAttemptAt: null })
    })

    test('of what is being sent changes nothing', async () => {
      const scene = await newScene(store())
      const message = await scene.send({}, { lease: scene.lease })
      await resend(scene, message.id)
      expect(await scene.delivery(message)).toMatchObject({ status: 'sending' })
      expect(await scene.record(message, { kind: 'retry', at: NOW + 1 })).toBe('recorded')
      expect(await scene.claim({ now: NOW + 1 })).toMatchObject([{ attempts: 1 }])
    })

    test('to an endpoint that the message never went to makes the delivery, which fails for good', async () => {
      const scene = await newScene(store())
      const message = await scene.send()
      const { id } = await scene.addEndpoint()
      await resend(scene, message.id, id)
      expect(await scene.claim({ endpointId: id })).toMatchObject([{ isManual: true, attempts: 0 }])
      await scene.record(message, RESUME, { attempt: { trigger: 'manual', endpointId: id } })
      expect(await scene.delivery(message, id)).toMatchObject({ status: 'fail', nextAttemptAt: null })
    })

    test('whose node dies is made after the restart, still as the manual one', async () => {
      const scene = await newScene(store())
      const message = await settle(scene, { kind: 'success' })
      await resend(scene, message.id)
      await scene.claim()
      const lease = await store().joinAsNode(NOW)
      expect(await scene.claim({ lease })).toMatchObject([{ message: { id: message.id }, isManual: true }])
    })
  })

  describe('a task that sends again', () => {
    test('recovers what failed in its time, with no attempt made', async () => {
      const scene = await newScene(store())
      const failed = await settle(scene, FAILED)
      await settle(scene, { kind: 'success' })
      await settle(scene, { kind: 'retry', at: NOW + 5_000 })
      await settle(scene, FAILED, { id: idAt('message', NOW - 1_001) })
      await settle(scene, FAILED, { id: idAt('message', NOW + 1_000) })

      const { task } = await runToEnd(await begin(scene, 'endpoint.recover'))
      expect(task).toMatchObject({ status: 'finished', data: { messagesSent: 1 } })
      expect(await scene.claim()).toMatchObject([{ message: { id: failed.id }, attempts: 0 }])
    })

    test('goes on where its last step ended, and sends each message once', async () => {
      const scene = await newScene(store())
      const sent = []
      for (let made = 0; made < 5; made++) sent.push((await settle(scene, FAILED)).id)
      const begun = await begin(scene, 'endpoint.recover')
      const { task, steps: taken } = await runToEnd(begun, 2)
      expect(task.data).toEqual({ messagesSeen: 5, messagesSent: 5, progress: 1 })
      expect(taken).toBe(3)
      expect(claimedIds(await scene.claim()).toSorted()).toEqual(sent.toSorted())
      expect(await store().stepReplay(begun.id, steps(2), NOW)).toBeNull()
    })

    test('sends what the endpoint wants and never got, and nothing twice', async () => {
      const scene = await newScene(store())
      const picky = await scene.addEndpoint({ eventTypes: ['a'], channels: ['one'], disabled: true })
      const wanted = await scene.send({ eventType: 'a', channels: ['one', 'two'] })
      const later = await scene.send({ eventType: 'a', channels: ['one'], deliverAt: NOW + 500 })
      await scene.send({ eventType: 'a' })
      await scene.send({ eventType: 'b', channels: ['one'] })
      await scene.send({ eventType: 'a', channels: ['one'] }, { to: [picky.id], lease: scene.lease })

      const run = async () =>
        (await runToEnd(await begin(scene, 'endpoint.replay', { endpointId: picky.id }), 2)).task
      expect(await run()).toMatchObject({ status: 'finished', data: { messagesSent: 2 } })
      expect(claimedIds(await scene.claim({ endpointId: picky.id }))).toEqual([wanted.id])
      expect(claimedIds(await scene.claim({ endpointId: picky.id, now: NOW + 500 }))).toEqual([later.id])
      expect(await run()).toMatchObject({ data: { messagesSent: 0 } })
    })

    test('replays what is over as far as it passes the filter', async () => {
      const scene = await newScene(store())
      const succeeded = await settle(scene, { kind: 'success' }, { tags: ['vip'], channels: ['one'] })
      const failed = await settle(scene, FAILED, { eventType: 'b' })
      await settle(scene, { kind: 'retry', at: NOW + 5_000 })

      const replay = async (filter: Partial<ReplayFilter>) => {
        await runToEnd(await begin(scene, 'endpoint.bulk-replay', { filter: { ...NO_FILTER, ...filter } }), 1)
        const claimed = await scene.claim()
        for (const { message } of claimed) {
          await scene.record(message, message.id === failed.id ? FAILED : { kind: 'success' })
        }
        return claimedIds(claimed)
      }
      expect(await replay({ tag: 'vip' })).toEqual([succeeded.id])
      expect(await replay({ channel: 'one' })).toEqual([succeeded.id])
      expect(await replay({ status: 'fail' })).toEqual([failed.id])
      expect(await replay({ eventTypes: ['b'] })).toEqual([failed.id])
      expect(await replay({ statusCodeClass: 400 })).toEqual([])
      expect((await replay({})).toSorted()).toEqual([succeeded.id, failed.id].toSorted())
    })

    test('fails once its endpoint is deleted, and keeps what it had done', async () => {
      const scene = await newScene(store())
      for (let made = 0; made < 3; made++) await settle(scene, FAILED)
      const task = await begin(scene, 'endpoint.recover')
      await store().stepReplay(task.id, steps(2), NOW)
      await store().deleteEndpoint(scene.application.id, scene.endpoint.id, NOW)
      expect(await store().stepReplay(task.id, steps(2), NOW)).toMatchObject({
        status: 'failed',
        data: { messagesSent: 2, error: 'The endpoint was deleted' },
      })
    })
  })

  describe('counts of deliveries', () => {
    const range = {
      from: idAt('message', NOW - 1_000).slice(0, 12),
      to: idAt('message', NOW + 1_000).slice(0, 12),
    }

    test('are by status for an endpoint, the same in pages of any size', async () => {
      const scene = await newScene(store())
      await settle(scene, { kind: 'success' })
      await settle(scene, { kind: 'success' })
      await settle(scene, FAILED)
      await settle(scene, { kind: 'retry', at: NOW + 1 })
      await scene.send({}, { lease: scene.lease })
      await settle(scene, FAILED, { id: idAt('message', NOW + 2_000) })

      for (const limit of [1, 2, 5, 100]) {
        const sum = { success: 0, pending: 0, sending: 0, fail: 0, canceled: 0 }
        let from: string | null = range.from
        while (from !== null) {
          const page: Awaited<ReturnType<Store['countDeliveriesOfEndpoint']>> =
            await store().countDeliveriesOfEndpoint(
              scene.application.id,
              scene.endpoint.id,
              { ...range, from },
              limit,
            )
          for (const status of Object.keys(sum) as (keyof typeof sum)[]) sum[status] += page.counts[status]
          from = page.next
        }
        expect(sum).toEqual({ success: 2, pending: 1, sending: 1, fail: 1, canceled: 0 })
      }
    })

    test('are of all endpoints for an application, the same in pages of any size', async () => {
      const scene = await newScene(store())
      const to = [scene.endpoint.id, (await scene.addEndpoint()).id]
      for (let made = 0; made < 5; made++) await scene.send({}, { to })
      for (const limit of [3, 4, 100]) {
        let sum = 0
        let from: string | null = range.from
        while (from !== null) {
          const page: { total: number; next: string | null } = await store().countDeliveriesOfApplication(
            scene.application.id,
            { ...range, from },
            limit,
          )
          sum += page.total
          from = page.next
        }
        expect(sum).toBe(10)
      }
    })
  })
}
