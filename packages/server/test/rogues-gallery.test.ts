/** All rogues at once, each beside a receiver that is well, through the whole server. @module */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { LookupAddress } from 'node:dns'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import type { NameLookup } from '../src/delivery/guarded-lookup.ts'
import type { Api, ShownAttempt } from './support/api.ts'
import { type Authority, makeAuthority } from './support/certificates.ts'
import { eventually } from './support/eventually.ts'
import { NAMES, ROGUES, ROGUE_TIMEOUT_MS } from './support/rogues.ts'
import { type TestServer, startServerOn } from './support/server.ts'
import { type SocketServer, onRequest, serveSockets } from './support/socket-server.ts'

/** More than is read of any answer: what is allowed of one, and what the last read may bring beyond. */
const MOST_BYTES_READ = 400_000

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

interface Met {
  readonly application: string
  readonly message: string
  readonly endpoint: string
  readonly healthy: string
  readonly port: number
}

const closers: (() => Promise<unknown>)[] = []
/** Connections that were made from here, and where to. */
const connections: { readonly socket: Socket; readonly to: string }[] = []
const met = new Map<string, Met>()
const requestsOfHealthy: string[] = []
let server: TestServer
let authority: Authority

/** The addresses of names, which the tests may change. */
const names = new Map(Object.entries(NAMES))

const lookup = ((name: string, _options: object, callback: (...args: unknown[]) => void) => {
  const answer = names.get(name)
  if (answer === 'silence') return
  if (answer === undefined) {
    const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
    process.nextTick(callback, error)
    return
  }
  const addresses: LookupAddress[] = answer.map((address) => ({
    address,
    family: address.includes(':') ? 6 : 4,
  }))
  process.nextTick(callback, null, addresses)
}) as unknown as NameLookup

const notice = (published: unknown) => {
  const { socket } = published as { socket: Socket }
  socket.once('connect', () =>
    connections.push({ socket, to: `${socket.remoteAddress}:${socket.remotePort}` }),
  )
}

async function start(starting: Promise<SocketServer>): Promise<SocketServer> {
  const started = await starting
  closers.push(() => started.close())
  return started
}

/** Every rogue has an application, in which a healthy receiver gets the same message. They all meet at the same time. */
beforeAll(async () => {
  subscribe('net.client.socket', notice)
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-'))
  authority = makeAuthority()
  await writeFile(join(folder, 'authority.pem'), authority.certificate)
  server = await startServerOn(
    folder,
    {
      'attempt-timeout': `${ROGUE_TIMEOUT_MS}ms`,
      'retry-schedule': '1h',
      'tls-ca-file': join(folder, 'authority.pem'),
    },
    { lookup },
  )
  const healthy = await start(
    serveSockets((socket) =>
      onRequest(socket, (request) => {
        requestsOfHealthy.push(request)
        socket.write(OK)
      }),
    ),
  )
  const { api } = server
  const prepared = await Promise.all(
    ROGUES.map(async (rogue) => {
      const { port } = await start(rogue.start(authority))
      const application = await api.makeApplication()
      const { scheme = 'http', host = '127.0.0.1' } = rogue
      return {
        rogue,
        port,
        application,
        endpoint: await api.makeEndpoint(application, `${scheme}://${host}:${port}/hook`),
        healthy: await api.makeEndpoint(application, `http://127.0.0.1:${healthy.port}/hook`),
      }
    }),
  )
  await Promise.all(
    prepared.map(async ({ rogue, ...rest }) => {
      const payload = rogue.payload ?? { rogue: rogue.title }
      met.set(rogue.title, { ...rest, message: await api.send(rest.application, { payload }) })
    }),
  )
  closers.push(() => rm(folder, { recursive: true, force: true }))
})

afterAll(async () => {
  unsubscribe('net.client.socket', notice)
  // Stopped while the receivers still hold what they hold: their attempts end by the deadline.
  await server.stop()
  for (const close of closers) await close()
})

/** Resolves with the one attempt that was made of a message at an endpoint. */
async function attemptAt(
  api: Api,
  { application, message, endpoint }: Pick<Met, 'application' | 'message' | 'endpoint'>,
): Promise<ShownAttempt> {
  const attempts = await eventually(
    async () => (await api.attemptsOf(application, message)).filter((each) => each.endpointId === endpoint),
    (seen) => expect(seen).toHaveLength(1),
  )
  return attempts[0]!
}

test.for(ROGUES)('a receiver that $title is told for what it is', async ({ title, attempt }) => {
  const { port, healthy, ...rest } = met.get(title)!
  expect(await attemptAt(server.api, rest)).toMatchObject(attempt)

  // The other endpoint of the same application had its delivery at the first attempt.
  expect(await attemptAt(server.api, { ...rest, endpoint: healthy })).toMatchObject({
    statusText: 'success',
    responseStatusCode: 200,
  })
  const read = connections.filter(({ to }) => to === `127.0.0.1:${port}`)
  for (const { socket } of read) expect(socket.bytesRead).toBeLessThan(MOST_BYTES_READ)
})

test('nothing was connected to but this machine, and the healthy got each message once', async () => {
  await Promise.all(ROGUES.map(({ title }) => attemptAt(server.api, met.get(title)!)))
  expect(connections.length).toBeGreaterThan(ROGUES.length / 2)
  expect(connections.filter(({ to }) => !to.startsWith('127.0.0.1:'))).toEqual([])
  const ids = requestsOfHealthy.map((request) => /\r\nwebhook-id: (.*)\r\n/.exec(request)?.[1])
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toHaveLength(ROGUES.length)
})

/** Makes an endpoint at a receiver, and returns the means to send to it. */
async function endpointAt(url: string) {
  const { api } = server
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, url)
  return async (payload: object = {}) => {
    const message = await api.send(application, { payload })
    return { message, attempt: await attemptAt(api, { application, message, endpoint }) }
  }
}

test('a name that leads first to an allowed address and then to a private one is refused by then', async () => {
  const { port } = await start(
    serveSockets((socket) =>
      onRequest(socket, () =>
        socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'),
      ),
    ),
  )
  names.set('rebound.example', ['127.0.0.1'])
  const send = await endpointAt(`http://rebound.example:${port}/`)
  expect((await send()).attempt).toMatchObject({ statusText: 'success', responseStatusCode: 200 })
  names.set('rebound.example', ['169.254.169.254'])
  expect((await send()).attempt).toMatchObject({
    failure: 'blocked_address',
    response: expect.stringContaining('169.254.169.254 is a link-local address'),
  })
})

test('a kept connection that closes as a request is written is no failure: it is sent again, once', async () => {
  const ids: string[] = []
  const { port } = await start(
    serveSockets((socket) =>
      onRequest(socket, (request, turn) => {
        ids.push(/\r\nwebhook-id: (.*)\r\n/.exec(request)![1]!)
        // The first of a connection is answered, and the second meets the end of the receiver's patience.
        if (turn === 1) socket.write(OK)
        else socket.destroy()
      }),
    ),
  )
  const send = await endpointAt(`http://127.0.0.1:${port}/`)
  const first = await send()
  const second = await send()
  for (const { attempt } of [first, second]) {
    expect(attempt).toMatchObject({ statusText: 'success', responseStatusCode: 200 })
  }
  expect(ids).toEqual([first.message, second.message, second.message])
})

test('an answer that nobody asked for is not taken for the next', async () => {
  const { port } = await start(
    serveSockets((socket) =>
      onRequest(socket, () => socket.write(`${OK}HTTP/1.1 500 Smuggled\r\ncontent-length: 0\r\n\r\n`)),
    ),
  )
  const send = await endpointAt(`http://127.0.0.1:${port}/`)
  for (let i = 0; i < 3; i++) {
    expect((await send()).attempt).toMatchObject({ responseStatusCode: 200, response: 'ok' })
  }
})
