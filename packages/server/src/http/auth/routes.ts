/** The routes that open the portal to a customer, and close it. @module */

import { Type } from 'typebox'

import { PosthornError } from '../../domain/errors.ts'
import { randomText } from '../../domain/id.ts'
import { newToken } from '../../domain/token.ts'
import type { Api } from '../api.ts'
import { findOrMakeApplication } from '../application/find-or-make.ts'
import { hashToken, requireApplication } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { HttpErrorOut } from '../openapi/errors.ts'
import { baseUrlOf } from '../place.ts'
import {
  AppPortalAccessIn,
  AppPortalAccessOut,
  ApplicationTokenExpireIn,
  OneTimeTokenIn,
  OneTimeTokenOut,
} from './schemas.ts'

const AppPath = Type.Object({ app_id: Type.String() })

/** Seconds for which a portal token is accepted where the caller says none: 7 days. */
const DEFAULT_EXPIRY_S = 604_800

/** How long the key of a link is accepted: 10 minutes, in milliseconds. It is for a redirect that follows at once. */
const KEY_MS = 600_000
const KEY_PREFIX = 'phk_'
const KEY_LENGTH = 40

const tags = ['Authentication']

/**
 * Adds the routes of portal access.
 *
 *     provider ─▶ app-portal-access ─▶ link with a key ─▶ customer's browser ─▶ one-time-token ─▶ portal token
 */
export function authRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.post(
    '/auth/app-portal-access/:app_id',
    {
      schema: {
        operationId: 'v1.authentication.app-portal-access',
        summary: 'Make a link by which a customer opens the portal of an application',
        tags,
        params: AppPath,
        body: AppPortalAccessIn,
        response: { 200: AppPortalAccessOut },
      },
    },
    async ({ principal, params, body, host, protocol, place }) => {
      const application = await findOrMakeApplication(deps, principal, params.app_id, body.application)
      const now = clock()
      const { token, text } = newToken({
        name: 'portal',
        scope: 'portal',
        organisationId: application.organisationId,
        applicationId: application.id,
        capabilities: body.capabilities ?? null,
        isReadOnly: body.readOnly ?? false,
        sessionId: body.sessionId ?? null,
        expiresAt: now + (body.expiry ?? DEFAULT_EXPIRY_S) * 1_000,
        hashToken,
        now,
      })
      const key = KEY_PREFIX + randomText(KEY_LENGTH)
      await store.createPortalAccess(token, { hash: hashToken(key), expiresAt: now + KEY_MS })
      // Behind the "#", where no browser sends it and no proxy logs it.
      const base = deps.publicUrl ?? baseUrlOf({ protocol, host, place })
      return { url: `${base}/portal#key=${key}`, token: text }
    },
  )

  api.post(
    '/auth/one-time-token',
    {
      schema: {
        operationId: 'v1.authentication.exchange-one-time-token',
        summary: 'Exchange the key of a portal link for a token, once',
        tags,
        body: OneTimeTokenIn,
        response: { 200: OneTimeTokenOut, 401: HttpErrorOut },
      },
    },
    async ({ body }) => {
      // Which of what it opens is the store's to say; only its own text and id are new.
      const { token, text } = newToken({
        name: '',
        scope: 'portal',
        applicationId: null,
        hashToken,
        now: clock(),
      })
      const redeemed = await store.redeemLoginKey(hashToken(body.oneTimeToken), token)
      if (redeemed === null) {
        throw new PosthornError('unauthorized', 'This link was used before, or has expired', {
          hint: 'Ask for a new one where you got it',
        })
      }
      return { token: text }
    },
  )

  api.post(
    '/auth/logout',
    {
      schema: {
        operationId: 'v1.authentication.logout',
        summary: 'Revoke the token that calls',
        tags,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal: { organisationId, tokenId } }, reply) => {
      if (tokenId === null) {
        throw new PosthornError('forbidden', 'A JWT cannot be revoked: it is nowhere kept', {
          hint: 'It expires by itself; another POSTHORN_JWT_SECRET ends all of them',
        })
      }
      await store.revokeToken(organisationId, tokenId, clock())
      return reply.code(204).send()
    },
  )

  api.post(
    '/auth/app/:app_id/expire-all',
    {
      schema: {
        operationId: 'v1.authentication.expire-all',
        summary: 'Let all tokens of an application expire, or those of some sessions',
        tags,
        params: AppPath,
        body: ApplicationTokenExpireIn,
        response: { 204: Type.Null() },
      },
    },
    async ({ principal, params, body }, reply) => {
      const { id } = await requireApplication(deps, principal, params.app_id)
      const sessionIds =
        body.sessionIds === undefined || body.sessionIds.length === 0 ? null : body.sessionIds
      await store.expireTokensOfApplication(id, clock() + (body.expiry ?? 0) * 1_000, sessionIds)
      return reply.code(204).send()
    },
  )
}
