import { expect, onTestFinished, test, vi } from 'vitest'

import type { Task } from '../domain/task.ts'
import type { StepLimits } from '../storage/port/tasks.ts'
import type { Store } from '../storage/store.ts'
import { TaskRunner } from './task-runner.ts'

const newTask = (id: string, ratePerSecond: number | null = null): Task => ({
  id,
  organisationId: 'org_1',
  applicationId: 'app_1',
  status: 'running',
  work: { kind: 'endpoint.recover', endpointId: 'ep_1', since: 0, until: 100, ratePerSecond },
  data: {},
  createdAt: 0,
  updatedAt: 0,
})

/** A runner on a store that has these tasks, oldest first, and takes their steps so. */
function start(
  tasks: readonly Task[],
  step: (task: Task, limits: StepLimits) => Partial<Task>,
  clock = Date.now,
) {
  const known = new Map(tasks.map((task) => [task.id, task]))
  const steps: { id: string; limits: StepLimits }[] = []
  let looks = 0
  const store: Pick<Store, 'findRunningTasks' | 'stepReplay' | 'deleteTasks'> = {
    findRunningTasks: async (limit) => {
      looks += 1
      return [...known.values()].filter(({ status }) => status === 'running').slice(0, limit)
    },
    stepReplay: async (id, limits) => {
      steps.push({ id, limits })
      const after = { ...known.get(id)!, ...step(known.get(id)!, limits) }
      known.set(id, after)
      return after
    },
    deleteTasks: async () => 0,
  }
  const log = { debug() {}, warn() {}, error() {} }
  const runner = new TaskRunner({ store: store as Store, clock, log, onDue() {} })
  runner.start()
  onTestFinished(() => runner.stop())
  /** Resolves when the runner has looked for tasks once more, and found none to take a step of. */
  const look = async () => {
    const before = looks
    runner.wake()
    await vi.waitFor(() => expect(looks).toBeGreaterThan(before), { timeout: 50_000 })
  }
  return { steps, look }
}

test('tasks that stand still do not keep others from their turns, however many they are', async () => {
  const stalled = Array.from({ length: 45 }, (_, i) => newTask(`qtask_${i}`))
  const { steps } = start([...stalled, newTask('qtask_new')], ({ id }) =>
    id === 'qtask_new' ? { status: 'finished' } : {},
  )
  await vi.waitFor(() => expect(steps.map(({ id }) => id)).toContain('qtask_new'), { timeout: 50_000 })
})

test('a step of a task with a rate sends a part of a second’s worth, and rests for as long as that takes', async () => {
  let now = 0
  let sent = 0
  const { steps, look } = start(
    [newTask('qtask_1', 40)],
    (_, { sends }) => {
      sent += sends
      return { data: { messagesSeen: sent, messagesSent: sent, progress: 0 } }
    },
    () => now,
  )
  await vi.waitFor(() => expect(steps).toHaveLength(1), { timeout: 50_000 })
  for (now of [1, 100, 249]) await look()
  expect(steps.map(({ limits }) => limits.sends)).toEqual([10])
  now = 250
  await look()
  await vi.waitFor(() => expect(steps).toHaveLength(2), { timeout: 50_000 })
  now = 499
  await look()
  expect(steps).toHaveLength(2)
})

test('a step of a task with the lowest rate sends one', async () => {
  const { steps } = start([newTask('qtask_1', 1)], () => ({ status: 'finished' }))
  await vi.waitFor(() => expect(steps).toHaveLength(1), { timeout: 50_000 })
  expect(steps[0]!.limits).toMatchObject({ sends: 1, looks: 100 })
})
