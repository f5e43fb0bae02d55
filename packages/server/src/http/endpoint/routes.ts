/** The routes of endpoints. @module */

import { type Static, Type } from 'typebox'

import type { Endpoint } from '../../domain/endpoint.ts'
import type { Api } from '../api.ts'
import { type Principal, requireApplication } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { upsert } from '../upsert.ts'
import {
  createEndpoint,
  deleteEndpoint,
  findEndpointOf,
  patchEndpoint,
  patchHeaders,
  putEndpoint,
  replaceHeaders,
  readsNewSecret,
  rotateSecret,
  shownSecret,
} from './editing.ts'
import {
  EndpointHeadersIn,
  EndpointHeadersOut,
  EndpointHeadersPatchIn,
  EndpointIn,
  EndpointOut,
  EndpointPatch,
  EndpointSecretOut,
  EndpointSecretRotateIn,
  EndpointUpdate,
  showEndpoint,
  showHeaders,
} from './schemas.ts'

const AppPath = Type.Object({ app_id: Type.String() })

/** The path of one endpoint. */
export const EndpointPath = Type.Object({ app_id: Type.String(), endpoint_id: Type.String() })

const tags = ['Endpoint']

/** Adds the routes of endpoints, their secrets and their headers. */
export function endpointRoutes(api: Api, deps: HttpDeps): void {
  api.get(
    '/app/:app_id/endpoint',
    {
      schema: {
        operationId: 'v1.endpoint.list',
        summary: 'List endpoints',
        tags,
        params: AppPath,
        querystring: PageQuery,
        response: { 200: ListOf(EndpointOut) },
      },
    },
    async ({ principal, params, query }) => {
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const page = await pageOf(
        query,
        'ascending',
        (request) => deps.store.listEndpoints(applicationId, request),
        ({ id }) => id,
      )
      return showPage(page, showEndpoint)
    },
  )

  api.post(
    '/app/:app_id/endpoint',
    {
      schema: {
        operationId: 'v1.endpoint.create',
        summary: 'Create an endpoint',
        tags,
        params: AppPath,
        body: EndpointIn,
        response: { 201: EndpointOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const { id } = await requireApplication(deps, principal, params.app_id)
      return reply.code(201).send(showEndpoint(await createEndpoint(deps, id, body)))
    },
  )

  api.get(
    '/app/:app_id/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.endpoint.get',
        summary: 'Get an endpoint',
        tags,
        params: EndpointPath,
        response: { 200: EndpointOut },
      },
    },
    async ({ principal, params }) => showEndpoint(await requireEndpoint(deps, principal, params)),
  )

  api.put(
    '/app/:app_id/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.endpoint.update',
        summary: 'Replace an endpoint, or create it',
        tags,
        params: EndpointPath,
        body: EndpointUpdate,
        response: { 200: EndpointOut, 201: EndpointOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const { id } = await requireApplication(deps, principal, params.app_id)
      const { endpoint, isNew } = await upsert(() => putEndpoint(deps, id, params.endpoint_id, body))
      return reply.code(isNew ? 201 : 200).send(showEndpoint(endpoint))
    },
  )

  api.patch(
    '/app/:app_id/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.endpoint.patch',
        summary: 'Change some fields of an endpoint',
        tags,
        params: EndpointPath,
        body: EndpointPatch,
        response: { 200: EndpointOut },
      },
    },
    async ({ principal, params, body }) => {
      const endpoint = await requireEndpoint(deps, principal, params)
      return showEndpoint(await patchEndpoint(deps, endpoint, body))
    },
  )

  api.delete(
    '/app/:app_id/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.endpoint.delete',
        summary: 'Delete an endpoint',
        tags,
        params: EndpointPath,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params }, reply) => {
      await deleteEndpoint(deps, await requireEndpoint(deps, principal, params))
      return reply.code(204).send()
    },
  )

  api.get(
    '/app/:app_id/endpoint/:endpoint_id/secret',
    {
      schema: {
        operationId: 'v1.endpoint.get-secret',
        summary: 'Get the signing secret of an endpoint',
        tags,
        params: EndpointPath,
        response: { 200: EndpointSecretOut },
      },
    },
    async ({ principal, params }) => ({
      key: shownSecret(await requireEndpoint(deps, principal, params)),
    }),
  )

  api.post(
    '/app/:app_id/endpoint/:endpoint_id/secret/rotate',
    {
      schema: {
        operationId: 'v1.endpoint.rotate-secret',
        summary: 'Replace the signing secret of an endpoint',
        description:
          'Through the grace period the secret before signs too. At most 10 secrets sign at a time.',
        tags,
        params: EndpointPath,
        body: EndpointSecretRotateIn,
        response: { 200: EndpointSecretOut, 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { principal, params, body } = request
      const key = await rotateSecret(deps, await requireEndpoint(deps, principal, params), body)
      return readsNewSecret(request) ? reply.code(200).send({ key }) : reply.code(204).send()
    },
  )

  api.get(
    '/app/:app_id/endpoint/:endpoint_id/headers',
    {
      schema: {
        operationId: 'v1.endpoint.get-headers',
        summary: 'Get the headers that an endpoint gets with each delivery',
        tags,
        params: EndpointPath,
        response: { 200: EndpointHeadersOut },
      },
    },
    async ({ principal, params }) => showHeaders((await requireEndpoint(deps, principal, params)).headers),
  )

  api.put(
    '/app/:app_id/endpoint/:endpoint_id/headers',
    {
      schema: {
        operationId: 'v1.endpoint.update-headers',
        summary: 'Replace the headers of an endpoint',
        tags,
        params: EndpointPath,
        body: EndpointHeadersIn,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params, body }, reply) => {
      await replaceHeaders(deps, await requireEndpoint(deps, principal, params), body.headers)
      return reply.code(204).send()
    },
  )

  api.patch(
    '/app/:app_id/endpoint/:endpoint_id/headers',
    {
      schema: {
        operationId: 'v1.endpoint.patch-headers',
        summary: 'Set some headers of an endpoint, and remove others',
        tags,
        params: EndpointPath,
        body: EndpointHeadersPatchIn,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params, body }, reply) => {
      await patchHeaders(deps, await requireEndpoint(deps, principal, params), body)
      return reply.code(204).send()
    },
  )
}

/** Returns the endpoint that a path names. @throws {PosthornError} `not_found`. */
export async function requireEndpoint(
  deps: HttpDeps,
  principal: Principal,
  params: Static<typeof EndpointPath>,
): Promise<Endpoint> {
  const { id } = await requireApplication(deps, principal, params.app_id)
  return findEndpointOf(deps, id, params.endpoint_id)
}
