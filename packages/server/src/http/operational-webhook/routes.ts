/**
 * The routes of endpoints for operational webhooks: where the provider itself is told of what happens here.
 *
 * They are kept as an application's endpoints are, under the id of the organisation in the place of an application's. There
 * is no application of that id, so no other route finds them.
 *
 * @module
 */

import { Type } from 'typebox'

import type { Endpoint } from '../../domain/endpoint.ts'
import type { Api } from '../api.ts'
import { listAttempts } from '../attempt/list.ts'
import { AttemptQuery, MessageAttemptOut } from '../attempt/schemas.ts'
import type { Principal } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import {
  createEndpoint,
  deleteEndpoint,
  findEndpointOf,
  putEndpoint,
  replaceHeaders,
  readsNewSecret,
  rotateSecret,
  shownSecret,
} from '../endpoint/editing.ts'
import {
  EndpointHeadersIn,
  EndpointHeadersOut,
  EndpointSecretOut,
  EndpointSecretRotateIn,
  OperationalEndpointIn,
  OperationalEndpointOut,
  OperationalEndpointUpsertIn,
  showHeaders,
  showOperationalEndpoint,
} from '../endpoint/schemas.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { upsert } from '../upsert.ts'

const Path = Type.Object({ endpoint_id: Type.String() })

const tags = ['Operational Webhook Endpoint']

/** Adds the routes of endpoints for operational webhooks. */
export function operationalWebhookRoutes(api: Api, apiDeps: HttpDeps): void {
  // Whoever may make these runs the server, and need not be asked whether it wants to be told.
  const deps: HttpDeps = { ...apiDeps, askOwner: null }

  api.get(
    '/operational-webhook/endpoint',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.list',
        summary: 'List endpoints for operational webhooks',
        tags,
        querystring: PageQuery,
        response: { 200: ListOf(OperationalEndpointOut) },
      },
    },
    async ({ principal, query }) => {
      const ownerId = principal.organisationId
      const page = await pageOf(
        query,
        'ascending',
        (request) => deps.store.listEndpoints(ownerId, request),
        ({ id }) => id,
      )
      return showPage(page, showOperationalEndpoint)
    },
  )

  api.post(
    '/operational-webhook/endpoint',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.create',
        summary: 'Create an endpoint for operational webhooks',
        description:
          'It gets what happens to the endpoints and deliveries of all applications, as far as its `eventTypes` name it: ' +
          'the webhooks of this description. They are signed, sent again and recorded as messages are.',
        tags,
        body: OperationalEndpointIn,
        response: { 201: OperationalEndpointOut },
      },
    },
    async ({ principal, body }, reply) => {
      const endpoint = await createEndpoint(deps, principal.organisationId, body)
      return reply.code(201).send(showOperationalEndpoint(endpoint))
    },
  )

  api.get(
    '/operational-webhook/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.get',
        summary: 'Get an endpoint for operational webhooks',
        tags,
        params: Path,
        response: { 200: OperationalEndpointOut },
      },
    },
    async ({ principal, params }) => showOperationalEndpoint(await find(principal, params.endpoint_id)),
  )

  api.put(
    '/operational-webhook/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.update',
        summary: 'Replace an endpoint for operational webhooks, or create it',
        tags,
        params: Path,
        body: OperationalEndpointUpsertIn,
        response: { 200: OperationalEndpointOut, 201: OperationalEndpointOut },
      },
    },
    async ({ principal, params, body }, reply) => {
      const put = await upsert(() => putEndpoint(deps, principal.organisationId, params.endpoint_id, body))
      return reply.code(put.isNew ? 201 : 200).send(showOperationalEndpoint(put.endpoint))
    },
  )

  api.delete(
    '/operational-webhook/endpoint/:endpoint_id',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.delete',
        summary: 'Delete an endpoint for operational webhooks',
        tags,
        params: Path,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params }, reply) => {
      await deleteEndpoint(deps, await find(principal, params.endpoint_id))
      return reply.code(204).send()
    },
  )

  api.get(
    '/operational-webhook/endpoint/:endpoint_id/attempt',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.list-attempts',
        summary: 'List the attempts at an endpoint for operational webhooks',
        description: '`with_msg` shows with each the event that was sent.',
        tags,
        params: Path,
        querystring: AttemptQuery,
        response: { 200: ListOf(MessageAttemptOut) },
      },
    },
    async ({ principal, params, query }, reply) => {
      const { applicationId, id } = await find(principal, params.endpoint_id)
      const text = await listAttempts(deps.store, applicationId, query, (page, filter) =>
        deps.store.listAttemptsOfEndpoint(applicationId, id, page, filter),
      )
      return reply.type('application/json; charset=utf-8').send(text)
    },
  )

  api.get(
    '/operational-webhook/endpoint/:endpoint_id/secret',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.get-secret',
        summary: 'Get the signing secret of an endpoint for operational webhooks',
        tags,
        params: Path,
        response: { 200: EndpointSecretOut },
      },
    },
    async ({ principal, params }) => ({ key: shownSecret(await find(principal, params.endpoint_id)) }),
  )

  api.post(
    '/operational-webhook/endpoint/:endpoint_id/secret/rotate',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.rotate-secret',
        summary: 'Replace the signing secret of an endpoint for operational webhooks',
        description:
          'Through the grace period the secret before signs too. At most 10 secrets sign at a time.',
        tags,
        params: Path,
        body: EndpointSecretRotateIn,
        response: { 200: EndpointSecretOut, 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { principal, params, body } = request
      const key = await rotateSecret(deps, await find(principal, params.endpoint_id), body)
      return readsNewSecret(request) ? reply.code(200).send({ key }) : reply.code(204).send()
    },
  )

  api.get(
    '/operational-webhook/endpoint/:endpoint_id/headers',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.get-headers',
        summary: 'Get the headers of an endpoint for operational webhooks',
        tags,
        params: Path,
        response: { 200: EndpointHeadersOut },
      },
    },
    async ({ principal, params }) => showHeaders((await find(principal, params.endpoint_id)).headers),
  )

  api.put(
    '/operational-webhook/endpoint/:endpoint_id/headers',
    {
      schema: {
        operationId: 'v1.operational-webhook.endpoint.update-headers',
        summary: 'Replace the headers of an endpoint for operational webhooks',
        tags,
        params: Path,
        body: EndpointHeadersIn,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params, body }, reply) => {
      await replaceHeaders(deps, await find(principal, params.endpoint_id), body.headers)
      return reply.code(204).send()
    },
  )

  async function find(principal: Principal, idOrUid: string): Promise<Endpoint> {
    return findEndpointOf(deps, principal.organisationId, idOrUid)
  }
}
