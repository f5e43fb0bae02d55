/** The routes that take the content out of messages and attempts, for good. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import { notFound, requireApplication, requireOrganisation } from '../authentication.ts'
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
  { ids: Type.Optional(Type.Array(Uid, { maxItems: MAX_IDS })) },
  { $id: 'BulkExpungeContentsIn' },
)

/** What became of each. */
const BulkExpungeContentsOut = Type.Object(
  { results: Type.Record(Type.String(), Type.Enum(['expunged', 'not-found'])) },
  { $id: 'BulkExpungeContentsOut' },
)

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
      requireOrganisation(principal)
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
      requireOrganisation(principal)
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
      requireOrganisation(principal)
      const { id, applicationId } = await requireMessage(deps, principal, params)
      const isDone = await store.expungeAttemptContent(applicationId, id, params.attempt_id)
      if (!isDone) throw notFound('attempt', params.attempt_id)
      return reply.code(204).send()
    },
  )
}
