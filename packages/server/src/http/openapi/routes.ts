/** Serves the API's description. @module */

import type { Api } from '../api.ts'
import { OPERATIONAL_WEBHOOKS } from '../operational-webhook/events.ts'
import { type DescribedRoute, type OpenApiDocument, describeApi } from './document.ts'

/**
 * Adds `GET /openapi.json`, which describes all routes that are added after it. The description is made once, when the
 * server is ready, so that schemas which contradict each other stop its start.
 *
 * @param version - Of the server.
 * @returns What the server describes, from when it is ready.
 */
export function openApiRoutes(api: Api, version: string): () => OpenApiDocument {
  const routes: DescribedRoute[] = []
  let made: { readonly document: OpenApiDocument; readonly text: string } | null = null
  const description = () => {
    if (made === null) {
      const document = describeApi(routes, version, OPERATIONAL_WEBHOOKS)
      made = { document, text: JSON.stringify(document) }
    }
    return made
  }

  api.get('/openapi.json', { config: { isPublic: true } }, async ({ place }, reply) => {
    const { document, text } = description()
    const isMounted = place !== null && place.path !== ''
    const shown = isMounted ? JSON.stringify({ ...document, servers: [{ url: place.path }] }) : text
    return reply.type('application/json; charset=utf-8').send(shown)
  })
  api.addHook('onRoute', ({ method, url, schema = {}, config }) => {
    const isPublic = config?.isPublic === true
    // Fastify answers HEAD wherever there is a GET. Of what monitors ask without a token it is worth telling.
    if (method === 'HEAD' && !isPublic) return
    routes.push({ method: String(method), url, schema, isPublic, need: config?.permission?.need ?? null })
  })
  api.addHook('onReady', async () => void description())
  return () => description().document
}
