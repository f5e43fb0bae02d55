/** Writes the audit log: an entry for every write that the API did. @module */

import type { FastifyRequest } from 'fastify'

import { newId } from '../../domain/id.ts'
import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'

/** Characters of a resource's name in an entry, at most. */
const MAX_NAME_LENGTH = 300

declare module 'fastify' {
  interface FastifyRequest {
    /** The application of the path as it was before the handler ran, which may delete it or free its uid. */
    applicationIdBefore: string | null
  }
}

/**
 * Adds an entry to the audit log for every write that succeeded, and for one that failed by a defect and may have been
 * done in part. It is on disk before the write is answered. Sends of messages are left out: each is its own record.
 */
export function auditing(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps
  api.decorateRequest('applicationIdBefore', null)

  api.addHook('preHandler', async (request) => {
    if (isRecorded(request)) request.applicationIdBefore = await applicationIdOf(request)
  })

  api.addHook('onSend', async (request, reply, payload) => {
    const { statusCode: status } = reply
    const isDone = status < 300 || status >= 500
    if (!isRecorded(request) || request.isReplay || !isDone) return
    try {
      const now = clock()
      const { organisationId, tokenId, prefix } = request.principal
      await store.recordAudit({
        id: newId('audit', now),
        organisationId,
        applicationId: request.applicationIdBefore ?? (await applicationIdOf(request)),
        actor: prefix,
        tokenId,
        method: request.method,
        route: (request.routeOptions.url ?? '').replace(/^\/api\/v1/, ''),
        resources: { ...namesIn(request.params), ...idIn(payload) },
        status,
        requestId: request.id,
        createdAt: now,
      })
    } catch (error) {
      // What was done is done, and its caller has to hear of it.
      reply.log.error({ err: error, requestId: request.id }, 'a write could not be noted in the audit log')
    }
  })

  async function applicationIdOf({ params, principal }: FastifyRequest): Promise<string | null> {
    if (principal.applicationId !== null) return principal.applicationId
    const idOrUid = (params as { app_id?: string }).app_id
    if (idOrUid === undefined) return null
    return (await deps.findApplication(principal.organisationId, idOrUid))?.id ?? null
  }
}

function isRecorded({ routeOptions: { config }, principal }: FastifyRequest): boolean {
  // A request that was refused at the door has no principal.
  if (config.permission === undefined || (principal as unknown) === undefined) return false
  return !config.permission.isRead && config.keepsOwnRecord !== true
}

function namesIn(params: unknown): Record<string, string> {
  const names = Object.entries(params as Record<string, string>)
  return Object.fromEntries(names.map(([name, value]) => [name, value.slice(0, MAX_NAME_LENGTH)]))
}

/** The id of what was made or changed, where the answer says it. */
function idIn(payload: unknown): Record<string, string> {
  if (typeof payload !== 'string' || !payload.startsWith('{')) return {}
  const { id } = JSON.parse(payload) as { id?: unknown }
  return typeof id === 'string' ? { id } : {}
}
