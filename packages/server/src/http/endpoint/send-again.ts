/** The routes that send to an endpoint on request: a message once more, or an example. @module */

import { Type } from 'typebox'

import { newId } from '../../domain/id.ts'
import { JSON_CONTENT_TYPE } from '../../domain/message.ts'
import { PosthornError } from '../../domain/errors.ts'
import type { Api } from '../api.ts'
import { notFound, requireApplication } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { exampleOf, plainExample } from '../event-type/example.ts'
import { MessageOut, writeMessage } from '../message/schemas.ts'
import { EventTypeName, described, found } from '../schemas.ts'
import { findEndpointOf, requireEnabled } from './editing.ts'
import { EndpointPath, requireEndpoint } from './routes.ts'

const ResendPath = Type.Object({ app_id: Type.String(), msg_id: Type.String(), endpoint_id: Type.String() })

const EventExampleIn = Type.Object(
  {
    eventType: described(EventTypeName, 'Of which an example is sent.'),
    exampleIndex: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 1_000, description: 'Which of the examples of its schema.' }),
    ),
  },
  { $id: 'EventExampleIn' },
)

/** Adds the routes that send to one endpoint on request. */
export function sendAgainRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.post(
    '/app/:app_id/msg/:msg_id/endpoint/:endpoint_id/resend',
    {
      schema: {
        operationId: 'v1.message-attempt.resend',
        summary: 'Send a message to an endpoint once more',
        description:
          'Makes one manual attempt, whatever became of the delivery before. It has no retries: where it fails, the ' +
          'delivery is as it was, and what is left of its schedule goes on.',
        tags: ['Message Attempt'],
        params: ResendPath,
        response: { 202: Type.Object({}, { $id: 'EmptyResponse' }) },
      },
    },
    async ({ principal, params }, reply) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const message = found(await store.findMessage(applicationId, params.msg_id), () =>
        notFound('message', params.msg_id),
      )
      const endpoint = await findEndpointOf(deps, applicationId, params.endpoint_id)
      requireEnabled(endpoint)
      if (message.expungedAt !== null) {
        throw new PosthornError('conflict', `The payload of ${message.id} was expunged`, {
          hint: 'Send it as a new message',
        })
      }
      await store.resendDelivery({ applicationId, messageId: message.id, endpointId: endpoint.id }, clock())
      deps.wake()
      return reply.code(202).send({})
    },
  )

  api.post(
    '/app/:app_id/endpoint/:endpoint_id/send-example',
    {
      schema: {
        operationId: 'v1.endpoint.send-example',
        summary: 'Send an example of an event type to an endpoint',
        description:
          'The message goes to this endpoint alone, whatever it filters by. Its payload is an example of the newest ' +
          'schema of the event type (`examples`, `example`), or a plain one where there is none.',
        tags: ['Endpoint'],
        params: EndpointPath,
        body: EventExampleIn,
        response: { 200: MessageOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const endpoint = await requireEndpoint(deps, principal, params)
      requireEnabled(endpoint)
      const eventType = await store.findEventType(principal.organisationId, body.eventType)
      const now = clock()
      const example = exampleOf(eventType, body.exampleIndex) ?? plainExample(body.eventType, new Date(now))
      const message = {
        id: newId('message', now),
        applicationId: endpoint.applicationId,
        eventType: body.eventType,
        eventId: null,
        channels: null,
        tags: null,
        payload: new TextEncoder().encode(JSON.stringify(example)),
        contentType: JSON_CONTENT_TYPE,
        deliverAt: null,
        expiresAt: null,
        expungedAt: null,
        createdAt: now,
      }
      await deps.send(message, [endpoint])
      return reply.type('application/json; charset=utf-8').send(writeMessage(message, true))
    },
  )
}
