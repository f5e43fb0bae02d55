/** The routes that take the content out of messages and attempts, for good. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import { notFound, requireApplication } from '../authentication.ts'
import { showStarted, startedTask } from '../background-task/schemas.ts'
import { startTask } from '../background-task/start.ts'
import type { HttpDeps } from '../deps.ts'
import { requireMessage } from './routes.ts'
import { Uid } from '../schemas.ts'

const AppPath = Type.Object({ app_id: Type.String() })
const Path = Type.Object({ app_id: Type.String(), msg_id: Type.String() })
const AttemptPath = Type.Object({ app_id: Type.String(), msg_id: Type.String(), attempt_id: Type.String() })

/** Messages of one request, at most. */
const MAX_IDS = 250

/** What is to be expunged, by id or event id. */
const BulkExpungeContentsIn = Type.Object(
  {
    ids: Type.Optional(Type.Array(Uid, { maxItems: MAX_IDS, description: 'Ids or event ids of messages.' })),
  },
  { $id: 'BulkExpungeContentsIn' },
)

/** What became of each. */
const BulkExpungeContentsOut = Type.Object(
  {
    results: Type.Record(Type.String(), Type.Enum(['expunged', 'not-found']), {
      description: '`expunged` or `not-found`, by the id that was given.',
    }),
  },
  { $id: 'BulkExpungeContentsOut' },
)

const ExpungeAllContentsOut = startedTask('ExpungeAllContentsOut')

/** Adds the routes that expunge content. */
export function contentRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.delete(
    '/app/:app_id/msg/:msg_id/content',
    {
      schema: {
        operationId: 'v1.message.expunge-content',
        summary: 'Delete the payload of a message, and cancel what waits of it',
        tags: ['Message'],
        params: Path,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params }, reply) => {
      const { id, applicationId } = await requireMessage(deps, principal, params)
      await store.expungeContent(applicationId, id, clock())
      return reply.code(204).send()
    },
  )

  api.post(
    '/app/:app_id/msg/bulk-expunge',
    {
      schema: {
        operationId: 'v1.message.bulk-expunge-content',
        summary: 'Delete the payloads of several messages',
        tags: ['Message'],
        params: AppPath,
        body: BulkExpungeContentsIn,
        response: { 200: BulkExpungeContentsOut },
      },
    },
    async ({ principal, params, body }) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const ids = [...new Set(body.ids)]
      const results = await Promise.all(
        ids.map(async (idOrEventId) => {
          const message = await store.findMessage(applicationId, idOrEventId)
          if (message !== null) await store.expungeContent(applicationId, message.id, clock())
          return [idOrEventId, message === null ? 'not-found' : 'expunged'] as const
        }),
      )
      return { results: Object.fromEntries(results) }
    },
  )

  api.post(
    '/app/:app_id/msg/expunge-all-contents',
    {
      schema: {
        operationId: 'v1.message.expunge-all-contents',
        summary: 'Delete the payloads of all messages of an application',
        description:
          'A background task, of kind `application.purge_content`, that deletes the payloads of the messages made until now ' +
          'and cancels what waits of them. `data.messagesPurged` counts them, `data.progress` estimates how much is done.',
        tags: ['Message'],
        params: AppPath,
        response: { 202: ExpungeAllContentsOut },
      },
    },
    async ({ principal, params }, reply) => {
      const { id, organisationId, createdAt } = await requireApplication(deps, principal, params.app_id)
      const span = { since: createdAt, until: clock() + 1 }
      const work = { kind: 'application.purge_content', applicationId: id, ...span } as const
      const task = await startTask(deps, { organisationId, applicationId: null, work })
      return reply.code(202).send(showStarted(task))
    },
  )

  api.delete(
    '/app/:app_id/msg/:msg_id/attempt/:attempt_id/content',
    {
      schema: {
        operationId: 'v1.message-attempt.expunge-content',
        summary: 'Delete what an endpoint answered to an attempt',
        tags: ['Message Attempt'],
        params: AttemptPath,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params }, reply) => {
      const { id, applicationId } = await requireMessage(deps, principal, params)
      const isDone = await store.expungeAttemptContent(applicationId, id, params.attempt_id)
      if (!isDone) throw notFound('attempt', params.attempt_id)
      return reply.code(204).send()
    },
  )
}
