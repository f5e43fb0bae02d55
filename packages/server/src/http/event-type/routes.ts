/** The routes of event types. @module */

import { type Static, Type } from 'typebox'

import type { EventType } from '../../domain/event-type.ts'
import type { Api } from '../api.ts'
import { notFound } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { EventTypeName, Flag, described, found, scheduleMsOf } from '../schemas.ts'
import { upsert } from '../upsert.ts'
import {
  EventTypeIn,
  EventTypeOut,
  EventTypePatch,
  EventTypeUpdate,
  checkSchemas,
  featureFlagsOf,
  showEventType,
} from './schemas.ts'

const Path = Type.Object({ event_type_name: EventTypeName })
const ListQuery = Type.Object({
  ...PageQuery.properties,
  include_archived: described(Type.Optional(Flag), 'Whether archived ones are listed too.'),
  with_content: described(Type.Optional(Flag), 'Whether each comes with its schemas.'),
})

const tags = ['Event Type']

/** Adds the routes of event types. */
export function eventTypeRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/event-type',
    {
      schema: {
        operationId: 'v1.event-type.list',
        summary: 'List event types',
        tags,
        querystring: ListQuery,
        response: { 200: ListOf(EventTypeOut) },
      },
    },
    async ({ principal, query }) => {
      const includeArchived = query.include_archived === 'true'
      const page = await pageOf(
        query,
        'ascending',
        (request) => store.listEventTypes(principal.organisationId, { ...request, includeArchived }),
        ({ name }) => name,
      )
      return showPage(page, (eventType) => showEventType(eventType, query.with_content === 'true'))
    },
  )

  api.post(
    '/event-type',
    {
      schema: {
        operationId: 'v1.event-type.create',
        summary: 'Create an event type, or bring an archived one back',
        tags,
        body: EventTypeIn,
        response: { 201: EventTypeOut },
      },
    },
    async ({ principal, body }, reply) => {
      const created = await store.createEventType(newEventType(body, principal.organisationId))
      return reply.code(201).send(showEventType(created))
    },
  )

  api.get(
    '/event-type/:event_type_name',
    {
      schema: {
        operationId: 'v1.event-type.get',
        summary: 'Get an event type',
        tags,
        params: Path,
        response: { 200: EventTypeOut },
      },
    },
    async ({ principal, params }) => {
      const name = params.event_type_name
      const eventType = await store.findEventType(principal.organisationId, name)
      return showEventType(found(eventType, () => notFound('event type', name)))
    },
  )

  api.put(
    '/event-type/:event_type_name',
    {
      schema: {
        operationId: 'v1.event-type.update',
        summary: 'Replace an event type, or create it',
        tags,
        params: Path,
        body: EventTypeUpdate,
        response: { 200: EventTypeOut, 201: EventTypeOut },
      },
    },
    ({ principal, params, body }, reply) =>
      upsert(async () => {
        const { organisationId } = principal
        const eventType = newEventType({ ...body, name: params.event_type_name }, organisationId)
        const { organisationId: _organisation, name, createdAt: _at, retryScheduleMs, ...changes } = eventType
        const updated = await store.updateEventType(
          organisationId,
          name,
          // The schedule stays where the input says nothing of it: official clients do not know it.
          body.retrySchedule === undefined ? changes : { ...changes, retryScheduleMs },
          clock(),
        )
        if (updated !== null) return showEventType(updated)
        return reply.code(201).send(showEventType(await store.createEventType(eventType)))
      }),
  )

  api.patch(
    '/event-type/:event_type_name',
    {
      schema: {
        operationId: 'v1.event-type.patch',
        summary: 'Change some fields of an event type',
        tags,
        params: Path,
        body: EventTypePatch,
        response: { 200: EventTypeOut },
      },
    },
    async ({ principal, params, body }) => {
      checkSchemas(body.schemas)
      const name = params.event_type_name
      const { retrySchedule, ...given } = body
      const changes = {
        ...given,
        featureFlags: featureFlagsOf(body),
        retryScheduleMs: scheduleMsOf(retrySchedule),
      }
      const updated = await store.updateEventType(principal.organisationId, name, changes, clock())
      return showEventType(found(updated, () => notFound('event type', name)))
    },
  )

  api.delete(
    '/event-type/:event_type_name',
    {
      schema: {
        operationId: 'v1.event-type.delete',
        summary: 'Archive an event type, or remove it for good',
        tags,
        params: Path,
        querystring: Type.Object({
          expunge: described(Type.Optional(Flag), 'Remove it for good, in place of archiving it.'),
        }),
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params, query }, reply) => {
      const { organisationId } = principal
      const name = params.event_type_name
      const isDone =
        query.expunge === 'true'
          ? await store.expungeEventType(organisationId, name)
          : (await store.updateEventType(organisationId, name, { archived: true }, clock())) !== null
      if (!isDone) throw notFound('event type', name)
      return reply.code(204).send()
    },
  )

  function newEventType(input: Static<typeof EventTypeIn>, organisationId: string): EventType {
    checkSchemas(input.schemas)
    const now = clock()
    return {
      organisationId,
      name: input.name,
      description: input.description,
      archived: input.archived ?? false,
      deprecated: input.deprecated ?? false,
      schemas: input.schemas ?? null,
      featureFlags: featureFlagsOf(input) ?? null,
      groupName: input.groupName ?? null,
      retryScheduleMs: scheduleMsOf(input.retrySchedule ?? null),
      createdAt: now,
      updatedAt: now,
    }
  }
}
