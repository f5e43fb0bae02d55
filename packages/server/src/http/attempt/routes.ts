/** The routes that tell what became of messages. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import { notFound } from '../authentication.ts'
import { statusOf } from '../delivery-status.ts'
import type { HttpDeps } from '../deps.ts'
import { requireEndpoint } from '../endpoint/routes.ts'
import { showEndpoint } from '../endpoint/schemas.ts'
import { messageFilter, requireMessage } from '../message/routes.ts'
import { writeMessage } from '../message/schemas.ts'
import { ListOf, PageQuery, pageOf, showPage, writePage } from '../pagination.ts'
import { found } from '../schemas.ts'
import { listAttempts } from './list.ts'
import {
  AttemptQuery,
  EndpointMessageOut,
  EndpointMessageQuery,
  MessageAttemptOut,
  MessageEndpointOut,
  showAttempt,
  showDelivery,
} from './schemas.ts'

const MessagePath = Type.Object({ app_id: Type.String(), msg_id: Type.String() })
const EndpointPath = Type.Object({ app_id: Type.String(), endpoint_id: Type.String() })
const AttemptPath = Type.Object({ app_id: Type.String(), msg_id: Type.String(), attempt_id: Type.String() })

const tags = ['Message Attempt']

const JSON_UTF8 = 'application/json; charset=utf-8'

/** Adds the routes of attempts and deliveries. */
export function attemptRoutes(api: Api, deps: HttpDeps): void {
  const { store } = deps

  api.get(
    '/app/:app_id/attempt/msg/:msg_id',
    {
      schema: {
        operationId: 'v1.message-attempt.list-by-msg',
        summary: 'List the attempts of a message',
        tags,
        params: MessagePath,
        querystring: AttemptQuery,
        response: { 200: ListOf(MessageAttemptOut) },
      },
    },
    async ({ principal, params, query }, reply) => {
      const { applicationId, id } = await requireMessage(deps, principal, params)
      const text = await listAttempts(store, applicationId, query, (page, filter) =>
        store.listAttemptsOfMessage(applicationId, id, page, filter),
      )
      return reply.type(JSON_UTF8).send(text)
    },
  )

  api.get(
    '/app/:app_id/attempt/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.message-attempt.list-by-endpoint',
        summary: 'List the attempts at an endpoint',
        tags,
        params: EndpointPath,
        querystring: AttemptQuery,
        response: { 200: ListOf(MessageAttemptOut) },
      },
    },
    async ({ principal, params, query }, reply) => {
      const { id, applicationId } = await requireEndpoint(deps, principal, params)
      const text = await listAttempts(store, applicationId, query, (page, filter) =>
        store.listAttemptsOfEndpoint(applicationId, id, page, filter),
      )
      return reply.type(JSON_UTF8).send(text)
    },
  )

  api.get(
    '/app/:app_id/msg/:msg_id/attempt/:attempt_id',
    {
      schema: {
        operationId: 'v1.message-attempt.get',
        summary: 'Get an attempt',
        tags,
        params: AttemptPath,
        response: { 200: MessageAttemptOut },
      },
    },
    async ({ principal, params }) => {
      const message = await requireMessage(deps, principal, params)
      const attempt = await store.findAttempt(message.applicationId, message.id, params.attempt_id)
      return showAttempt(
        found(attempt, () => notFound('attempt', params.attempt_id)),
        true,
      )
    },
  )

  api.get(
    '/app/:app_id/msg/:msg_id/endpoint',
    {
      schema: {
        operationId: 'v1.message-attempt.list-attempted-destinations',
        summary: 'List the endpoints of a message, and what became of it there',
        tags,
        params: MessagePath,
        querystring: PageQuery,
        response: { 200: ListOf(MessageEndpointOut) },
      },
    },
    async ({ principal, params, query }) => {
      const message = await requireMessage(deps, principal, params)
      const page = await pageOf(
        query,
        'ascending',
        (request) => store.listDeliveriesOfMessage(message.applicationId, message.id, request),
        ({ endpoint }) => endpoint.id,
      )
      return showPage(page, ({ delivery, endpoint }) => ({
        ...showEndpoint(endpoint),
        ...showDelivery(delivery),
      }))
    },
  )

  api.get(
    '/app/:app_id/endpoint/:endpoint_id/msg',
    {
      schema: {
        operationId: 'v1.message-attempt.list-attempted-messages',
        summary: 'List the messages of an endpoint, and what became of them there',
        tags,
        params: EndpointPath,
        querystring: EndpointMessageQuery,
        response: { 200: ListOf(EndpointMessageOut) },
      },
    },
    async ({ principal, params, query }, reply) => {
      const { id, applicationId } = await requireEndpoint(deps, principal, params)
      const filter = {
        ...messageFilter(query),
        status: query.status === undefined ? undefined : statusOf(query.status),
      }
      const page = await pageOf(
        query,
        'descending',
        (request) => store.listDeliveriesOfEndpoint(applicationId, id, request, filter),
        ({ message }) => message.id,
      )
      const withContent = query.with_content !== 'false'
      const text = writePage(page, ({ delivery, message }) =>
        writeMessage(message, withContent, showDelivery(delivery)),
      )
      return reply.type(JSON_UTF8).send(text)
    },
  )
}
