/** Posthorn in Fastify 4 and 5. @module */

import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Place } from '../http/place.ts'
import { splitPath } from './mount-path.ts'

/** The part of a Fastify instance that is used. */
export interface FastifyScope {
  readonly prefix: string
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(
    contentType: string,
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => void): unknown
}

/** The part of a Fastify request that is used. */
export interface FastifyRequest {
  readonly raw: IncomingMessage
  readonly protocol: string
  /** Without a port in Fastify 4. */
  readonly hostname: string
  readonly host?: string
}

/** The part of a Fastify reply that is used. */
export interface FastifyReply {
  readonly raw: ServerResponse
  hijack(): unknown
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
}

/** A plugin that is registered with a prefix. */
export type FastifyPlugin = (scope: FastifyScope) => Promise<void>

/** Returns a plugin whose every path is answered by `answer`. */
export function fastifyPlugin(
  answer: (request: IncomingMessage, response: ServerResponse, own: string, place: Place) => void,
): FastifyPlugin {
  return async (scope) => {
    scope.removeAllContentTypeParsers()
    // The body is left unread, for Posthorn to read: its bytes are what is signed.
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    const handler = (request: FastifyRequest, reply: FastifyReply) => {
      const { raw, protocol, host, hostname } = request
      const { own, mounted } = splitPath(raw.url ?? '/', scope.prefix)
      // What the application's own hooks have set, such as CORS, goes with the answer.
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      reply.hijack()
      answer(raw, reply.raw, own, { origin: `${protocol}://${host ?? hostname}`, path: mounted })
    }
    scope.all('/*', handler)
  }
}
