/** Posthorn in the test's process by its library entry, mounted in real applications. @module */

import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { getRequestListener } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { onTestFinished } from 'vitest'

import { type Posthorn, type PosthornOptions, createPosthorn } from '../../src/index.ts'
import { temporaryFolder } from '../storage/temporary-folder.ts'

/** Starts one that may deliver to this machine, on a database of its own. The end of the test stops it. */
export async function startEmbedded(options: PosthornOptions = {}): Promise<Posthorn> {
  const posthorn = createPosthorn({ data: await temporaryFolder(), dev: true, ...options })
  onTestFinished(() => posthorn.stop())
  await posthorn.start()
  return posthorn
}

/** Listens with this server; the end of the test closes it. Returns its URL. */
export async function listenWith(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** As {@link listenWith}, with what a Hono app answers. */
function listenWithHono(app: Hono): Promise<string> {
  const answer = getRequestListener(app.fetch)
  return listenWith(createServer((request, response) => void answer(request, response)))
}

/** Mounts it in an application of each kind under `/webhooks`, and returns the URL that clients are given. */
export const MOUNTS: Readonly<Record<string, (posthorn: Posthorn) => Promise<string>>> = {
  async 'Express 5'(posthorn) {
    const app = express()
    app.use('/webhooks', posthorn.express())
    app.use(express.json())
    return `${await listenWith(createServer(app))}/webhooks`
  },
  async 'Express 5 behind a parser that keeps the bytes'(posthorn) {
    const app = express()
    app.use(
      express.json({
        limit: '8mb',
        verify: (request, _response, bytes) => void Object.assign(request, { rawBody: bytes }),
      }),
    )
    app.use('/webhooks', posthorn.express())
    return `${await listenWith(createServer(app))}/webhooks`
  },
  async 'Fastify 5'(posthorn) {
    const app = Fastify()
    await app.register(posthorn.fastify(), { prefix: '/webhooks' })
    await app.ready()
    return `${await listenWith(app.server)}/webhooks`
  },
  async 'Hono by a route'(posthorn) {
    const app = new Hono()
    app.all('/webhooks/*', posthorn.hono())
    return `${await listenWithHono(app)}/webhooks`
  },
  async 'Hono by mount'(posthorn) {
    const app = new Hono()
    app.mount('/webhooks', (request) => posthorn.fetch(request, { mountPath: '/webhooks' }), {
      replaceRequest: false,
    })
    return `${await listenWithHono(app)}/webhooks`
  },
  async 'node:http'(posthorn) {
    return `${await listenWith(createServer(posthorn.node({ mountPath: '/webhooks' })))}/webhooks`
  },
}
