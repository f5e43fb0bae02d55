/** The forms of background tasks. @module */

import { type Static, Type } from 'typebox'

import { TASK_KINDS, type Task, type TaskKind } from '../../domain/task.ts'
import { Instant, described, showInstant } from '../schemas.ts'

/** Where a task stands. */
export const BackgroundTaskStatus = Type.Enum(['running', 'finished', 'failed'])

/** What a task does. Official clients refuse an answer with another than those that they know. */
export const BackgroundTaskType = Type.Enum([
  'endpoint.recover',
  'endpoint.replay',
  'endpoint.bulk-replay',
  'application.purge_content',
  'application.stats',
  'event-type.aggregate',
])

/** What the API calls a kind of task: that of a whole application by the name that it has for one endpoint. */
function typeOf(kind: TaskKind): Static<typeof BackgroundTaskType> {
  return kind === 'application.recover' ? 'endpoint.bulk-replay' : kind
}

/** Returns the kinds of task that the API calls so. */
export function kindsOf(type: Static<typeof BackgroundTaskType>): TaskKind[] {
  return TASK_KINDS.filter((kind) => typeOf(kind) === type)
}

const STARTED = {
  id: described(Type.String(), 'Begins with `qtask_`.'),
  status: described(BackgroundTaskStatus, 'Where it stands.'),
  task: described(BackgroundTaskType, 'What it does.'),
  updatedAt: described(Instant, 'When it last went a step on.'),
}

/** Returns the form of a task that was just made, under the name that the API has for it. */
export const startedTask = <Id extends string>($id: Id) => Type.Object(STARTED, { $id })

/** A task as it is shown. */
export const BackgroundTaskOut = Type.Object(
  {
    ...STARTED,
    data: Type.Record(Type.String(), Type.Unknown(), {
      description: 'The result, so far as there is one; `error` says why a task failed.',
    }),
  },
  { $id: 'BackgroundTaskOut' },
)

/** Shows a task that was just made. */
export function showStarted(task: Task) {
  return {
    id: task.id,
    status: task.status,
    task: typeOf(task.work.kind),
    updatedAt: showInstant(task.updatedAt),
  }
}

/** Shows a task with what came of it. */
export function showTask(task: Task): Static<typeof BackgroundTaskOut> {
  return { ...showStarted(task), data: task.data }
}
