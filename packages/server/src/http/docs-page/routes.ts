/** Serves the reference page. @module */

import type { Api } from '../api.ts'
import type { OpenApiDocument } from '../openapi/document.ts'
import { ORIGIN } from './examples.ts'
import { CONTENT_SECURITY_POLICY, renderPage } from './page.ts'

/** What a `Host` may be made of: anything else is not shown. */
const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i

/**
 * Adds `GET /docs`, a page that needs nothing but itself. It is made at the first request and kept.
 *
 * @param describe - Returns the API's description, once the server is ready.
 */
export function docsPage(server: Api, describe: () => OpenApiDocument): void {
  let parts: readonly string[] | null = null

  server.get('/docs', async ({ protocol, host }, reply) => {
    parts ??= renderPage(describe()).split(ORIGIN)
    // The caller names the host, so it may only be what a host can be.
    const origin = `${protocol}://${HOST.test(host) ? host : 'localhost'}`
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      .header('referrer-policy', 'no-referrer')
      .send(parts.join(origin))
  })
}
