/** The routes that tell whether the server works. @module */

import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'

/** Adds the routes of health. They need no token. */
export function healthRoutes(api: Api, { store }: HttpDeps): void {
  // Fastify answers HEAD by the same handler.
  api.get('/health', { config: { isPublic: true } }, async (_request, reply) => {
    // A read that comes back shows that the database does: a store that is down makes this 503.
    await store.findOrganisation()
    return reply.code(204).send()
  })

  api.get('/health/ping', { config: { isPublic: true } }, async (_request, reply) => reply.code(204).send())
}
