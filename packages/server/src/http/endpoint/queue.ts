/** The routes of what waits for an endpoint. @module */

import { type Static, Type } from 'typebox'

import { PosthornError } from '../../domain/errors.ts'
import { type EndpointQueue, MOST_COUNTED } from '../../storage/port/queue.ts'
import type { Api } from '../api.ts'
import { notFound, requireApplication } from '../authentication.ts'
import { LastAttemptOut, showLastAttempt } from '../attempt/last-attempt.ts'
import { StatusText } from '../delivery-status.ts'
import type { HttpDeps } from '../deps.ts'
import { Instant, Nullable, described, found, showInstant } from '../schemas.ts'
import { findEndpointOf } from './editing.ts'
import { EndpointPath, requireEndpoint } from './routes.ts'
import { Ordering } from './settings.ts'

const SkipPath = Type.Object({ app_id: Type.String(), msg_id: Type.String(), endpoint_id: Type.String() })

const Count = (what: string) =>
  Type.Integer({
    minimum: 0,
    maximum: MOST_COUNTED,
    description: `${what}; ${MOST_COUNTED} says so many or more.`,
  })

const EndpointQueueOut = Type.Object(
  {
    ordering: Ordering,
    waiting: Count('Messages that wait, for their time or for their turn'),
    sending: Count('Messages that are being sent, or are next'),
    oldestTimestamp: described(
      Nullable(Instant),
      'When the oldest of them was accepted; `null` where nothing waits.',
    ),
    oldestAgeSeconds: described(Nullable(Type.Number({ minimum: 0 })), 'For how long that one has waited.'),
    head: Nullable(
      Type.Object(
        {
          messageId: Type.String(),
          statusText: StatusText,
          attempts: Type.Integer(),
          nextAttempt: Nullable(Instant),
          lastAttempt: Nullable(LastAttemptOut),
        },
        {
          description:
            'The first of the line of an ordered endpoint, which the others wait for; otherwise the first that is due.',
        },
      ),
    ),
  },
  { $id: 'EndpointQueueOut' },
)

/** Adds the routes that show the queue of an endpoint, and let it go on. */
export function endpointQueueRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/app/:app_id/endpoint/:endpoint_id/queue',
    {
      schema: {
        operationId: 'v1.endpoint.get-queue',
        summary: 'Tell what waits for an endpoint',
        tags: ['Endpoint'],
        params: EndpointPath,
        response: { 200: EndpointQueueOut },
      },
    },
    async ({ principal, params }): Promise<Static<typeof EndpointQueueOut>> => {
      const { applicationId, id, settings } = await requireEndpoint(deps, principal, params)
      return { ordering: settings.ordering, ...showQueue(await store.findQueue(applicationId, id), clock()) }
    },
  )

  api.post(
    '/app/:app_id/msg/:msg_id/endpoint/:endpoint_id/skip',
    {
      schema: {
        operationId: 'v1.message-attempt.skip',
        summary: 'Cancel a message that waits for an endpoint, so that those behind it go on',
        description:
          'It is 409 while the message is being sent, and when nothing of it waits any more. A message that was skipped can be ' +
          'sent again.',
        tags: ['Message Attempt'],
        params: SkipPath,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params }, reply) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const message = found(await store.findMessage(applicationId, params.msg_id), () =>
        notFound('message', params.msg_id),
      )
      const endpoint = await findEndpointOf(deps, applicationId, params.endpoint_id)
      const result = await store.skipDelivery({
        applicationId,
        messageId: message.id,
        endpointId: endpoint.id,
      })
      if (result === 'held') {
        throw new PosthornError('conflict', `${message.id} is being sent to ${endpoint.id}`, {
          hint: 'Try again when the attempt is over',
        })
      }
      if (result === 'over') {
        throw new PosthornError('conflict', `${message.id} does not wait for ${endpoint.id}`, {
          hint: 'Ask explain for what became of it',
        })
      }
      deps.wake()
      return reply.code(204).send()
    },
  )
}

function showQueue({ waiting, sending, head, oldestAt }: EndpointQueue, now: number) {
  return {
    waiting,
    sending,
    oldestTimestamp: oldestAt === null ? null : showInstant(oldestAt),
    oldestAgeSeconds: oldestAt === null ? null : Math.max(0, now - oldestAt) / 1_000,
    head:
      head === null
        ? null
        : {
            messageId: head.delivery.messageId,
            statusText: head.delivery.status,
            attempts: head.delivery.attempts,
            nextAttempt:
              head.delivery.nextAttemptAt === null ? null : showInstant(head.delivery.nextAttemptAt),
            lastAttempt: showLastAttempt(head.lastAttempt),
          },
  }
}
