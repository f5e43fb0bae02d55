/** The routes of messages. @module */

import { type Static, Type } from 'typebox'

import type { Application } from '../../domain/application.ts'
import { wantsMessage } from '../../domain/endpoint.ts'
import { PosthornError } from '../../domain/errors.ts'
import { newId } from '../../domain/id.ts'
import { JSON_CONTENT_TYPE, type Message } from '../../domain/message.ts'
import type { MessageFilter } from '../../storage/store.ts'
import type { Api } from '../api.ts'
import { newApplication } from '../application/routes.ts'
import { type Principal, notFound, requireApplication, requireOrganisation } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { memberBytes } from '../json-body.ts'
import { PageQuery, pageOf, writePage } from '../pagination.ts'
import { bodyFault, found } from '../schemas.ts'
import { ContentQuery, MessageFilterQuery, MessageIn, writeMessage } from './schemas.ts'

const AppPath = Type.Object({ app_id: Type.String() })
const Path = Type.Object({ app_id: Type.String(), msg_id: Type.String() })
const ListQuery = Type.Object({ ...PageQuery.properties, ...MessageFilterQuery.properties })

const JSON_UTF8 = 'application/json; charset=utf-8'

/** Adds the routes of messages. */
export function messageRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/app/:app_id/msg',
    { schema: { params: AppPath, querystring: ListQuery } },
    async ({ principal, params, query }, reply) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const filter = messageFilter(query)
      const page = await pageOf(
        query,
        'descending',
        (request) => store.listMessages(applicationId, request, filter),
        ({ id }) => id,
      )
      const text = writePage(page, (message) => writeMessage(message, query.with_content !== 'false'))
      return reply.type(JSON_UTF8).send(text)
    },
  )

  api.post(
    '/app/:app_id/msg',
    { schema: { params: AppPath, body: MessageIn, querystring: ContentQuery } },
    async ({ principal, params, body, query, rawBody }, reply) => {
      requireOrganisation(principal)
      const application = await applicationOf(principal, params.app_id, body.application)
      const message = newMessage(body, rawBody!, application.id)
      const endpoints = await deps.endpointsOf(application.id)
      const result = await deps.send(
        message,
        endpoints.filter((endpoint) => wantsMessage(endpoint, message)),
      )
      if (result.kind === 'duplicate') {
        throw new PosthornError(
          'event_id_exists',
          `The event ${message.eventId} was accepted before, as ${result.messageId}`,
          { hint: 'An event id is used once in an application' },
        )
      }
      const text = writeMessage(message, query.with_content !== 'false')
      return reply.code(202).type(JSON_UTF8).send(text)
    },
  )

  api.get(
    '/app/:app_id/msg/:msg_id',
    { schema: { params: Path, querystring: ContentQuery } },
    async ({ principal, params, query }, reply) => {
      const message = await requireMessage(deps, principal, params)
      return reply.type(JSON_UTF8).send(writeMessage(message, query.with_content !== 'false'))
    },
  )

  function newMessage(input: Static<typeof MessageIn>, rawBody: Buffer, applicationId: string): Message {
    const now = clock()
    const raw = input.transformationsParams?.rawPayload
    return {
      id: newId('message', now),
      applicationId,
      eventType: input.eventType,
      eventId: input.eventId ?? null,
      channels: input.channels ?? null,
      tags: input.tags ?? null,
      // Its own memory: a small Buffer shares its memory with others, and would take them along to the store's thread.
      payload: raw === undefined ? memberBytes(rawBody, 'payload')! : new TextEncoder().encode(raw),
      contentType:
        raw === undefined ? JSON_CONTENT_TYPE : contentTypeOf(input.transformationsParams?.headers),
      deliverAt: deliverAtOf(input.deliverAt, now),
      createdAt: now,
    }
  }

  /** Returns the application of a path, made from `input` where it is not there yet. */
  async function applicationOf(
    principal: Principal,
    idOrUid: string,
    input: Static<typeof MessageIn>['application'],
  ): Promise<Application> {
    if (input === undefined || input === null) return requireApplication(deps, principal, idOrUid)
    const { organisationId } = principal
    const existing = await deps.findApplication(organisationId, idOrUid)
    if (existing !== null) return existing
    if (input.uid !== idOrUid) {
      throw bodyFault(
        'application',
        `must have the uid ${idOrUid}, as the path has, to be made with its first message`,
      )
    }
    const application = newApplication(input, organisationId, clock())
    try {
      await store.createApplication(application)
      return application
    } catch (error) {
      // Another message of the same moment has made it.
      const isTaken = error instanceof PosthornError && error.code === 'uid_exists'
      if (!isTaken) throw error
      return requireApplication(deps, principal, idOrUid)
    }
  }
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
    before: query.before === undefined ? undefined : Date.parse(query.before),
    after: query.after === undefined ? undefined : Date.parse(query.after),
  }
}

/** @throws {ValidationError} The media type cannot stand in a header. */
function contentTypeOf(headers: Readonly<Record<string, string>> | undefined): string {
  const name = Object.keys(headers ?? {}).find((key) => key.toLowerCase() === 'content-type')
  const value = name === undefined ? JSON_CONTENT_TYPE : headers![name]!
  if (!/^[\x20-\x7e]{1,256}$/.test(value)) {
    throw bodyFault(
      'transformationsParams',
      'headers.content-type must be printable ASCII, at most 256 characters',
    )
  }
  return value
}

/** An instant that has passed is no delay. */
function deliverAtOf(text: string | null | undefined, now: number): number | null {
  if (text === null || text === undefined) return null
  const at = Date.parse(text)
  return at > now ? at : null
}
