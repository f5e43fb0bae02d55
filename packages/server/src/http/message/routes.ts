/** The routes of messages. @module */

import { type Static, Type } from 'typebox'

import type { Message } from '../../domain/message.ts'
import type { MessageFilter } from '../../storage/port/messages.ts'
import type { Api } from '../api.ts'
import { findOrMakeApplication } from '../application/find-or-make.ts'
import { type Principal, notFound, requireApplication } from '../authentication.ts'
import { StatusNumber, statusOf } from '../delivery-status.ts'
import type { HttpDeps } from '../deps.ts'
import { idempotencyKeyOf } from '../idempotency.ts'
import { ListOf, PageQuery, pageOf, writePage } from '../pagination.ts'
import { Uid, described, found, readInstant } from '../schemas.ts'
import { acceptMessage } from './accept.ts'
import { newMessage } from './new-message.ts'
import { ContentQuery, MessageFilterQuery, MessageIn, MessageOut, writeMessage } from './schemas.ts'

const AppPath = Type.Object({ app_id: Type.String() })
const Path = Type.Object({ app_id: Type.String(), msg_id: Type.String() })
const ListQuery = Type.Object({
  ...PageQuery.properties,
  ...MessageFilterQuery.properties,
  id: described(Type.Optional(Uid), 'Only the message with this id.'),
  event_id: described(Type.Optional(Uid), 'Only the message with this event id.'),
  status: described(
    Type.Optional(StatusNumber),
    'Only messages with a delivery that stands so: 0 success, 1 pending, 2 fail, 3 sending, 4 canceled.',
  ),
})

const tags = ['Message']

const JSON_UTF8 = 'application/json; charset=utf-8'

/** Adds the routes that send and show messages. */
export function messageRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/app/:app_id/msg',
    {
      schema: {
        operationId: 'v1.message.list',
        summary: 'List or search messages',
        tags,
        params: AppPath,
        querystring: ListQuery,
        response: { 200: ListOf(MessageOut) },
      },
    },
    async ({ principal, params, query }, reply) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const search = {
        ...messageFilter(query),
        id: query.id,
        eventId: query.event_id,
        status: query.status === undefined ? undefined : statusOf(query.status),
      }
      const page = await pageOf(
        query,
        'descending',
        (request) => store.listMessages(applicationId, request, search),
        ({ id }) => id,
      )
      const text = writePage(page, (message) => writeMessage(message, query.with_content !== 'false'))
      return reply.type(JSON_UTF8).send(text)
    },
  )

  api.post(
    '/app/:app_id/msg',
    {
      config: { keepsOwnRecord: true },
      schema: {
        operationId: 'v1.message.create',
        summary: 'Send a message to the endpoints of an application',
        tags,
        params: AppPath,
        body: MessageIn,
        querystring: ContentQuery,
        response: { 202: MessageOut },
      },
    },
    async ({ principal, params, body, query, rawBody, headers }, reply) => {
      if (deps.checkEvent !== null) await deps.checkEvent(principal.organisationId, body)
      const application = await findOrMakeApplication(deps, principal, params.app_id, body.application)
      const message = newMessage(body, rawBody!, application.id, clock())
      const key = idempotencyKeyOf(headers['idempotency-key'], application.id, rawBody)
      const accepted = await acceptMessage(deps, message, key)
      if (accepted.isRepeated) void reply.header('idempotent-replayed', 'true')
      const text = writeMessage(accepted.message, query.with_content !== 'false')
      return reply.code(202).type(JSON_UTF8).send(text)
    },
  )

  api.get(
    '/app/:app_id/msg/:msg_id',
    {
      schema: {
        operationId: 'v1.message.get',
        summary: 'Get a message by its id or event id',
        tags,
        params: Path,
        querystring: ContentQuery,
        response: { 200: MessageOut },
      },
    },
    async ({ principal, params, query }, reply) => {
      const message = await requireMessage(deps, principal, params)
      return reply.type(JSON_UTF8).send(writeMessage(message, query.with_content !== 'false'))
    },
  )
}

/** Returns the message that a path names. @throws {PosthornError} `not_found`. */
export async function requireMessage(
  deps: HttpDeps,
  principal: Principal,
  params: Static<typeof Path>,
): Promise<Message> {
  const { id } = await requireApplication(deps, principal, params.app_id)
  const message = await deps.store.findMessage(id, params.msg_id)
  return found(message, () => notFound('message', params.msg_id))
}

/** Reads the filters of a query. */
export function messageFilter(query: Static<typeof MessageFilterQuery>): MessageFilter {
  return {
    channel: query.channel,
    tag: query.tag,
    eventTypes: query.event_types?.split(','),
    before: query.before === undefined ? undefined : readInstant(query.before),
    after: query.after === undefined ? undefined : readInstant(query.after),
  }
}
