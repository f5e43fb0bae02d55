/** A receiver in Fastify 4 or 5. @module */

import type { Receiver } from '../handle/receiver.ts'
import type { HeaderSource } from '../headers.ts'
import type { NodeRequest } from './node-response.ts'

/** The part of a Fastify instance that is used. */
export interface FastifyScope {
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(
    contentType: string,
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>): unknown
}

/** The part of a Fastify request that is used. */
export interface FastifyRequest {
  readonly raw: NodeRequest
  readonly headers: HeaderSource
  readonly body: unknown
}

/** The part of a Fastify reply that is used. */
export interface FastifyReply {
  header(name: string, value: string): unknown
  send(response: Response): unknown
}

const BODY_HINT =
  "Fastify's parser has parsed the body before the receiver had it, and its bytes are lost. Register fastifyReceiver(receiver, { path }) as a plugin, which keeps parsers off its own route, instead of calling the receiver in a route."

/**
 * Returns a plugin with one route, for `app.register(fastifyReceiver(receiver, { path: '/webhooks' }))`. Parsers are
 * taken off that route alone, as plugins have a scope of their own (so do not wrap it in fastify-plugin).
 */
export function fastifyReceiver(
  receiver: Receiver,
  options: { readonly path: string },
): (scope: FastifyScope) => Promise<void> {
  return async (scope) => {
    scope.removeAllContentTypeParsers()
    // The stream is left unread: the receiver reads it, and no further than its own limit.
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    scope.all(options.path, fastifyHandler(receiver))
  }
}

/**
 * Returns a route handler, for a scope whose parsers keep the bytes: `addContentTypeParser('*', { parseAs: 'buffer' },
 * …)`, or a `rawBody`. A parsed body is refused with a hint.
 */
export function fastifyHandler(
  receiver: Receiver,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  return async (request, reply) => {
    const { raw, headers, body } = request
    const bytes = (request as { rawBody?: unknown }).rawBody ?? body
    const { method, url } = raw
    const input =
      bytes === undefined || bytes === null ? raw : { method, url, headers, body: bytes as Uint8Array }
    const remoteAddress = raw.socket.remoteAddress ?? null
    const response = await receiver(input, { remoteAddress, bodyHint: BODY_HINT })
    if (!raw.complete) reply.header('connection', 'close')
    return reply.send(response)
  }
}
