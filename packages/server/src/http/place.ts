/** Where a request reached the server: at an address of its own, or mounted in another application. @module */

import { AsyncLocalStorage } from 'node:async_hooks'

import type { FastifyRequest } from 'fastify'

import type { Api } from './api.ts'

/** Where the application that Posthorn is mounted in was asked. */
export interface Place {
  /** Scheme and host by which the caller asked: `https://app.example`. */
  readonly origin: string
  /** What the application has before Posthorn's own paths: `/webhooks`; empty where there is nothing. */
  readonly path: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Where it was mounted; `null` where the server listens itself. */
    place: Place | null
  }
}

const current = new AsyncLocalStorage<Place>()

/** Lets every request know its place. */
export function placing(server: Api): void {
  server.decorateRequest('place', null)
  server.addHook('onRequest', (request, _reply, done) => {
    // Here and not later: once a body is awaited, what goes on is called by its stream.
    request.place = current.getStore() ?? null
    done()
  })
}

/** Runs what gives one request to the server, which then knows this place of it. */
export function runAt<T>(place: Place, give: () => T): T {
  return current.run(place, give)
}

/** Returns the URL before Posthorn's own paths, by which the caller asked: without a slash at its end. */
export function baseUrlOf({
  place,
  protocol,
  host,
}: Pick<FastifyRequest, 'place' | 'protocol' | 'host'>): string {
  return place === null ? `${protocol}://${host}` : `${place.origin}${place.path}`
}
