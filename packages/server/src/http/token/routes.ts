/** The routes of API tokens. @module */

import { Type } from 'typebox'

import { newToken } from '../../domain/token.ts'
import type { Api } from '../api.ts'
import { hashToken, notFound, requireApplication } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { found } from '../schemas.ts'
import {
  ApiTokenCensoredOut,
  ApiTokenExpireIn,
  ApiTokenIn,
  ApiTokenOut,
  showNewToken,
  showToken,
} from './schemas.ts'

const Path = Type.Object({ token_id: Type.String() })

const tags = ['API token']

/** Adds the routes of API tokens. Portal tokens are not among them: they are made by portal links. */
export function tokenRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/auth/api-token',
    {
      schema: {
        operationId: 'v1.api-token.list',
        summary: 'List API tokens, never their text',
        tags,
        querystring: PageQuery,
        response: { 200: ListOf(ApiTokenCensoredOut) },
      },
    },
    async ({ principal, query }) => {
      const page = await pageOf(
        query,
        'ascending',
        (request) => store.listApiTokens(principal.organisationId, request),
        ({ id }) => id,
      )
      return showPage(page, showToken)
    },
  )

  api.post(
    '/auth/api-token',
    {
      schema: {
        operationId: 'v1.api-token.create',
        summary: 'Make an API token: its text is shown this once',
        tags,
        body: ApiTokenIn,
        response: { 201: ApiTokenOut },
      },
    },
    async ({ principal, body }, reply) => {
      const { organisationId } = principal
      const application =
        body.appId === undefined || body.appId === null
          ? null
          : await requireApplication(deps, principal, body.appId)
      const now = clock()
      const { token, text } = newToken({
        name: body.name,
        organisationId,
        applicationId: application?.id ?? null,
        isReadOnly: body.readOnly ?? false,
        expiresAt: body.expiry === undefined || body.expiry === null ? null : now + body.expiry * 1_000,
        hashToken,
        now,
      })
      await store.createToken(token)
      return reply.code(201).send(showNewToken(token, text))
    },
  )

  api.post(
    '/auth/api-token/:token_id/expire',
    {
      schema: {
        operationId: 'v1.api-token.expire',
        summary: 'Let an API token expire, now or later',
        tags,
        params: Path,
        body: ApiTokenExpireIn,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params, body }, reply) => {
      const at = clock() + (body.expiry ?? 0) * 1_000
      const expired = await store.expireToken(principal.organisationId, params.token_id, at)
      found(expired, () => notFound('token', params.token_id))
      return reply.code(204).send()
    },
  )

  api.delete(
    '/auth/api-token/:token_id',
    {
      schema: {
        operationId: 'v1.api-token.revoke',
        summary: 'Revoke an API token, at once',
        tags,
        params: Path,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params }, reply) => {
      const revoked = await store.revokeToken(principal.organisationId, params.token_id, clock())
      found(revoked, () => notFound('token', params.token_id))
      return reply.code(204).send()
    },
  )
}
