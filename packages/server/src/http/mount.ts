/** The server without an address of its own: requests come from the application that it is mounted in. @module */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'

import type { InjectOptions, LightMyRequestResponse } from 'fastify'

import { PosthornError } from '../domain/errors.ts'
import type { Api } from './api.ts'
import { errorReply } from './error-reply.ts'
import { bodyStateOf } from './kept-body.ts'
import { type Place, runAt } from './place.ts'

/** Requests under way are waited for this long when the server stops, in milliseconds: as long as one may take to arrive. */
const STOP_MS = 30_000

/** Statuses whose answers have no body. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

/** What proxies log for a caller who has gone. */
const CLIENT_GONE = 499

/** Takes requests for a server that does not listen. */
export class Mount {
  readonly #server: Api
  /** Bytes that the application read before, by the request that they came with. */
  readonly #kept = new WeakMap<IncomingMessage, Uint8Array>()
  readonly #underWay = new Set<Promise<void>>()
  #isClosed = false

  constructor(server: Api) {
    this.#server = server
    server.addHook('preParsing', (request, _reply, payload, done) => {
      const bytes = this.#kept.get(request.raw)
      if (bytes === undefined) return done(null, payload)
      const stream = Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false })
      // What the header counts may have been compressed, and its length was checked when it arrived.
      const length = Number(request.headers['content-length'])
      return done(null, Object.assign(stream, Number.isNaN(length) ? {} : { receivedEncodedLength: length }))
    })
  }

  /** Makes the server ready. */
  async start(): Promise<void> {
    await this.#server.ready()
  }

  /** Answers what comes from now on 503, and resolves when what is under way is answered, or after 30 s. */
  async stop(): Promise<void> {
    this.#isClosed = true
    const { promise: isLate, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, STOP_MS)
    await Promise.race([Promise.all(this.#underWay), isLate])
    clearTimeout(timer)
  }

  /** Answers a request of Node's HTTP server whose `url` is Posthorn's own path. */
  answerNode(request: IncomingMessage, response: ServerResponse, place: Place): void {
    if (this.#isClosed) return refuseNode(request, response, notRunning())
    const body = bodyStateOf(request)
    if (body.kind === 'lost') return refuseNode(request, response, bodyLost())
    if (body.kind === 'kept') this.#kept.set(request, body.bytes)
    this.#track(new Promise((resolve) => response.once('close', resolve)))
    return runAt(place, () => this.#server.routing(request, response))
  }

  /**
   * Answers a web request.
   *
   * @param path - Posthorn's own path, with its query.
   * @param kept - Bytes of the body where it was read before.
   */
  async answerWeb(request: Request, path: string, place: Place, kept?: Uint8Array): Promise<Response> {
    if (this.#isClosed) return refuseWeb(notRunning())
    if (request.bodyUsed && kept === undefined) return refuseWeb(bodyLost())
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#track(promise)
    const payload =
      kept !== undefined
        ? Buffer.from(kept)
        : request.body === null
          ? undefined
          : Readable.fromWeb(request.body as ReadableStream<Uint8Array>)
    try {
      const answer = await this.#inject(place, {
        method: request.method,
        url: path,
        headers: headersOf(request, place),
        ...(payload === undefined ? {} : { payload }),
        payloadAsStream: true,
        signal: request.signal,
      })
      const headers = new Headers()
      for (const [name, value] of Object.entries(answer.headers)) {
        for (const each of Array.isArray(value) ? value : [value]) headers.append(name, String(each))
      }
      const hasBody = request.method !== 'HEAD' && !BODILESS.has(answer.statusCode)
      const body = hasBody ? Readable.toWeb(answer.stream()) : null
      return new Response(body, { status: answer.statusCode, headers })
    } catch (error) {
      // Nobody is there to be answered; to reject would be noise in the application's log.
      if (request.signal.aborted) return new Response(null, { status: CLIENT_GONE })
      throw error
    } finally {
      // A body that was refused before it was read would keep its sender waiting.
      if (payload instanceof Readable) payload.destroy()
      resolve()
    }
  }

  /** With a callback, it begins at once and at its place: as a promise, only when that is awaited. */
  #inject(place: Place, request: InjectOptions): Promise<LightMyRequestResponse> {
    return new Promise((resolve, reject) =>
      runAt(place, () =>
        this.#server.inject(request, (error, response) => {
          if (response === undefined) reject(error ?? new Error('The server gave no answer'))
          else resolve(response)
        }),
      ),
    )
  }

  #track(answered: Promise<void>): void {
    this.#underWay.add(answered)
    void answered.then(() => this.#underWay.delete(answered))
  }
}

/** Returns the refusal of whatever is asked of a Posthorn that was not started, or has stopped. */
export function notRunning(): PosthornError {
  return new PosthornError('busy', 'Posthorn is not running here', {
    hint: 'It answers from when start() has resolved until stop() is called',
  })
}

function bodyLost(): PosthornError {
  return new PosthornError(
    'bad_request',
    'The body was parsed before Posthorn had it, and its bytes are lost',
    {
      hint: 'Mount Posthorn before app.use(express.json()), or keep the bytes: express.json({ verify: (req, _res, bytes) => { req.rawBody = bytes } })',
    },
  )
}

/** Answers a request of Node's that the server does not get. */
export function refuseNode(request: IncomingMessage, response: ServerResponse, error: PosthornError): void {
  const { status, headers, body } = errorReply(error)
  // What was not read of the request would be taken for the next one on this connection.
  const ending = request.complete ? {} : { connection: 'close' }
  response.writeHead(status, { ...headers, ...ending, 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** Answers a web request that the server does not get. */
export function refuseWeb(error: PosthornError): Response {
  const { status, headers, body } = errorReply(error)
  return Response.json(body, { status, headers })
}

function headersOf(request: Request, place: Place): Record<string, string> {
  const headers = Object.fromEntries(request.headers)
  return 'host' in headers ? headers : { ...headers, host: new URL(place.origin).host }
}
