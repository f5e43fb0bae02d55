/** Begins background tasks. @module */

import { newId } from '../../domain/id.ts'
import type { Task } from '../../domain/task.ts'
import type { HttpDeps } from '../deps.ts'

/** Makes a task and lets it be taken up at once. */
export async function startTask(
  { store, clock, wakeTasks }: HttpDeps,
  given: Pick<Task, 'organisationId' | 'applicationId' | 'work'>,
): Promise<Task> {
  const now = clock()
  const task: Task = {
    ...given,
    id: newId('task', now),
    status: 'running',
    data: {},
    createdAt: now,
    updatedAt: now,
  }
  await store.createTask(task)
  wakeTasks()
  return task
}
