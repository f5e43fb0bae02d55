/** The routes of endpoints. @module */

import { type Static, Type } from 'typebox'

import { WebhookSecretError, generateSecret, parseSecret } from '@posthorn/receiver'

import type { Endpoint, EndpointChanges } from '../../domain/endpoint.ts'
import { newId } from '../../domain/id.ts'
import type { Api } from '../api.ts'
import { type Principal, notFound, requireApplication } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { PageQuery, pageOf, showPage } from '../pagination.ts'
import { bodyFault, checkMetadata, checkUid, found, uidOfPut } from '../schemas.ts'
import { EndpointIn, EndpointPatch, EndpointUpdate, showEndpoint } from './schemas.ts'

const AppPath = Type.Object({ app_id: Type.String() })
const Path = Type.Object({ app_id: Type.String(), endpoint_id: Type.String() })

/** Adds the routes of endpoints. */
export function endpointRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/app/:app_id/endpoint',
    { schema: { params: AppPath, querystring: PageQuery } },
    async ({ principal, params, query }) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const page = await pageOf(
        query,
        'ascending',
        (request) => store.listEndpoints(applicationId, request),
        ({ id }) => id,
      )
      return showPage(page, showEndpoint)
    },
  )

  api.post(
    '/app/:app_id/endpoint',
    { schema: { params: AppPath, body: EndpointIn } },
    async ({ principal, params, body }, reply) => {
      const { id } = await requireApplication(deps, principal, params.app_id)
      const endpoint = newEndpoint(body, id)
      await store.createEndpoint(endpoint)
      return reply.code(201).send(showEndpoint(endpoint))
    },
  )

  api.get('/app/:app_id/endpoint/:endpoint_id', { schema: { params: Path } }, async ({ principal, params }) =>
    showEndpoint(await requireEndpoint(deps, principal, params)),
  )

  api.put(
    '/app/:app_id/endpoint/:endpoint_id',
    { schema: { params: Path, body: EndpointUpdate } },
    async ({ principal, params, body }, reply) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const existing = await store.findEndpoint(applicationId, params.endpoint_id)
      const endpoint = newEndpoint(
        { ...body, uid: uidOfPut(body.uid, params.endpoint_id, existing) },
        applicationId,
      )
      if (existing === null) {
        await store.createEndpoint(endpoint)
        return reply.code(201).send(showEndpoint(endpoint))
      }
      const { id: _id, applicationId: _application, secret: _secret, createdAt: _at, ...changes } = endpoint
      const updated = await store.updateEndpoint(applicationId, existing.id, changes, clock())
      return showEndpoint(found(updated, () => notFound('endpoint', params.endpoint_id)))
    },
  )

  api.patch(
    '/app/:app_id/endpoint/:endpoint_id',
    { schema: { params: Path, body: EndpointPatch } },
    async ({ principal, params, body }) => {
      const { id, applicationId } = await requireEndpoint(deps, principal, params)
      const { filterTypes, rateLimit, ...given } = body
      const changes: EndpointChanges = {
        ...given,
        eventTypes: given.eventTypes === undefined ? filterTypes : given.eventTypes,
        throttleRate: given.throttleRate === undefined ? rateLimit : given.throttleRate,
      }
      check(changes)
      const updated = await store.updateEndpoint(applicationId, id, changes, clock())
      return showEndpoint(found(updated, () => notFound('endpoint', params.endpoint_id)))
    },
  )

  api.delete(
    '/app/:app_id/endpoint/:endpoint_id',
    { schema: { params: Path } },
    async ({ principal, params }, reply) => {
      const { id, applicationId } = await requireEndpoint(deps, principal, params)
      await store.deleteEndpoint(applicationId, id, clock())
      return reply.code(204).send()
    },
  )

  api.get(
    '/app/:app_id/endpoint/:endpoint_id/secret',
    { schema: { params: Path } },
    async ({ principal, params }) => ({ key: (await requireEndpoint(deps, principal, params)).secret }),
  )

  function newEndpoint(input: Static<typeof EndpointIn>, applicationId: string): Endpoint {
    check(input)
    const now = clock()
    return {
      id: newId('endpoint', now),
      applicationId,
      uid: input.uid ?? null,
      url: input.url,
      description: input.description ?? '',
      disabled: input.disabled ?? false,
      eventTypes: input.eventTypes ?? input.filterTypes ?? null,
      channels: input.channels ?? null,
      secret: secretOf(input.secret),
      throttleRate: input.throttleRate ?? input.rateLimit ?? null,
      metadata: input.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    }
  }

  /** @throws {ValidationError} What the schema cannot say. */
  function check(input: Pick<EndpointChanges, 'url' | 'uid' | 'metadata'>): void {
    checkUid('endpoint', input.uid)
    checkMetadata(input.metadata)
    const fault = input.url === undefined ? null : deps.faultOfUrl(input.url)
    if (fault !== null) throw bodyFault('url', fault)
  }
}

/** Returns the endpoint that a path names. @throws {PosthornError} `not_found`. */
export async function requireEndpoint(
  deps: HttpDeps,
  principal: Principal,
  params: Static<typeof Path>,
): Promise<Endpoint> {
  const { id } = await requireApplication(deps, principal, params.app_id)
  const endpoint = await deps.store.findEndpoint(id, params.endpoint_id)
  return found(endpoint, () => notFound('endpoint', params.endpoint_id))
}

/** Returns a secret in its one written form: the one given, or a new one. */
function secretOf(given: string | null | undefined): string {
  if (given === null || given === undefined) return generateSecret()
  const secret = given.startsWith('whsec_') ? given : `whsec_${given}`
  try {
    parseSecret(secret)
    return secret
  } catch (error) {
    if (error instanceof WebhookSecretError) throw bodyFault('secret', `${error.message}. ${error.hint}`)
    throw error
  }
}
