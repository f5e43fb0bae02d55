import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'

import { afterEach, expect, test, vi } from 'vitest'

import type { PoolCounts } from './connection-pool.ts'
import {
  type GuardedClient,
  type GuardedClientOptions,
  MAX_RECORDED_BYTES,
  type PostRequest,
  guardedClient,
} from './guarded-client.ts'
import { parseHostList } from './host-list.ts'

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

/** A deadline that is not what a test is about. */
const TIMEOUT_MS = 60_000

function clientOf(options: Partial<GuardedClientOptions> = {}) {
  const client = guardedClient({ policy: { allowLoopback: true, allowHttp: true }, ...options })
  closers.push(() => client.close())
  return client
}

function newClient(options: Partial<GuardedClientOptions> = {}) {
  const client = clientOf(options)
  return (url: URL, timeoutMs = TIMEOUT_MS, more: Partial<PostRequest> = {}) =>
    client.post({
      url,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{"a":1}'),
      timeoutMs,
      ...more,
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

test('an address in the URL is checked before anything is sent, in whichever way it is written', async () => {
  const { url, sockets } = await serve(() => {})
  const post = newClient({ policy: { allowLoopback: false, allowHttp: true } })
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

test('a name that is resolved after the deadline is not connected to any more', async () => {
  const { url, sockets, server } = await serve(() => {})
  url.hostname = 'slow.example'
  let resolveName: () => void = () => {}
  const lookup = ((_name: string, _options: object, callback: (...args: unknown[]) => void) => {
    resolveName = () => callback(null, [{ address: '127.0.0.1', family: 4 }])
  }) as unknown
  const post = newClient({ lookup: lookup as NonNullable<GuardedClientOptions['lookup']> })
  const result = await post(url, 50)
  expect(result).toMatchObject({ kind: 'failed', reason: 'connect_timeout' })
  expect(result.kind === 'failed' && result.detail).toBe('the name was not resolved within 50 ms')

  resolveName()
  // A connection of our own comes after any that the client had made.
  connect((server.address() as AddressInfo).port, '127.0.0.1')
  while (sockets.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect(sockets).toHaveLength(1)
})

const NO_CONTENT = 'HTTP/1.1 204 No Content\r\n\r\n'

/** Posts several at once, each of which is answered when all of them have come. */
async function postTogether(client: GuardedClient, urls: readonly URL[]) {
  return Promise.all(
    urls.map((url) => client.post({ url, headers: {}, body: Buffer.from('{"a":1}'), timeoutMs: TIMEOUT_MS })),
  )
}

/** A receiver that answers so many requests at the same time. */
async function serveTogether(count: number) {
  const waiting: Socket[] = []
  return serve((socket) =>
    socket.on('data', (chunk: Buffer) => {
      if (!chunk.includes('{"a":1}')) return
      waiting.push(socket)
      if (waiting.length === count) for (const each of waiting.splice(0)) each.write(NO_CONTENT)
    }),
  )
}

/** Resolves when a pool holds so many connections, all of them idle. */
const idle = (client: { readonly connections: PoolCounts }, count: number) =>
  vi.waitFor(() => expect(client.connections).toEqual({ open: count, idle: count }), { timeout: 50_000 })

test('of one origin only so many unused connections are kept', async () => {
  const { url, sockets } = await serveTogether(5)
  const client = clientOf({ idleLimits: { perKey: 2, total: 10 } })
  await postTogether(client, [url, url, url, url, url])
  expect(sockets).toHaveLength(5)
  await idle(client, 2)
})

test('of all origins only so many are kept, and the longest unused goes first', async () => {
  const client = clientOf({ idleLimits: { perKey: 2, total: 3 } })
  const receivers = [await serveTogether(2), await serveTogether(2), await serveTogether(1)]
  const [first, second, third] = receivers.map(({ url }) => url) as [URL, URL, URL]
  await postTogether(client, [first, first])
  await idle(client, 2)
  await postTogether(client, [second, second])
  await idle(client, 3)
  await postTogether(client, [third])
  await idle(client, 3)
  // Both of the first are gone: it is connected to anew, while those of the second are used again.
  await postTogether(client, [second, second])
  await postTogether(client, [first, first])
  expect(receivers.map(({ sockets }) => sockets.length)).toEqual([4, 2, 1])
})

test('a connection that is old is not kept, however often it is used', async () => {
  let now = 0
  const { url, sockets } = await serve(answer(NO_CONTENT))
  const client = clientOf({ clock: () => now })
  await postTogether(client, [url])
  await idle(client, 1)
  now = 300_001
  await postTogether(client, [url])
  // It was used once more, and then it was too old.
  await idle(client, 0)
  await postTogether(client, [url])
  expect(sockets).toHaveLength(2)
})

test('a connection that is idle is closed, and before its receiver closes it', async () => {
  const { url, sockets } = await serve(answer('HTTP/1.1 204 No Content\r\nkeep-alive: timeout=8\r\n\r\n'))
  const client = clientOf()
  await postTogether(client, [url])
  await idle(client, 1)
  // Six seconds from now: two before the receiver would.
  await once(sockets[0]!, 'close')
  await idle(client, 0)
  expect(sockets).toHaveLength(1)
})

test('a client that is closed leaves no connection behind', async () => {
  const { url, sockets } = await serve(answer(NO_CONTENT))
  const client = clientOf()
  await postTogether(client, [url])
  const closed = once(sockets[0]!, 'close')
  await client.close()
  await closed
  expect(client.connections).toEqual({ open: 0, idle: 0 })
})

test('a connection that was answered early keeps nobody waiting behind what is unsent', async () => {
  const { url, sockets } = await serve((socket) =>
    socket.once('data', () => socket.pause().write('HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n')),
  )
  const client = clientOf()
  // More than the system takes for a receiver that reads nothing.
  const body = Buffer.alloc(32_000_000)
  for (let i = 0; i < 2; i++) {
    const result = await client.post({ url, headers: {}, body, timeoutMs: TIMEOUT_MS })
    expect(result).toMatchObject({ kind: 'answered', statusCode: 413 })
    await idle(client, 0)
  }
  expect(sockets).toHaveLength(2)
})

test('a request goes twice only where a kept connection closed before a byte of the answer', async () => {
  const sentAgain: string[] = []
  const onSentAgain = (origin: string) => sentAgain.push(origin)
  let turn = 0
  let act: (socket: Socket) => void = (socket) => socket.destroy()
  const { url } = await serve((socket) =>
    socket.on('data', () => {
      turn += 1
      if (turn % 2 === 1) socket.write(NO_CONTENT)
      else act(socket)
    }),
  )
  const client = clientOf({ onSentAgain })
  const post = () => client.post({ url, headers: {}, body: Buffer.from('{"a":1}'), timeoutMs: TIMEOUT_MS })
  expect(await post()).toMatchObject({ kind: 'answered' })
  await idle(client, 1)
  expect(await post()).toMatchObject({ kind: 'answered' })
  expect({ turn, sentAgain }).toEqual({ turn: 3, sentAgain: [url.origin] })

  // With the first byte of an answer the receiver has shown that it read the request.
  await idle(client, 1)
  act = (socket) => void socket.write('H', () => socket.destroy())
  expect(await post()).toMatchObject({ kind: 'failed', reason: 'connection_reset' })
  expect({ turn, sentAgain }).toEqual({ turn: 4, sentAgain: [url.origin] })

  // And a new connection that closes is a failure at once.
  await idle(client, 0)
  turn = 1
  act = (socket) => socket.destroy()
  expect(await post()).toMatchObject({ kind: 'failed', reason: 'connection_reset' })
  expect({ turn, sentAgain }).toEqual({ turn: 2, sentAgain: [url.origin] })
})

const UNASKED = 'HTTP/1.1 299 Unasked\r\ncontent-length: 0\r\n\r\n'

test('an answer that nobody asked for is not taken for that of the next request', async () => {
  const { url, sockets } = await serve(answer(NO_CONTENT))
  const client = clientOf()
  const post = () => client.post({ url, headers: {}, body: Buffer.from('{"a":1}'), timeoutMs: TIMEOUT_MS })
  await post()
  await idle(client, 1)
  // From a timer: the loop looks at its sockets before the client writes on one that was kept.
  const result = await new Promise((resolve) => {
    setTimeout(() => {
      sockets[0]!.write(UNASKED)
      resolve(post())
    })
  })
  expect(result).toMatchObject({ kind: 'answered', statusCode: 204 })
  expect(sockets).toHaveLength(2)
})

test('who sends more than answers has no connections kept for a while: the next might come with a request under way', async () => {
  let now = 0
  const { url, sockets } = await serve(answer(NO_CONTENT))
  const client = clientOf({ clock: () => now })
  await postTogether(client, [url])
  await idle(client, 1)
  sockets[0]!.write(UNASKED)
  await idle(client, 0)
  for (const made of [2, 3]) {
    await postTogether(client, [url])
    // When it is in use no more, it is gone, and not only when its time as an idle one is over.
    const isSettled = () => expect(client.connections.open).toBe(client.connections.idle)
    await vi.waitFor(isSettled, { timeout: 50_000 })
    expect(client.connections.open).toBe(0)
    expect(sockets).toHaveLength(made)
  }
  now = 300_001
  await postTogether(client, [url])
  await idle(client, 1)
})

test.for([
  [{ host: 'other.example' }, 'the header host may not be set'],
  [{ 'Content-Length': '0' }, 'the header Content-Length may not be set'],
  [{ 'transfer-encoding': 'chunked' }, 'the header transfer-encoding may not be set'],
  [{ connection: 'upgrade' }, 'the header connection may not be set'],
  [{ 'x-a': 'b\r\nhost: c' }, 'the header x-a has a character that may not be in it'],
  [{ 'x-a': 'b\0' }, 'the header x-a has a character that may not be in it'],
  [{ 'x\r\nhost: c\r\ny': 'b' }, 'is not the name of a header'],
] as const)('headers %j are not sent', async ([headers, detail]) => {
  const { url, sockets } = await serve(() => {})
  const result = await newClient()(url, TIMEOUT_MS, { headers })
  expect(result).toMatchObject({ kind: 'failed', detail: expect.stringContaining(detail) })
  expect(sockets).toHaveLength(0)
})

test('a policy that has changed since the endpoint was made counts on each attempt', async () => {
  const { url, sockets } = await serve(() => {})
  const loose = { allowLoopback: true, allowHttp: true }
  for (const [policy, detail] of [
    [{ ...loose, allowHttp: false }, 'must be https'],
    [{ ...loose, ports: [443] }, 'must not have the port'],
    [{ ...loose, denyHosts: parseHostList('127.0.0.1') }, 'is denied by the operator'],
    [{ ...loose, hosts: parseHostList('*.example.com') }, 'none of those that the operator allows'],
  ] as const) {
    const result = await newClient({ policy })(url)
    expect(result).toMatchObject({ reason: 'blocked_address', detail: expect.stringContaining(detail) })
  }
  expect(sockets).toHaveLength(0)
})

test('who asks for a name that is being resolved waits for that answer, and later ones ask anew', async () => {
  const { url } = await serve(answer(NO_CONTENT))
  url.hostname = 'receiver.example'
  let lookups = 0
  const lookup = ((_name: string, _options: object, callback: (...args: unknown[]) => void) => {
    lookups += 1
    setImmediate(() => callback(null, [{ address: '127.0.0.1', family: 4 }]))
  }) as unknown as NonNullable<GuardedClientOptions['lookup']>
  const client = clientOf({ lookup, idleLimits: { perKey: 0, total: 0 } })
  await postTogether(client, [url, url, url])
  expect(lookups).toBe(1)
  await postTogether(client, [url])
  expect(lookups).toBe(2)
})
