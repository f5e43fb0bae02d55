/** The routes of exhausted deliveries: what failed and will not be tried again by itself. @module */

import { type Static, Type } from 'typebox'

import type { ReplayWork } from '../../domain/task.ts'
import type { ExhaustedDelivery } from '../../storage/port/deliveries.ts'
import type { Api } from '../api.ts'
import { requireApplication } from '../authentication.ts'
import { showStarted, startedTask } from '../background-task/schemas.ts'
import { startTask } from '../background-task/start.ts'
import type { HttpDeps } from '../deps.ts'
import { findEndpointOf } from '../endpoint/editing.ts'
import { ReplayRate, spanOf } from '../endpoint/replay.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import {
  EventTypeName,
  Instant,
  Maybe,
  NameList,
  Nullable,
  described,
  showInstant,
  readInstant,
} from '../schemas.ts'
import { LastAttemptOut, showLastAttempt } from './last-attempt.ts'

const AppPath = Type.Object({ app_id: Type.String() })

const ExhaustedQuery = Type.Object({
  ...PageQuery.properties,
  endpoint_id: described(Type.Optional(Type.String()), 'Only what went to this endpoint: its id or uid.'),
  event_types: described(Type.Optional(NameList), 'Only messages of these types, with commas between them.'),
  before: described(Type.Optional(Instant), 'Only messages made before then.'),
  after: described(Type.Optional(Instant), 'Only messages made after then.'),
})

const ExhaustedOut = Type.Object(
  {
    messageId: described(Type.String(), 'The message.'),
    eventType: described(EventTypeName, 'What happened.'),
    eventId: described(Nullable(Type.String()), 'Your own id of the event.'),
    timestamp: described(Instant, 'When the message was accepted.'),
    endpointId: described(Type.String(), 'The endpoint that did not get it.'),
    endpointUid: described(Nullable(Type.String()), 'Your own name for it.'),
    url: described(Type.String(), 'Where it is now.'),
    attempts: described(Type.Integer(), 'Attempts made.'),
    lastAttempt: described(Nullable(LastAttemptOut), 'The attempt after which it was given up.'),
    canReplay: Type.Boolean({
      description: 'False where the endpoint was deleted, or the payload expunged.',
    }),
  },
  { $id: 'ExhaustedOut' },
)

const ExhaustedReplayIn = Type.Object(
  {
    eventTypes: described(
      Maybe(Type.Array(EventTypeName, { minItems: 1, maxItems: 1_000 })),
      'Only messages of these types.',
    ),
    endpointId: described(Maybe(Type.String()), 'Only what went to this endpoint: its id or uid.'),
    since: described(Maybe(Instant), 'Only messages made from then on.'),
    until: described(Maybe(Instant), 'Only messages made before then; where it is left out, now.'),
    ratePerSecond: ReplayRate,
  },
  { $id: 'ExhaustedReplayIn' },
)
const ExhaustedReplayOut = startedTask('ExhaustedReplayOut')

const tags = ['Message Attempt']

/** Adds the routes of exhausted deliveries. */
export function exhaustedRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/app/:app_id/exhausted',
    {
      schema: {
        operationId: 'v1.message-attempt.list-exhausted',
        summary: 'List the deliveries of an application that failed for good',
        description:
          'Newest messages first: those whose attempts are spent, or that were answered with 410. `before` and `after` are ' +
          'of the message.',
        tags,
        params: AppPath,
        querystring: ExhaustedQuery,
        response: { 200: ListOf(ExhaustedOut) },
      },
    },
    async ({ principal, params, query }) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const filter = {
        endpointId: await endpointIdOf(applicationId, query.endpoint_id),
        eventTypes: query.event_types?.split(','),
        before: query.before === undefined ? undefined : readInstant(query.before),
        after: query.after === undefined ? undefined : readInstant(query.after),
      }
      const page = await pageOf(
        query,
        'descending',
        (request) => store.listExhausted(applicationId, request, filter),
        ({ key }) => key,
      )
      return showPage(page, showExhausted)
    },
  )

  api.post(
    '/app/:app_id/exhausted/replay',
    {
      schema: {
        operationId: 'v1.message-attempt.replay-exhausted',
        summary: 'Send again what failed for good',
        description:
          'To all endpoints of the application, or to one, with a new schedule of retries. Poll the background task for ' +
          'how far it is.',
        tags,
        params: AppPath,
        body: ExhaustedReplayIn,
        response: { 202: ExhaustedReplayOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const application = await requireApplication(deps, principal, params.app_id)
      const endpointId = await endpointIdOf(application.id, body.endpointId)
      const eventTypes = body.eventTypes ?? null
      const since = body.since ?? showInstant(application.createdAt)
      const shared = { ...spanOf({ ...body, since }, clock()), ratePerSecond: body.ratePerSecond ?? null }
      const work: ReplayWork =
        endpointId === undefined
          ? { kind: 'application.recover', eventTypes, ...shared }
          : { kind: 'endpoint.bulk-replay', endpointId, filter: { ...FAILED, eventTypes }, ...shared }
      const { organisationId } = principal
      const task = await startTask(deps, { organisationId, applicationId: application.id, work })
      return reply.code(202).send(showStarted(task))
    },
  )

  /** The id of the endpoint that is named, if any. @throws {PosthornError} `not_found`. */
  async function endpointIdOf(applicationId: string, name: string | null | undefined) {
    if (name === undefined || name === null) return undefined
    return (await findEndpointOf(deps, applicationId, name)).id
  }
}

const FAILED = { channel: null, tag: null, status: 'fail', statusCodeClass: null } as const

function showExhausted(exhausted: ExhaustedDelivery): Static<typeof ExhaustedOut> {
  const { delivery, message, endpoint, lastAttempt } = exhausted
  return {
    messageId: delivery.messageId,
    eventType: message.eventType,
    eventId: message.eventId,
    timestamp: showInstant(message.createdAt),
    endpointId: delivery.endpointId,
    endpointUid: endpoint.uid,
    url: endpoint.url,
    attempts: delivery.attempts,
    lastAttempt: showLastAttempt(lastAttempt),
    canReplay: endpoint.deletedAt === null && message.expungedAt === null,
  }
}
