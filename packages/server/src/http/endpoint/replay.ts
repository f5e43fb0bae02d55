/** The routes that begin tasks which send messages to an endpoint again. @module */

import { type Static, Type } from 'typebox'

import type { Endpoint } from '../../domain/endpoint.ts'
import type { ReplayWork, TaskSpan } from '../../domain/task.ts'
import type { Api } from '../api.ts'
import type { Principal } from '../authentication.ts'
import { showStarted, startedTask } from '../background-task/schemas.ts'
import { startTask } from '../background-task/start.ts'
import { StatusNumber, statusOf } from '../delivery-status.ts'
import type { HttpDeps } from '../deps.ts'
import { Channel, EventTypeName, Instant, Maybe, bodyFault, described, readInstant } from '../schemas.ts'
import { EndpointPath, requireEndpoint } from './routes.ts'

/** Deliveries a second that a task makes due. */
export const ReplayRate = Maybe(
  Type.Integer({
    minimum: 1,
    maximum: 65_535,
    description:
      'Messages a second that are sent again, at most. Where it is left out, as fast as the endpoint takes them.',
  }),
)

const SPAN = {
  since: described(Instant, 'Messages made from then on.'),
  until: described(Maybe(Instant), 'Messages made before then; where it is left out, now.'),
  ratePerSecond: ReplayRate,
}
const RecoverIn = Type.Object(SPAN, { $id: 'RecoverIn' })
const ReplayIn = Type.Object(SPAN, { $id: 'ReplayIn' })
const BulkReplayIn = Type.Object(
  {
    ...SPAN,
    eventTypes: described(
      Maybe(Type.Array(EventTypeName, { minItems: 1, maxItems: 1_000 })),
      'Only messages of these types.',
    ),
    channel: described(Maybe(Channel), 'Only messages with this channel.'),
    tag: described(Maybe(Type.String({ minLength: 1, maxLength: 128 })), 'Only messages with this tag.'),
    status: described(
      Maybe(StatusNumber),
      'Only deliveries that stand so: 0 success, 1 pending, 2 fail, 3 sending, 4 canceled.',
    ),
    statusCodeClass: described(
      Maybe(Type.Integer({ minimum: 0, maximum: 500, multipleOf: 100 })),
      'Only deliveries with an attempt that was answered so: 200 for 2xx, and 0 for no answer.',
    ),
  },
  { $id: 'BulkReplayIn' },
)
const RecoverOut = startedTask('RecoverOut')
const ReplayOut = startedTask('ReplayOut')

const tags = ['Endpoint']
const AFTERWARDS =
  'Poll the background task for how far it is: `data.messagesSent` counts what was made due, `data.progress` estimates ' +
  'how much is done.'

/** Adds the routes that send many messages to an endpoint again. */
export function replayRoutes(api: Api, deps: HttpDeps): void {
  api.post(
    '/app/:app_id/endpoint/:endpoint_id/recover',
    {
      schema: {
        operationId: 'v1.endpoint.recover',
        summary: 'Send again what failed to reach an endpoint',
        description: `Takes up the failed deliveries of messages made since then, with a new schedule of retries. ${AFTERWARDS}`,
        tags,
        params: EndpointPath,
        body: RecoverIn,
        response: { 202: RecoverOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const endpoint = await requireEndpoint(deps, principal, params)
      const work = { kind: 'endpoint.recover', endpointId: endpoint.id, ...scopeOf(body) } as const
      return reply.code(202).send(await start(principal, endpoint, work))
    },
  )

  api.post(
    '/app/:app_id/endpoint/:endpoint_id/replay-missing',
    {
      schema: {
        operationId: 'v1.endpoint.replay-missing',
        summary: 'Send what an endpoint wants and never got',
        description: `Messages made since then that pass the endpoint's filters and never went there. ${AFTERWARDS}`,
        tags,
        params: EndpointPath,
        body: ReplayIn,
        response: { 202: ReplayOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const endpoint = await requireEndpoint(deps, principal, params)
      const work = { kind: 'endpoint.replay', endpointId: endpoint.id, ...scopeOf(body) } as const
      return reply.code(202).send(await start(principal, endpoint, work))
    },
  )

  api.post(
    '/app/:app_id/endpoint/:endpoint_id/bulk-replay',
    {
      schema: {
        operationId: 'v1.endpoint.bulk-replay',
        summary: 'Send again what went to an endpoint, succeeded or failed',
        description: `What is still on its way is left alone. ${AFTERWARDS}`,
        tags,
        params: EndpointPath,
        body: BulkReplayIn,
        response: { 202: ReplayOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const endpoint = await requireEndpoint(deps, principal, params)
      const status = body.status ?? null
      const filter = {
        eventTypes: body.eventTypes ?? null,
        channel: body.channel ?? null,
        tag: body.tag ?? null,
        status: status === null ? null : statusOf(status),
        statusCodeClass: body.statusCodeClass ?? null,
      }
      const work = {
        kind: 'endpoint.bulk-replay',
        endpointId: endpoint.id,
        filter,
        ...scopeOf(body),
      } as const
      return reply.code(202).send(await start(principal, endpoint, work))
    },
  )

  async function start({ organisationId }: Principal, { applicationId }: Endpoint, work: ReplayWork) {
    return showStarted(await startTask(deps, { organisationId, applicationId, work }))
  }

  function scopeOf(body: Static<typeof RecoverIn>) {
    return { ...spanOf(body, deps.clock()), ratePerSecond: body.ratePerSecond ?? null }
  }
}

/**
 * Reads a stretch of time. Without an end, it ends now: what fails while the task runs is not taken up by it.
 *
 * @throws {ValidationError} It ends before it begins.
 */
export function spanOf(
  { since, until }: Pick<Static<typeof RecoverIn>, 'since' | 'until'>,
  now: number,
): TaskSpan {
  const end = until === null || until === undefined ? now + 1 : readInstant(until)
  const span = { since: readInstant(since), until: end }
  if (span.since >= span.until) throw bodyFault('until', 'must be later than since')
  return span
}
