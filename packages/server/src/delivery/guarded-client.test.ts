import { once } from 'node:events'
import { type Server, type Socket, createServer } from 'node:net'

import { afterEach, expect, test } from 'vitest'

import { type GuardedClientOptions, MAX_RECORDED_BYTES, guardedClient } from './guarded-client.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** Starts a server of bare sockets: what it does with one is up to the test. */
async function serve(
  handle: (socket: Socket) => void,
): Promise<{ url: URL; server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: new URL(`http://127.0.0.1:${port}/hook?x=1`), server, sockets }
}

/** Answers every request with this text, once its body has come. */
const answer = (text: string) => (socket: Socket) =>
  socket.on('data', (chunk: Buffer) => {
    if (chunk.includes('{"a":1}')) socket.write(text)
  })

function newClient(options: Partial<GuardedClientOptions> = {}) {
  const client = guardedClient({ policy: { allowLoopback: true }, ...options })
  closers.push(() => client.close())
  return (url: URL, timeoutMs = 5_000) =>
    client.post({
      url,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{"a":1}'),
      timeoutMs,
    })
}

test('posts the bytes as they are, and reads status, Retry-After and body', async () => {
  const seen: Buffer[] = []
  const { url } = await serve((socket) => {
    socket.on('data', (chunk: Buffer) => seen.push(chunk))
    answer('HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy')(socket)
  })
  const result = await newClient()(url)
  expect(result).toEqual({ kind: 'answered', statusCode: 503, retryAfter: '7', body: 'busy' })
  const request = Buffer.concat(seen).toString()
  expect(request).toMatch(/^POST \/hook\?x=1 HTTP\/1\.1\r\n/)
  expect(request).toMatch(/\r\ncontent-length: 7\r\n/i)
  expect(request).toMatch(/\r\n\r\n\{"a":1\}$/)
})

test('connections are used again', async () => {
  const { url, sockets } = await serve(answer('HTTP/1.1 204 No Content\r\n\r\n'))
  const post = newClient()
  for (let i = 0; i < 20; i++) expect(await post(url)).toMatchObject({ kind: 'answered', statusCode: 204 })
  // Two: the first is not free yet when the second request follows its answer in the same breath.
  expect(sockets.length).toBeLessThanOrEqual(2)
})

test('a redirect is an answer, and is not followed', async () => {
  const { url, sockets } = await serve(
    answer('HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n'),
  )
  expect(await newClient()(url)).toMatchObject({ kind: 'answered', statusCode: 302 })
  expect(sockets).toHaveLength(1)
})

test('an informational answer is passed over', async () => {
  const { url } = await serve(
    answer('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  )
  expect(await newClient()(url)).toMatchObject({ kind: 'answered', statusCode: 200, body: 'ok' })
})

test('an endless body is cut, and its status counts', async () => {
  const { url } = await serve((socket) => {
    answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')(socket)
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    const flood = () => {
      while (!socket.destroyed && socket.write(chunk)) continue
    }
    socket.on('drain', flood).once('data', flood)
  })
  const result = await newClient()(url)
  expect(result).toMatchObject({ kind: 'answered', statusCode: 200 })
  expect(result.kind === 'answered' && result.body.length).toBe(MAX_RECORDED_BYTES)
})

test('compressed bytes are recorded, never inflated', async () => {
  const { url } = await serve(
    answer('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain'),
  )
  expect(await newClient()(url)).toMatchObject({ kind: 'answered', body: 'plain' })
})

test.for([
  ['answers nothing', (): void => {}, 'timeout', 'no response came'],
  [
    'stalls within the headers',
    (socket: Socket): void => void socket.write('HTTP/1.1 200 OK\r\nX-'),
    'timeout',
    'no response came',
  ],
  [
    'stalls within the body',
    answer('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    'timeout',
    'the response (status 200) did not end',
  ],
  ['closes at once', (socket: Socket): void => void socket.destroy(), 'connection_reset', ''],
  [
    'closes within the body',
    (socket: Socket): void =>
      void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')),
    'connection_reset',
    '',
  ],
  ['is no HTTP server', answer('220 mail.example ESMTP\r\n'), 'bad_response', 'not HTTP'],
  [
    'sends too many headers',
    answer(`HTTP/1.1 200 OK\r\n${'X-Header: lorem ipsum\r\n'.repeat(2_000)}\r\n`),
    'bad_response',
    '',
  ],
] as const)('a receiver that %s fails the attempt, and says why', async ([, handle, reason, detail]) => {
  const { url } = await serve(handle)
  const result = await newClient()(url, 300)
  expect(result).toMatchObject({ kind: 'failed', reason })
  expect(result.kind === 'failed' && result.detail).toContain(detail)
})

test('a receiver that drips a byte at a time is ended by the one deadline', async () => {
  const { url } = await serve((socket) => {
    answer('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')(socket)
    const timer = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(timer))
  })
  expect(await newClient()(url, 300)).toMatchObject({ kind: 'failed', reason: 'timeout' })
})

test('a port where nothing listens is refused', async () => {
  const { url, server } = await serve(() => {})
  server.close()
  await once(server, 'close')
  expect(await newClient()(url)).toMatchObject({ kind: 'failed', reason: 'connection_refused' })
})

test('plain HTTP behind an https URL is a fault of TLS', async () => {
  const { url } = await serve((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  )
  url.protocol = 'https:'
  expect(await newClient()(url)).toMatchObject({ kind: 'failed', reason: 'tls_failure' })
})

test('an address in the URL is checked before anything is sent, in whichever way it is written', async () => {
  const { url, sockets } = await serve(() => {})
  const post = newClient({ policy: { allowLoopback: false } })
  for (const host of ['127.0.0.1', '127.1', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', '[::1]']) {
    const result = await post(new URL(`http://${host}:${url.port}/`))
    expect(result).toMatchObject({ kind: 'failed', reason: 'blocked_address' })
  }
  expect(sockets).toHaveLength(0)
})

/** A resolver of fixed answers. */
function resolving(...answers: readonly (readonly string[])[]): NonNullable<GuardedClientOptions['lookup']> {
  let turn = 0
  const lookup = (_name: string, _options: object, callback: (...args: unknown[]) => void) => {
    const addresses = answers[Math.min(turn++, answers.length - 1)]!
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
  return lookup as unknown as NonNullable<GuardedClientOptions['lookup']>
}

test('a name is judged by what it resolves to, on each attempt', async () => {
  const { url } = await serve(answer('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'))
  url.hostname = 'receiver.example'
  const post = newClient({ lookup: resolving(['127.0.0.1'], ['169.254.169.254']) })
  expect(await post(url)).toMatchObject({ kind: 'answered', statusCode: 200 })
  const result = await post(url)
  expect(result).toMatchObject({ kind: 'failed', reason: 'blocked_address' })
  expect(result.kind === 'failed' && result.detail).toContain('169.254.169.254 is a link-local address')
})

test('of several addresses only the allowed ones are tried', async () => {
  const { url, sockets } = await serve(answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  url.hostname = 'receiver.example'
  const post = newClient({ lookup: resolving(['10.0.0.1', '127.0.0.1', 'fd00::1']) })
  expect(await post(url)).toMatchObject({ kind: 'answered', statusCode: 200 })
  expect(sockets).toHaveLength(1)
})

test('a name that does not resolve says so', async () => {
  const lookup = ((_name: string, _options: object, callback: (error: Error) => void) =>
    callback(
      Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.example'), { code: 'ENOTFOUND' }),
    )) as unknown
  const post = newClient({ lookup: lookup as NonNullable<GuardedClientOptions['lookup']> })
  expect(await post(new URL('http://nowhere.example/'))).toMatchObject({
    kind: 'failed',
    reason: 'dns_failure',
  })
})

test('a connection that comes after the deadline sends nothing any more', async () => {
  const { url, sockets } = await serve(() => {})
  url.hostname = 'slow.example'
  let resolveName: () => void = () => {}
  const lookup = ((_name: string, _options: object, callback: (...args: unknown[]) => void) => {
    resolveName = () => callback(null, [{ address: '127.0.0.1', family: 4 }])
  }) as unknown
  const post = newClient({ lookup: lookup as NonNullable<GuardedClientOptions['lookup']> })
  expect(await post(url, 50)).toMatchObject({ kind: 'failed', reason: 'connect_timeout' })

  resolveName()
  const bytes: Buffer[] = []
  while (sockets.length === 0) await new Promise((resolve) => setImmediate(resolve))
  sockets[0]!.on('data', (chunk: Buffer) => bytes.push(chunk))
  await once(sockets[0]!, 'close')
  expect(Buffer.concat(bytes).length).toBe(0)
})
