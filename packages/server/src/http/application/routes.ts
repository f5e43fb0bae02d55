/** The routes of applications. @module */

import { type Static, Type } from 'typebox'

import type { Application } from '../../domain/application.ts'
import { newId } from '../../domain/id.ts'
import type { Api } from '../api.ts'
import { notFound, requireApplication } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { Flag, checkMetadata, checkUid, described, found, scheduleMsOf, uidOfPut } from '../schemas.ts'
import { upsert } from '../upsert.ts'
import { ApplicationIn, ApplicationOut, ApplicationPatch, showApplication } from './schemas.ts'

const Path = Type.Object({ app_id: Type.String() })

const tags = ['Application']

/** Makes a new application of an organisation, from what a caller gave. */
export function newApplication(
  input: Static<typeof ApplicationIn>,
  organisationId: string,
  now: number,
): Application {
  checkUid('application', input.uid)
  checkMetadata(input.metadata)
  return {
    id: newId('application', now),
    organisationId,
    uid: input.uid ?? null,
    name: input.name,
    throttleRate: input.throttleRate ?? input.rateLimit ?? null,
    retryScheduleMs: scheduleMsOf(input.retrySchedule ?? null),
    metadata: input.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  }
}

/** Adds the routes of applications. */
export function applicationRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/app',
    {
      schema: {
        operationId: 'v1.application.list',
        summary: 'List applications',
        tags,
        querystring: PageQuery,
        response: { 200: ListOf(ApplicationOut) },
      },
    },
    async ({ principal, query }) => {
      const page = await pageOf(
        query,
        'ascending',
        (request) => store.listApplications(principal.organisationId, request),
        ({ id }) => id,
      )
      return showPage(page, showApplication)
    },
  )

  api.post(
    '/app',
    {
      schema: {
        operationId: 'v1.application.create',
        summary: 'Create an application, or get the one with its uid',
        tags,
        body: ApplicationIn,
        querystring: Type.Object({
          get_if_exists: described(
            Type.Optional(Flag),
            'Answer 200 with the application that has this `uid` already, unchanged, in place of 409.',
          ),
        }),
        response: { 200: ApplicationOut, 201: ApplicationOut },
      },
    },
    ({ principal, body, query }, reply) =>
      upsert(async () => {
        const { organisationId } = principal
        if (query.get_if_exists === 'true' && typeof body.uid === 'string') {
          const existing = await store.findApplication(organisationId, body.uid)
          if (existing !== null) return showApplication(existing)
        }
        const application = newApplication(body, organisationId, clock())
        await store.createApplication(application)
        return reply.code(201).send(showApplication(application))
      }),
  )

  api.get(
    '/app/:app_id',
    {
      schema: {
        operationId: 'v1.application.get',
        summary: 'Get an application',
        tags,
        params: Path,
        response: { 200: ApplicationOut },
      },
    },
    async ({ principal, params }) =>
      showApplication(await requireApplication(deps, principal, params.app_id)),
  )

  api.put(
    '/app/:app_id',
    {
      schema: {
        operationId: 'v1.application.update',
        summary: 'Replace an application, or create it',
        tags,
        params: Path,
        body: ApplicationIn,
        response: { 200: ApplicationOut, 201: ApplicationOut },
      },
    },
    ({ principal, params, body }, reply) =>
      upsert(async () => {
        const { organisationId } = principal
        const existing = await store.findApplication(organisationId, params.app_id)
        const application = newApplication(
          { ...body, uid: uidOfPut('application', body.uid, params.app_id, existing) },
          organisationId,
          clock(),
        )
        if (existing === null) {
          await store.createApplication(application)
          return reply.code(201).send(showApplication(application))
        }
        const { name, uid, throttleRate, metadata } = application
        const updated = await store.updateApplication(
          organisationId,
          existing.id,
          // The schedule stays where the input says nothing of it: official clients do not know it.
          { name, uid, throttleRate, metadata, retryScheduleMs: scheduleMsOf(body.retrySchedule) },
          clock(),
        )
        return showApplication(found(updated, () => notFound('application', params.app_id)))
      }),
  )

  api.patch(
    '/app/:app_id',
    {
      schema: {
        operationId: 'v1.application.patch',
        summary: 'Change some fields of an application',
        tags,
        params: Path,
        body: ApplicationPatch,
        response: { 200: ApplicationOut },
      },
    },
    async ({ principal, params, body }) => {
      checkUid('application', body.uid)
      checkMetadata(body.metadata)
      const { id } = await requireApplication(deps, principal, params.app_id)
      const { name, uid, metadata } = body
      const throttleRate = body.throttleRate === undefined ? body.rateLimit : body.throttleRate
      const updated = await store.updateApplication(
        principal.organisationId,
        id,
        { name, uid, throttleRate, metadata, retryScheduleMs: scheduleMsOf(body.retrySchedule) },
        clock(),
      )
      return showApplication(found(updated, () => notFound('application', params.app_id)))
    },
  )

  api.delete(
    '/app/:app_id',
    {
      schema: {
        operationId: 'v1.application.delete',
        summary: 'Delete an application with its endpoints',
        tags,
        params: Path,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params }, reply) => {
      const { id } = await requireApplication(deps, principal, params.app_id)
      await store.deleteApplication(principal.organisationId, id, clock())
      return reply.code(204).send()
    },
  )
}
