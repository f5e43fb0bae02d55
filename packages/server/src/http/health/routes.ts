/** The routes that tell whether the server works. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'

const tags = ['Health']

/** Adds the routes of health. They need no token. Fastify answers HEAD by the same handlers. */
export function healthRoutes(api: Api, { store }: HttpDeps): void {
  api.get(
    '/health',
    {
      config: { isPublic: true },
      schema: {
        operationId: 'v1.health.get',
        summary: 'Tell whether the server and its database work',
        tags,
        response: { 204: Type.Null() },
      },
    },
    async (_request, reply) => {
      // A read that comes back shows that the database does: a store that is down makes this 503.
      await store.findOrganisation()
      return reply.code(204).send()
    },
  )

  api.get(
    '/health/ping',
    {
      config: { isPublic: true },
      schema: {
        operationId: 'v1.health.ping',
        summary: 'Tell whether the server answers',
        tags,
        response: { 204: Type.Null() },
      },
    },
    async (_request, reply) => reply.code(204).send(),
  )
}
