/** Conformance: background tasks. @module */

import { describe, expect, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newTask, steps } from '../fixtures.ts'

/** Tests background tasks as things that are kept. */
export function describeTasks(store: () => Store): void {
  describe('tasks', () => {
    test('a task is found as it was made, in its organisation only', async () => {
      const task = newTask({ applicationId: idAt('application', NOW), data: { n: 1 }, updatedAt: NOW + 3 })
      await store().createTask(task)
      expect(await store().findTask(task.organisationId, task.id)).toEqual(task)
      expect(await store().findTask(idAt('organisation', NOW), task.id)).toBeNull()
      expect(await store().findTask(task.organisationId, idAt('task', NOW))).toBeNull()
    })

    test('tasks are listed by their organisation, status and kind', async () => {
      const { organisationId } = newTask()
      const running = newTask({ organisationId })
      const failed = newTask({ organisationId, status: 'failed', createdAt: NOW + 1 })
      const other = newTask({ organisationId, work: { kind: 'event-type.aggregate' }, createdAt: NOW + 2 })
      for (const task of [running, failed, other, newTask()]) await store().createTask(task)

      const ids = async (filter: Parameters<Store['listTasks']>[2], page = WHOLE) =>
        (await store().listTasks(organisationId, page, filter)).map(({ id }) => id)
      expect(await ids({})).toEqual([running.id, failed.id, other.id])
      expect(await ids({ status: 'running' })).toEqual([running.id, other.id])
      expect(await ids({ kinds: [running.work.kind] })).toEqual([running.id, failed.id])
      expect(await ids({}, { limit: 1, order: 'descending', after: other.id })).toEqual([failed.id])
    })

    test('the running tasks are found, oldest first, until they are over', async () => {
      const one = newTask({ createdAt: NOW + 1 })
      const two = newTask({ createdAt: NOW + 2 })
      const over = newTask({ status: 'finished' })
      for (const task of [two, over, one]) await store().createTask(task)
      const mine = async () =>
        (await store().findRunningTasks(1_000))
          .map(({ id }) => id)
          .filter((id) => [one.id, two.id, over.id].includes(id))
      expect(await mine()).toEqual([one.id, two.id])
      await store().finishTask(one.id, { status: 'finished', data: {} }, NOW)
      expect(await mine()).toEqual([two.id])
    })

    test('a task ends once, and its result joins what it had', async () => {
      const task = newTask({ data: { messagesSent: 2 } })
      await store().createTask(task)
      const end = { status: 'failed', data: { error: 'It was canceled' } } as const
      expect(await store().finishTask(task.id, end, NOW + 5)).toBe(true)
      expect(await store().finishTask(task.id, { status: 'finished', data: {} }, NOW + 6)).toBe(false)
      expect(await store().findTask(task.organisationId, task.id)).toEqual({
        ...task,
        status: 'failed',
        data: { messagesSent: 2, error: 'It was canceled' },
        updatedAt: NOW + 5,
      })
      expect(await store().stepReplay(task.id, steps(10), NOW)).toBeNull()
    })

    test('old tasks that are over are deleted, a few at a time, and running ones are not', async () => {
      const { organisationId } = newTask()
      const old = NOW - 1_000_000_000
      const make = (createdAt: number, status: 'running' | 'finished') =>
        newTask({ organisationId, createdAt, status })
      const [a, b, running, young] = [
        make(old, 'finished'),
        make(old, 'finished'),
        make(old, 'running'),
        make(NOW, 'finished'),
      ]
      for (const task of [a, b, running, young]) await store().createTask(task)
      const before = idAt('task', old + 1)
      expect(await store().deleteTasks(before, 1)).toBe(1)
      expect(await store().deleteTasks(before, 10)).toBe(1)
      expect(await store().deleteTasks(before, 10)).toBe(0)
      const left = await store().listTasks(organisationId, WHOLE, {})
      expect(left.map(({ id }) => id)).toEqual([running.id, young.id])
    })
  })
}
