/** The routes of background tasks. @module */

import { Type } from 'typebox'

import type { Task } from '../../domain/task.ts'
import type { Api } from '../api.ts'
import { type Principal, notFound } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { described } from '../schemas.ts'
import { BackgroundTaskOut, BackgroundTaskStatus, BackgroundTaskType, kindsOf, showTask } from './schemas.ts'

const Path = Type.Object({ task_id: Type.String() })
const ListQuery = Type.Object({
  ...PageQuery.properties,
  status: described(Type.Optional(BackgroundTaskStatus), 'Only tasks that stand so.'),
  task: described(Type.Optional(BackgroundTaskType), 'Only tasks that do this.'),
})

const tags = ['Background Task']

/** Adds the routes of background tasks. */
export function backgroundTaskRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/background-task',
    {
      schema: {
        operationId: 'v1.background-task.list',
        summary: 'List background tasks of the last 90 days',
        tags,
        querystring: ListQuery,
        response: { 200: ListOf(BackgroundTaskOut) },
      },
    },
    async ({ principal, query }) => {
      const kinds = query.task === undefined ? undefined : kindsOf(query.task)
      const filter = { status: query.status, kinds }
      const page = await pageOf(
        query,
        'descending',
        (request) => store.listTasks(principal.organisationId, request, filter),
        ({ id }) => id,
      )
      return showPage(page, showTask)
    },
  )

  api.get(
    '/background-task/:task_id',
    {
      schema: {
        operationId: 'v1.background-task.get',
        summary: 'Get a background task, with its result once it is finished',
        tags,
        params: Path,
        response: { 200: BackgroundTaskOut },
      },
    },
    async ({ principal, params }) => showTask(await requireTask(principal, params.task_id)),
  )

  api.post(
    '/background-task/:task_id/cancel',
    {
      schema: {
        operationId: 'v1.background-task.cancel',
        summary: 'Cancel a background task',
        description:
          'What was sent stays sent. What a replay has made due, and no attempt was made of yet, is as it was before; an ' +
          'attempt that is next or under way is made. A task that is over already stays as it is.',
        tags,
        params: Path,
        response: { 200: BackgroundTaskOut },
      },
    },
    async ({ principal, params }) => {
      const task = await requireTask(principal, params.task_id)
      await store.cancelTask(task.id, clock())
      return showTask(await requireTask(principal, params.task_id))
    },
  )

  /** A token of one application finds the tasks that are about it. @throws {PosthornError} `not_found`. */
  async function requireTask(principal: Principal, id: string): Promise<Task> {
    const task = await store.findTask(principal.organisationId, id)
    const isHidden = principal.applicationId !== null && principal.applicationId !== task?.applicationId
    if (task === null || isHidden) throw notFound('background task', id)
    return task
  }
}
