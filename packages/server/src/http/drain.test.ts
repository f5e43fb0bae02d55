import { once } from 'node:events'
import { Agent, type IncomingMessage, get } from 'node:http'
import { type AddressInfo, connect } from 'node:net'

import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'

import type { TypeBoxProvider } from './api.ts'
import { DRAIN_MS, drainConnections } from './drain.ts'

async function start(drainMs: number) {
  const server = Fastify({ return503OnClosing: false }).withTypeProvider<TypeBoxProvider>()
  drainConnections(server, drainMs)
  const held = Promise.withResolvers<string>()
  const arrived = Promise.withResolvers<void>()
  server.addHook('onRequest', async () => arrived.resolve())
  server.all('/held', () => held.promise)
  const closing = new Promise<void>((resolve) => {
    server.addHook('preClose', async () => resolve())
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  return { server, port, arrived: arrived.promise, closing, answer: () => held.resolve('done') }
}

test('a request under way is answered, and its connection is not kept', async () => {
  const { server, port, arrived, closing, answer } = await start(DRAIN_MS)
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const answered = once(get({ port, host: '127.0.0.1', path: '/held', agent }), 'response')
  await arrived
  const closed = server.close()
  await closing
  answer()
  const [response] = (await answered) as [IncomingMessage]
  response.resume()
  expect(response.statusCode).toBe(200)
  expect(response.headers.connection).toBe('close')
  // The keep-alive of a server that waited for it is longer than the time that this test has.
  await closed
})

test('a request that never comes to an end is cut off', async () => {
  const { server, port, arrived } = await start(20)
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const ended = once(socket, 'close')
  socket.write('POST /held HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nhalf')
  await arrived
  await server.close()
  await ended
  expect(socket.destroyed).toBe(true)
})
