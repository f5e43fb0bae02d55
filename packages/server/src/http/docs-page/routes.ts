/** Serves the reference page. @module */

import type { Api } from '../api.ts'
import type { OpenApiDocument } from '../openapi/document.ts'
import { baseUrlOf } from '../place.ts'
import { MOUNT, ORIGIN } from './examples.ts'
import { CONTENT_SECURITY_POLICY, renderPage } from './page.ts'

/** What origin and path may be made of: anything else is not shown. */
const BASE = /^https?:\/\/([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?(\/[\w.~%-]+)*$/i

/**
 * Adds `GET /docs`, a page that needs nothing but itself. It is made at the first request and kept.
 *
 * @param describe - Returns the API's description, once the server is ready.
 */
export function docsPage(server: Api, describe: () => OpenApiDocument): void {
  let page: string | null = null

  server.get('/docs', async (request, reply) => {
    page ??= renderPage(describe())
    // The caller names host and path, so they may only be what those can be.
    const base = baseUrlOf(request)
    const shown = BASE.test(base) ? base : 'http://localhost'
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      .header('referrer-policy', 'no-referrer')
      .send(page.replaceAll(ORIGIN, shown).replaceAll(MOUNT, shown.replace(/^https?:\/\/[^/]+/, '')))
  })
}
