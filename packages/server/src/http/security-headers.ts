/** What every answer carries beside its content: a request id, headers for browsers, and CORS. @module */

import type { IncomingMessage } from 'node:http'

import { randomText } from '../domain/id.ts'
import type { Api } from './api.ts'

/** What a caller may name a request: it is written to logs and headers as it is. */
const SANE_ID = /^[\w.:-]{1,64}$/

/** Seconds for which a browser may remember the answer to a preflight. */
const PREFLIGHT_SECONDS = 600

const HEADERS_SHOWN = 'x-request-id, retry-after, idempotent-replayed'
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'

const PROCESS = randomText(8)
let requests = 0

/** Returns the id of a request: the caller's own, as `x-request-id` or the SDKs' `svix-req-id`, where it is sane. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'] ?? request.headers['svix-req-id']
  if (typeof given === 'string' && SANE_ID.test(given)) return given
  requests += 1
  return `${PROCESS}-${requests.toString(36)}`
}

/**
 * Adds the headers to everything that the server answers, and answers preflights.
 *
 * @param corsOrigins - Origins whose pages may call the API; `*` for all.
 */
export function securityHeaders(server: Api, corsOrigins: readonly string[]): void {
  const isAnyAllowed = corsOrigins.includes('*')

  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    void reply.header('x-content-type-options', 'nosniff')
    if (request.url.startsWith('/api/')) {
      // Answers hold secrets and customers' data: nothing between here and the caller may keep them.
      void reply.header('cache-control', 'no-store')
      void reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
    }
    if (corsOrigins.length === 0) return done()

    const { origin } = request.headers
    void reply.header('vary', 'origin')
    if (origin === undefined || !(isAnyAllowed || corsOrigins.includes(origin))) return done()
    void reply.header('access-control-allow-origin', isAnyAllowed ? '*' : origin)
    void reply.header('access-control-expose-headers', HEADERS_SHOWN)
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      return done()
    }
    const asked = request.headers['access-control-request-headers']
    if (asked !== undefined) void reply.header('access-control-allow-headers', asked)
    void reply
      .code(204)
      .header('access-control-allow-methods', METHODS)
      .header('access-control-max-age', PREFLIGHT_SECONDS)
      .send()
  })
}
