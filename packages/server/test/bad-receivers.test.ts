import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'

import { expect, onTestFinished, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

const KEPT_BYTES = 16_384

/** Sends one message to the URL, and returns the one attempt that is made of it. */
async function attemptAt(
  urlOf: () => Promise<string>,
  flags: Readonly<Record<string, unknown>> = {},
): Promise<object> {
  const { api } = await startServer({ 'attempt-timeout': '500ms', 'retry-schedule': '1h', ...flags })
  const application = await api.makeApplication()
  await api.makeEndpoint(application, await urlOf())
  const message = await api.send(application)
  const attempts = await eventually(
    () => api.attemptsOf(application, message),
    (seen) => expect(seen).toHaveLength(1),
  )
  return attempts[0]!
}

/** Starts a server below HTTP; returns its URL. */
async function startSocketServer(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

test('a receiver that never answers is a timeout', async () => {
  const attempt = await attemptAt(async () => (await startReceiver({ answer: () => 'nothing' })).url)
  expect(attempt).toMatchObject({ statusText: 'fail', failure: 'timeout', responseStatusCode: 0 })
  expect(attempt).toMatchObject({ response: 'no response came within 500 ms' })
})

test('a receiver that begins an answer and stalls is a timeout', async () => {
  const attempt = await attemptAt(() =>
    startSocketServer((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')),
  )
  expect(attempt).toMatchObject({ statusText: 'fail', failure: 'timeout', responseStatusCode: 0 })
  expect(attempt).toMatchObject({ response: 'the response (status 200) did not end within 500 ms' })
})

test('a body without end is cut, and its status counts', async () => {
  const attempt = await attemptAt(async () => (await startReceiver({ answer: () => 'endless body' })).url, {
    'attempt-timeout': '20s',
  })
  expect(attempt).toMatchObject({ statusText: 'success', responseStatusCode: 200 })
  expect(attempt).toMatchObject({ response: 'x'.repeat(KEPT_BYTES) })
})

test('of a long body the first 16 KiB are recorded', async () => {
  const body = 'a'.repeat(KEPT_BYTES - 1) + 'bc'
  const attempt = await attemptAt(
    async () => (await startReceiver({ answer: () => ({ status: 500, body }) })).url,
  )
  expect(attempt).toMatchObject({ responseStatusCode: 500, response: body.slice(0, KEPT_BYTES) })
})

test('a body of any bytes is recorded as text', async () => {
  const body = Buffer.from([0x00, 0xff, 0x41, 0xc3])
  const attempt = await attemptAt(
    async () => (await startReceiver({ answer: () => ({ status: 500, body }) })).url,
  )
  expect(attempt).toMatchObject({ response: '\uFFFD\uFFFDA\uFFFD' })
})

test('a connection that is torn down without an answer is a reset', async () => {
  const attempt = await attemptAt(async () => (await startReceiver({ answer: () => 'reset' })).url)
  expect(attempt).toMatchObject({ statusText: 'fail', failure: 'connection_reset', responseStatusCode: 0 })
})

test.for([
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['headers without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
] as const)('a receiver that speaks %s is a bad response', async ([, bytes]) => {
  const attempt = await attemptAt(() => startSocketServer((socket) => socket.write(bytes)))
  expect(attempt).toMatchObject({ statusText: 'fail', failure: 'bad_response', responseStatusCode: 0 })
})

test('interim answers do not count', async () => {
  const attempt = await attemptAt(() =>
    startSocketServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
        socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone')
      })
    }),
  )
  expect(attempt).toMatchObject({ statusText: 'fail', responseStatusCode: 404, response: 'none' })
})

test('plain text in the place of TLS is a TLS failure', async () => {
  const attempt = await attemptAt(async () => {
    const { port } = await startReceiver()
    return `https://127.0.0.1:${port}/`
  })
  expect(attempt).toMatchObject({ statusText: 'fail', failure: 'tls_failure', responseStatusCode: 0 })
})

test('a name that does not exist is a failure of the name service', async () => {
  const attempt = await attemptAt(async () => 'http://does-not-exist.invalid/', { 'attempt-timeout': '20s' })
  expect(attempt).toMatchObject({ statusText: 'fail', failure: 'dns_failure', responseStatusCode: 0 })
})
