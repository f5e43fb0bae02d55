/** The HTTP server: what every route shares. @module */

import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'

import { PosthornError } from '../domain/errors.ts'
import { admission } from './admission.ts'
import { applicationRoutes } from './application/routes.ts'
import { exhaustedRoutes } from './attempt/exhausted.ts'
import { attemptRoutes } from './attempt/routes.ts'
import type { Api, TypeBoxProvider } from './api.ts'
import { auditing } from './audit/record.ts'
import { auditRoutes } from './audit/routes.ts'
import { authRoutes } from './auth/routes.ts'
import type { HttpDeps } from './deps.ts'
import { backgroundTaskRoutes } from './background-task/routes.ts'
import { docsPage } from './docs-page/routes.ts'
import { DRAIN_MS, drainConnections } from './drain.ts'
import { clusterRoutes } from './cluster/routes.ts'
import { egressRoutes } from './egress/routes.ts'
import { endpointQueueRoutes } from './endpoint/queue.ts'
import { replayRoutes } from './endpoint/replay.ts'
import { endpointRoutes } from './endpoint/routes.ts'
import { sendAgainRoutes } from './endpoint/send-again.ts'
import { endpointStatsRoutes } from './endpoint/stats.ts'
import { endpointVerifyRoutes } from './endpoint/verify.ts'
import { errorReply } from './error-reply.ts'
import { eventTypeImportRoutes } from './event-type/import-routes.ts'
import { eventTypeRoutes } from './event-type/routes.ts'
import { healthRoutes } from './health/routes.ts'
import { idempotency } from './idempotency.ts'
import { MAX_BODY_BYTES, parseJson } from './json-body.ts'
import { contentRoutes } from './message/content-routes.ts'
import { explanationRoutes } from './message/explanation-routes.ts'
import { messageRoutes } from './message/routes.ts'
import { refuseNul } from './no-nul.ts'
import { openApiRoutes } from './openapi/routes.ts'
import { operationalWebhookRoutes } from './operational-webhook/routes.ts'
import { placing } from './place.ts'
import { requestIdOf, securityHeaders } from './security-headers.ts'
import { signingKeyRoutes } from './signing-keys/routes.ts'
import { sparingStrictClients } from './strict-clients.ts'
import { statisticsRoutes } from './statistics/routes.ts'
import { tokenRoutes } from './token/routes.ts'
import { discardBody } from './unread-body.ts'
import { compileValidator } from './validation.ts'

/** Time for a whole request to arrive, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000

/** Characters of an id or uid in a path, at most. */
const MAX_PARAM_LENGTH = 300

/** Returns the server with all routes, ready to listen. */
export function httpServer(deps: HttpDeps, log: FastifyBaseLogger): Api {
  const server = Fastify({
    loggerInstance: log,
    // One logger for all: a child for each request would cost it more than finding its route.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // What comes in on a connection that is not closed yet is served as ever, and is its last.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (error, _request, reply) => void sendError(error, reply),
    clientErrorHandler: (error, socket) => {
      if (!socket.writable || ('bytesWritten' in socket && socket.bytesWritten > 0)) return socket.destroy()
      const { status, body } = errorReply(refusalOfProtocol(error))
      const text = JSON.stringify(body)
      socket.end(
        `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}` +
          `\r\nConnection: close\r\n\r\n${text}`,
      )
      return undefined
    },
  }).withTypeProvider<TypeBoxProvider>()

  server.setValidatorCompiler(compileValidator)
  server.setSerializerCompiler(() => (data) => JSON.stringify(data))

  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', (_request, _payload, done) =>
    done(
      new PosthornError('unsupported_media_type', 'The body is not declared as JSON', {
        hint: 'Send it with the header "content-type: application/json"',
      }),
    ),
  )
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // Many clients declare JSON on every request, also on one that has no body and needs none.
    const hasNoBody = body.length === 0 && request.routeOptions.schema?.body === undefined
    if (hasNoBody) return done(null)
    try {
      request.rawBody = body as Buffer
      done(null, parseJson(body as Buffer))
    } catch (error) {
      // Not before: a parser of an application around this may have inflated it, and the header tells of what it was.
      const coding = request.headers['content-encoding']
      done(coding === undefined || coding === 'identity' ? (error as Error) : codingNotRead(coding))
    }
  })

  server.setErrorHandler((error, _request, reply) => sendError(error, reply))
  server.setNotFoundHandler((request) => {
    throw new PosthornError('not_found', `There is no ${request.method} ${request.url.split('?')[0]}`, {
      hint: 'The API begins with /api/v1',
    })
  })

  server.decorateRequest('principal')
  server.decorateRequest('rawBody', null)
  drainConnections(server, DRAIN_MS)
  placing(server)
  securityHeaders(server, deps.corsOrigins)
  signingKeyRoutes(server, deps)
  void server.register(
    async (api) => {
      admission(api, deps)
      refuseNul(api)
      idempotency(api, deps)
      auditing(api, deps)
      // After those that keep or read the answer.
      sparingStrictClients(api)
      const describe = openApiRoutes(api, deps.version)
      docsPage(server, describe)
      applicationRoutes(api, deps)
      endpointRoutes(api, deps)
      endpointVerifyRoutes(api, deps)
      endpointStatsRoutes(api, deps)
      sendAgainRoutes(api, deps)
      replayRoutes(api, deps)
      endpointQueueRoutes(api, deps)
      eventTypeRoutes(api, deps)
      eventTypeImportRoutes(api, deps)
      messageRoutes(api, deps)
      contentRoutes(api, deps)
      explanationRoutes(api, deps)
      attemptRoutes(api, deps)
      exhaustedRoutes(api, deps)
      authRoutes(api, deps)
      tokenRoutes(api, deps)
      auditRoutes(api, deps)
      operationalWebhookRoutes(api, deps)
      statisticsRoutes(api, deps)
      backgroundTaskRoutes(api, deps)
      egressRoutes(api, deps)
      clusterRoutes(api, deps)
      healthRoutes(api, deps)
    },
    { prefix: '/api/v1' },
  )
  return server

  async function sendError(
    error: unknown,
    reply: Parameters<Parameters<Api['setErrorHandler']>[0]>[2],
  ): Promise<unknown> {
    const { status, headers, body } = errorReply(error)
    if (status === 500) reply.log.error({ err: error, requestId: reply.request.id }, 'a request failed')
    await discardBody(reply.request.raw)
    return reply.code(status).headers(headers).send(body)
  }
}

function codingNotRead(coding: string): PosthornError {
  return new PosthornError('unsupported_media_type', `The body is encoded as ${coding}, which is not read`, {
    hint: 'Send it without content-encoding',
  })
}

/** What Node refuses before it is a request: not HTTP, headers too large, too slow. */
function refusalOfProtocol(error: Error & { code?: string }): PosthornError {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new PosthornError('request_timeout', `The request did not arrive within ${REQUEST_TIMEOUT_MS} ms`)
  }
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    return new PosthornError('bad_request', 'The request headers are too large')
  }
  return new PosthornError('bad_request', 'This is not an HTTP request')
}
