/** Who may do what: one table for all routes. @module */

import type { Capability, TokenScope } from '../domain/token.ts'
import { isCapable } from '../domain/token.ts'
import { PosthornError } from '../domain/errors.ts'

/**
 * What a route needs of its caller.
 *
 * - `public`: nothing. `any`: a token, whatever it opens. `organisation`: a token of the whole organisation.
 * - A capability: a token of the organisation, one of the application that the path names, or a portal token of that
 *   application with this capability. That the application is the token's own is `requireApplication`'s to check: another's
 *   is not found.
 */
export type Need = 'public' | 'any' | 'organisation' | Capability

/** What each route needs. A test walks all routes and fails for one that is not here. */
const NEEDS: Readonly<Record<string, Need>> = {
  'GET /app': 'organisation',
  'POST /app': 'organisation',
  'GET /app/:app_id': 'ViewBase',
  'PUT /app/:app_id': 'organisation',
  'PATCH /app/:app_id': 'organisation',
  'DELETE /app/:app_id': 'organisation',

  'GET /app/:app_id/endpoint': 'ViewBase',
  'POST /app/:app_id/endpoint': 'ManageEndpoint',
  'GET /app/:app_id/endpoint/:endpoint_id': 'ViewBase',
  'PUT /app/:app_id/endpoint/:endpoint_id': 'ManageEndpoint',
  'PATCH /app/:app_id/endpoint/:endpoint_id': 'ManageEndpoint',
  'DELETE /app/:app_id/endpoint/:endpoint_id': 'ManageEndpoint',
  'GET /app/:app_id/endpoint/:endpoint_id/secret': 'ViewEndpointSecret',
  'POST /app/:app_id/endpoint/:endpoint_id/secret/rotate': 'ManageEndpointSecret',
  'GET /app/:app_id/endpoint/:endpoint_id/headers': 'ViewBase',
  'PUT /app/:app_id/endpoint/:endpoint_id/headers': 'ManageEndpoint',
  'PATCH /app/:app_id/endpoint/:endpoint_id/headers': 'ManageEndpoint',
  'POST /app/:app_id/endpoint/:endpoint_id/verify': 'ManageEndpoint',
  'GET /app/:app_id/endpoint/:endpoint_id/stats': 'ViewBase',
  'GET /app/:app_id/endpoint/:endpoint_id/queue': 'ViewBase',
  'POST /app/:app_id/endpoint/:endpoint_id/recover': 'CreateAttempts',
  'POST /app/:app_id/endpoint/:endpoint_id/replay-missing': 'CreateAttempts',
  'POST /app/:app_id/endpoint/:endpoint_id/bulk-replay': 'CreateAttempts',
  'POST /app/:app_id/endpoint/:endpoint_id/send-example': 'CreateAttempts',

  'GET /app/:app_id/msg': 'ViewBase',
  'POST /app/:app_id/msg': 'organisation',
  'GET /app/:app_id/msg/:msg_id': 'ViewBase',
  'DELETE /app/:app_id/msg/:msg_id/content': 'organisation',
  'GET /app/:app_id/msg/:msg_id/explain': 'ViewBase',
  'POST /app/:app_id/msg/preview': 'organisation',
  'POST /app/:app_id/msg/precheck/active': 'organisation',
  'POST /app/:app_id/msg/bulk-expunge': 'organisation',
  'POST /app/:app_id/msg/expunge-all-contents': 'organisation',

  'GET /app/:app_id/attempt/endpoint/:endpoint_id': 'ViewBase',
  'GET /app/:app_id/attempt/msg/:msg_id': 'ViewBase',
  'GET /app/:app_id/endpoint/:endpoint_id/msg': 'ViewBase',
  'GET /app/:app_id/msg/:msg_id/endpoint': 'ViewBase',
  'GET /app/:app_id/msg/:msg_id/attempt/:attempt_id': 'ViewBase',
  'DELETE /app/:app_id/msg/:msg_id/attempt/:attempt_id/content': 'organisation',
  'POST /app/:app_id/msg/:msg_id/endpoint/:endpoint_id/resend': 'CreateAttempts',
  'POST /app/:app_id/msg/:msg_id/endpoint/:endpoint_id/skip': 'CreateAttempts',
  'GET /app/:app_id/exhausted': 'ViewBase',
  'POST /app/:app_id/exhausted/replay': 'CreateAttempts',

  'GET /event-type': 'any',
  'POST /event-type': 'organisation',
  'POST /event-type/import/openapi': 'organisation',
  'GET /event-type/:event_type_name': 'any',
  'PUT /event-type/:event_type_name': 'organisation',
  'PATCH /event-type/:event_type_name': 'organisation',
  'DELETE /event-type/:event_type_name': 'organisation',

  'POST /auth/app-portal-access/:app_id': 'organisation',
  'POST /auth/one-time-token': 'public',
  'POST /auth/logout': 'any',
  'POST /auth/app/:app_id/expire-all': 'organisation',
  'GET /auth/api-token': 'organisation',
  'POST /auth/api-token': 'organisation',
  'POST /auth/api-token/:token_id/expire': 'organisation',
  'DELETE /auth/api-token/:token_id': 'organisation',
  'GET /audit-log': 'organisation',

  'GET /cluster': 'organisation',
  'GET /egress': 'any',
  'GET /openapi.json': 'public',
  'GET /operational-webhook/endpoint': 'organisation',
  'POST /operational-webhook/endpoint': 'organisation',
  'GET /operational-webhook/endpoint/:endpoint_id': 'organisation',
  'PUT /operational-webhook/endpoint/:endpoint_id': 'organisation',
  'DELETE /operational-webhook/endpoint/:endpoint_id': 'organisation',
  'GET /operational-webhook/endpoint/:endpoint_id/attempt': 'organisation',
  'GET /operational-webhook/endpoint/:endpoint_id/secret': 'organisation',
  'POST /operational-webhook/endpoint/:endpoint_id/secret/rotate': 'organisation',
  'GET /operational-webhook/endpoint/:endpoint_id/headers': 'organisation',
  'PUT /operational-webhook/endpoint/:endpoint_id/headers': 'organisation',

  'POST /stats/usage/app': 'organisation',
  'PUT /stats/usage/event-types': 'organisation',
  'GET /background-task': 'organisation',
  'GET /background-task/:task_id': 'ViewBase',
  'POST /background-task/:task_id/cancel': 'CreateAttempts',

  'GET /health': 'public',
  'GET /health/ping': 'public',
}

/** POSTs that write nothing, or that a read-only token must be able to do: it may end itself. */
const FOR_READ_ONLY_TOO: ReadonlySet<string> = new Set([
  'POST /app/:/msg/preview',
  'POST /app/:/msg/precheck/active',
  'POST /auth/logout',
])

/** The need of a route, as its handlers find it in `request.routeOptions.config.permission`. */
export interface Permission {
  readonly need: Need
  /** Whether a read-only token may do it. */
  readonly isRead: boolean
}

/** The routes of the table, for the test that walks them. */
export const LISTED_ROUTES: readonly string[] = Object.keys(NEEDS)

const BY_SHAPE = new Map(Object.entries(NEEDS).map(([route, need]) => [shapeOf(route), need]))

/**
 * Returns what a route needs, or `null` where the table does not say.
 *
 * @param path - As it is registered, below the API's prefix: `/app/:app_id`. The names of its parameters do not count.
 */
export function permissionOf(method: string, path: string): Permission | null {
  const shape = shapeOf(`${method === 'HEAD' ? 'GET' : method} ${path}`)
  const need = BY_SHAPE.get(shape)
  if (need === undefined) return null
  return { need, isRead: shape.startsWith('GET ') || FOR_READ_ONLY_TOO.has(shape) }
}

/** What of a caller the table looks at. */
export interface Caller {
  readonly scope: TokenScope
  readonly isReadOnly: boolean
  readonly capabilities: readonly Capability[] | null
}

/** @throws {PosthornError} `forbidden`: the caller may not do what needs this. */
export function requirePermission(caller: Caller, { need, isRead }: Permission): void {
  if (caller.isReadOnly && !isRead) {
    throw new PosthornError('forbidden', 'A read-only token may not do this', {
      hint: 'Use a token that may write',
    })
  }
  if (need === 'public' || need === 'any') return
  if (need === 'organisation') {
    if (caller.scope !== 'organisation') {
      throw new PosthornError('forbidden', 'A token of one application may not do this', {
        hint: 'Use a token of the organisation',
      })
    }
  } else if (!isCapable(caller.capabilities, need)) {
    throw new PosthornError('forbidden', `This token lacks the capability ${need}`, {
      hint: 'Open the portal by a link that grants it',
    })
  }
}

function shapeOf(route: string): string {
  return route.replaceAll(/:[^/]+/g, ':').replace(/(?<=.)\/$/, '')
}
