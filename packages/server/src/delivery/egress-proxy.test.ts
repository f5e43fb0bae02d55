import { once } from 'node:events'
import { type IncomingMessage, createServer as createHttpServer } from 'node:http'
import { type Server, type Socket, connect, createServer } from 'node:net'
import type { Duplex } from 'node:stream'

import { afterEach, expect, test } from 'vitest'

import { closedPort } from '../../test/support/closed-port.ts'
import { guardedClient } from './guarded-client.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function startReceiver(): Promise<number> {
  return listen(
    createHttpServer((request, response) => request.resume().on('end', () => response.end('received'))),
  )
}

/** Starts an HTTP proxy; returns its port and the tunnels that it was asked for. */
async function startHttpProxy(status = 200) {
  const asked: { target: string; authorization: string | undefined }[] = []
  const server = createHttpServer()
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    asked.push({ target: request.url!, authorization: request.headers['proxy-authorization'] })
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
    const [host, port] = request.url!.split(':')
    const upstream = connect(Number(port), host)
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
    return upstream.on('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(upstream).pipe(socket)
    })
  })
  return { port: await listen(server), asked }
}

/** Starts a SOCKS5 proxy that wants this user and password, if any. */
async function startSocksProxy(credentials: string | null = null, reply = 0) {
  const asked: { address: string; port: number }[] = []
  const server = createServer((socket) => {
    let stage = 0
    socket.on('data', (chunk: Buffer) => {
      if (stage === 0) {
        stage = credentials === null ? 2 : 1
        return socket.write(Buffer.of(5, credentials === null ? 0 : 2))
      }
      if (stage === 1) {
        stage = 2
        const user = chunk.subarray(2, 2 + chunk[1]!).toString()
        const password = chunk.subarray(3 + chunk[1]!).toString()
        return socket.write(Buffer.of(1, `${user}:${password}` === credentials ? 0 : 1))
      }
      const isV6 = chunk[3] === 4
      const address = isV6 ? chunk.subarray(4, 20).toString('hex') : chunk.subarray(4, 8).join('.')
      const port = chunk.readUInt16BE(isV6 ? 20 : 8)
      asked.push({ address, port })
      socket.removeAllListeners('data')
      const answer = Buffer.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0)
      if (reply !== 0) return socket.end(answer)
      const upstream = connect(port, '127.0.0.1')
      upstream.on('error', () => socket.destroy())
      return upstream.on('connect', () => {
        socket.write(answer)
        socket.pipe(upstream).pipe(socket)
      })
    })
  })
  return { port: await listen(server), asked }
}

function postThrough(proxy: string, url: string, resolved?: string, timeoutMs = 60_000) {
  const lookup = (_name: string, _options: object, callback: (...args: unknown[]) => void) =>
    callback(null, [{ address: resolved, family: resolved!.includes(':') ? 6 : 4 }])
  const client = guardedClient({
    policy: { allowLoopback: true, allowHttp: true },
    proxy: new URL(proxy),
    ...(resolved === undefined ? {} : { lookup: lookup as never }),
  })
  closers.push(() => client.close())
  return client.post({ url: new URL(url), headers: {}, body: Buffer.from('{}'), timeoutMs })
}

test('a delivery goes through an HTTP proxy, by the address that was checked and with its credentials', async () => {
  const receiver = await startReceiver()
  const proxy = await startHttpProxy()
  const result = await postThrough(
    `http://user:p%40ss@127.0.0.1:${proxy.port}`,
    `http://receiver.example:${receiver}/`,
    '127.0.0.1',
  )
  expect(result).toMatchObject({ kind: 'answered', statusCode: 200, body: 'received' })
  const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
  expect(proxy.asked).toEqual([{ target: `127.0.0.1:${receiver}`, authorization }])
})

test('a delivery goes through a SOCKS5 proxy, with user and password or without', async () => {
  const receiver = await startReceiver()
  for (const credentials of [null, 'user:secret']) {
    const proxy = await startSocksProxy(credentials)
    const prefix = credentials === null ? '' : `${credentials}@`
    const result = await postThrough(
      `socks5://${prefix}127.0.0.1:${proxy.port}`,
      `http://127.0.0.1:${receiver}/`,
    )
    expect(result).toMatchObject({ kind: 'answered', statusCode: 200, body: 'received' })
    expect(proxy.asked).toEqual([{ address: '127.0.0.1', port: receiver }])
  }
})

test('an IPv6 address reaches a SOCKS5 proxy as its 16 bytes', async () => {
  const proxy = await startSocksProxy(null, 4)
  const target = 'http://receiver.example:8080/'
  await postThrough(`socks5://127.0.0.1:${proxy.port}`, target, '2606:4700::6810:84e5')
  expect(proxy.asked).toEqual([{ address: '260647000000000000000000681084e5', port: 8080 }])
})

test('the guard runs before the proxy: what is not allowed is not even asked for', async () => {
  const proxy = await startHttpProxy()
  const through = `http://127.0.0.1:${proxy.port}`
  for (const result of [
    await postThrough(through, 'http://169.254.169.254/'),
    await postThrough(through, 'http://metadata.example/', '169.254.169.254'),
  ]) {
    expect(result).toMatchObject({ kind: 'failed', reason: 'blocked_address' })
  }
  expect(proxy.asked).toEqual([])
})

test('TLS runs inside the tunnel, so a proxy sees none of it', async () => {
  const plain = await startReceiver()
  const proxy = await startHttpProxy()
  const result = await postThrough(`http://127.0.0.1:${proxy.port}`, `https://127.0.0.1:${plain}/`)
  expect(result).toMatchObject({ kind: 'failed', reason: 'tls_failure' })
  expect(proxy.asked).toHaveLength(1)
})

test("a proxy's own faults are told apart from the endpoint's", async () => {
  const receiver = await startReceiver()
  const target = `http://127.0.0.1:${receiver}/`
  const refusing = await startHttpProxy(407)
  const strict = await startSocksProxy('user:secret')
  const mute = await listen(createServer((socket) => socket.end('220 mail.example ESMTP\r\n\r\n')))

  for (const [proxy, detail] of [
    [`http://127.0.0.1:${refusing.port}`, 'answered 407'],
    [`socks5://user:wrong@127.0.0.1:${strict.port}`, 'refuses user and password'],
    [`socks5://127.0.0.1:${strict.port}`, 'wants another authentication'],
    [`http://127.0.0.1:${mute}`, 'does not speak HTTP'],
    [`socks5://127.0.0.1:${mute}`, 'does not speak SOCKS5'],
    [`http://127.0.0.1:${await closedPort()}`, 'ECONNREFUSED'],
  ] as const) {
    const result = await postThrough(proxy, target)
    expect(result).toMatchObject({ kind: 'failed', reason: 'proxy_failure' })
    expect(result.kind === 'failed' && result.detail).toContain(detail)
    // Its address is the operator's business, and the endpoint's owner reads the detail.
    expect(result.kind === 'failed' && result.detail).not.toContain('127.0.0.1')
  }
})

test('what a proxy says of the endpoint is recorded as the fault of the endpoint', async () => {
  const target = 'http://127.0.0.1:9/'
  for (const [start, answer, reason] of [
    [startSocksProxy.bind(null, null), 3, 'network_failure'],
    [startSocksProxy.bind(null, null), 4, 'network_failure'],
    [startSocksProxy.bind(null, null), 5, 'connection_refused'],
    [startSocksProxy.bind(null, null), 6, 'connect_timeout'],
    [startSocksProxy.bind(null, null), 2, 'proxy_failure'],
    [startHttpProxy, 502, 'network_failure'],
    [startHttpProxy, 504, 'connect_timeout'],
    [startHttpProxy, 503, 'proxy_failure'],
  ] as const) {
    const { port } = await start(answer)
    const scheme = start === startHttpProxy ? 'http' : 'socks5'
    const result = await postThrough(`${scheme}://127.0.0.1:${port}`, target)
    expect({ answer, ...result }).toMatchObject({ answer, kind: 'failed', reason })
  }
})

test('a proxy that is silent is at fault until it has been asked for the address', async () => {
  const silent = await listen(createServer(() => {}))
  const late = createServer((socket) => socket.once('data', () => socket.write(Buffer.of(5, 0))))
  const cases = [
    [`socks5://127.0.0.1:${silent}`, 'proxy_failure', 'the egress proxy did not answer within 2000 ms'],
    [`https://127.0.0.1:${silent}`, 'proxy_failure', 'the egress proxy did not answer within 2000 ms'],
    [`http://127.0.0.1:${silent}`, 'connect_timeout', 'the egress proxy made no connection within 2000 ms'],
    [
      `socks5://127.0.0.1:${await listen(late)}`,
      'connect_timeout',
      'the egress proxy made no connection within 2000 ms',
    ],
  ] as const
  await Promise.all(
    cases.map(async ([proxy, reason, detail]) => {
      const result = await postThrough(proxy, 'http://127.0.0.1:9/', undefined, 2_000)
      expect(result).toEqual({ kind: 'failed', reason, detail })
    }),
  )
})
