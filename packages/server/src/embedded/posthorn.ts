/** Posthorn in another application's process. @module */

import type { IncomingMessage, ServerResponse } from 'node:http'

import { type ComposedApp, composeApp } from '../app.ts'
import { type ErrorCode, PosthornError, ValidationError, type ValidationFault } from '../domain/errors.ts'
import { newToken } from '../domain/token.ts'
import { hashToken } from '../http/authentication.ts'
import { type OutgoingMessage, type SentMessage, inProcessSender } from '../http/message/in-process.ts'
import { Mount, notRunning, refuseNode, refuseWeb } from '../http/mount.ts'
import type { Options } from '../options.ts'
import { type ExpressRequest, expressPlace } from './express.ts'
import { type FastifyPlugin, fastifyPlugin } from './fastify.ts'
import { type HonoContext, honoBody, honoMountPath } from './hono.ts'
import { embeddedLog } from './log.ts'
import { splitPath } from './mount-path.ts'
import { type PosthornOptions, embeddedOptions } from './options.ts'

/** What a new token may do. */
export interface TokenRequest {
  readonly name: string
  /** Id or uid of the one application that it opens; without it, all of them. */
  readonly application?: string
  /** Refuse it on everything that writes. */
  readonly readOnly?: boolean
  /** Seconds from now on after which it is refused; without it, never. */
  readonly expirySeconds?: number
}

interface Running {
  readonly app: ComposedApp
  readonly mount: Mount
  readonly send: (applicationIdOrUid: string, message: OutgoingMessage) => Promise<SentMessage>
}

/** A Node handler: of `http.createServer`, Express 4 and 5, and what takes the same. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Posthorn as a part of an application: it accepts, delivers and records as `posthorn serve` does, and its API answers
 * wherever the application mounts it. It sets no handlers on the process and writes nothing to its output.
 *
 *     createPosthorn ─▶ start() ─▶ send(), call(), mounted requests ─▶ stop() ─▶ start() …
 */
export class Posthorn {
  readonly #options: Options
  readonly #log: PosthornOptions['log']
  /** By it the process itself calls the API. Made anew for each process, and never shown. */
  readonly #insider = newToken({ name: 'in-process', applicationId: null, hashToken, now: 0 }).text
  #running: Running | null = null
  #changing: Promise<void> = Promise.resolve()

  /** @throws {PosthornError} `bad_config`. */
  constructor(options: PosthornOptions) {
    this.#options = embeddedOptions(options)
    this.#log = options.log
  }

  /**
   * Opens the data and begins to deliver what waits there. On what runs already it does nothing.
   *
   * @throws {PosthornError} `data_in_use`: another Posthorn, of this process or another, has the data; `data_unreadable`,
   * `bad_key`, `bad_config`.
   */
  start(): Promise<void> {
    return this.#change(async () => {
      if (this.#running !== null) return
      const log = embeddedLog(this.#log)
      const app = await composeApp(this.#options, log, { insiderKey: hashToken(this.#insider) })
      try {
        const mount = new Mount(app.server)
        await mount.start()
        const organisationId = (await app.deps.store.findOrganisation())!
        this.#running = { app, mount, send: inProcessSender(app.deps, organisationId) }
      } catch (error) {
        await app.stop()
        throw error
      }
    })
  }

  /**
   * Stops in order: takes no more messages and requests, finishes and records the attempts under way, closes the data. What
   * is not delivered by then is delivered after the next start. Nothing is left that would keep the process from its end.
   */
  stop(): Promise<void> {
    return this.#change(async () => {
      const running = this.#running
      this.#running = null
      if (running === null) return
      await running.mount.stop()
      await running.app.stop()
    })
  }

  /**
   * Sends a message to the endpoints of an application, by its id or uid. Resolves when it is on disk: from then on it is
   * delivered, whatever becomes of the process.
   *
   * @throws {PosthornError} `not_found`: there is no such application; `validation`, `malformed_json`,
   * `payload_too_large`, `event_id_exists`, `idempotency_key_reused`; `busy`: it is not running, or has too much to write.
   */
  async send(applicationIdOrUid: string, message: OutgoingMessage): Promise<SentMessage> {
    return this.#need().send(applicationIdOrUid, message)
  }

  /**
   * Calls any operation of the API as the organisation: `call('PUT', '/app/acme', { name: 'Acme' })`. Returns the body of
   * the answer, `null` where there is none.
   *
   * @param path - What follows `/api/v1`.
   * @throws {PosthornError} With the code that the API answers.
   */
  async call<Answer = unknown>(method: string, path: string, body?: object): Promise<Answer> {
    const { mount } = this.#need()
    const request = new Request(`http://posthorn.invalid/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#insider}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const { pathname, search, origin } = new URL(request.url)
    const response = await mount.answerWeb(request, `${pathname}${search}`, { origin, path: '' })
    const text = await response.text()
    const answer = text === '' ? null : (JSON.parse(text) as unknown)
    if (!response.ok) throw refusalOf(answer)
    return answer as Answer
  }

  /** Makes a token of the API and returns its text, which is kept nowhere. @throws {PosthornError} `not_found`. */
  async createToken({ name, application, readOnly, expirySeconds }: TokenRequest): Promise<string> {
    const made = await this.call<{ readonly token: string }>('POST', '/auth/api-token', {
      name,
      ...(application === undefined ? {} : { appId: application }),
      ...(readOnly === undefined ? {} : { readOnly }),
      ...(expirySeconds === undefined ? {} : { expiry: expirySeconds }),
    })
    return made.token
  }

  /**
   * Answers a web request. For Next.js route handlers, `hono.mount` and everything else that speaks Fetch.
   *
   * @param at.mountPath - What the path has before Posthorn's own: `/webhooks`. Not needed where it was taken off.
   */
  readonly fetch = async (request: Request, at?: { readonly mountPath?: string }): Promise<Response> =>
    this.#answerWeb(request, typeof at?.mountPath === 'string' ? at.mountPath : '')

  /** Returns a handler for Node's own server. @param at.mountPath - As in {@link Posthorn.fetch}. */
  node({ mountPath = '' }: { readonly mountPath?: string } = {}): NodeHandler {
    return (request, response) => {
      const { own, mounted } = splitPath(request.url ?? '/', mountPath)
      this.#answerNode(request, response, own, { ...expressPlace(request), path: mounted })
    }
  }

  /** Returns a handler for `app.use('/webhooks', posthorn.express())`, of Express 4 and 5. */
  express(): NodeHandler {
    return (request: ExpressRequest, response) =>
      this.#answerNode(request, response, request.url ?? '/', expressPlace(request))
  }

  /** Returns a plugin for `app.register(posthorn.fastify(), { prefix: '/webhooks' })`, of Fastify 4 and 5. */
  fastify(): FastifyPlugin {
    return fastifyPlugin((request, response, own, place) => this.#answerNode(request, response, own, place))
  }

  /** Returns a handler for `app.all('/webhooks/*', posthorn.hono())`. */
  hono(): (context: HonoContext) => Promise<Response> {
    return async (context) =>
      this.#answerWeb(context.req.raw, honoMountPath(context), await honoBody(context))
  }

  async #answerWeb(request: Request, mountPath: string, kept?: Uint8Array): Promise<Response> {
    if (this.#running === null) return refuseWeb(notRunning())
    const { origin, pathname, search } = new URL(request.url)
    const { own, mounted } = splitPath(`${pathname}${search}`, mountPath)
    return this.#running.mount.answerWeb(request, own, { origin, path: mounted }, kept)
  }

  #answerNode(
    request: IncomingMessage,
    response: ServerResponse,
    own: string,
    place: Parameters<Mount['answerNode']>[2],
  ): void {
    if (this.#running === null) return refuseNode(request, response, notRunning())
    const given = request.url
    request.url = own
    // Before the application's own listeners, which may log what was asked.
    response.prependOnceListener('finish', () => (request.url = given))
    return this.#running.mount.answerNode(request, response, place)
  }

  #need(): Running {
    if (this.#running === null) throw notRunning()
    return this.#running
  }

  /** Starts and stops one after another, in the order of the calls. */
  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change)
    this.#changing = changed.catch(() => {})
    return changed
  }
}

/** Returns a Posthorn that has not started. @throws {PosthornError} `bad_config`. */
export function createPosthorn(options: PosthornOptions = {}): Posthorn {
  return new Posthorn(options)
}

function refusalOf(answer: unknown): PosthornError {
  const { code, detail } = answer as { readonly code?: ErrorCode; readonly detail: unknown }
  if (code === undefined) return new ValidationError(detail as ValidationFault[])
  return new PosthornError(code, String(detail))
}
