import { expect, test } from 'vitest'

import { rawRequest, sendRaw } from './support/raw-http.ts'
import { TOKEN, type TestServer, startServer } from './support/server.ts'

const AUTHORIZED = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
const TEN_MIB = 10 * 1_048_576
const TOO_LARGE = { status: 413, body: { code: 'payload_too_large', detail: expect.any(String) } }

async function start(): Promise<TestServer> {
  const server = await startServer()
  await server.api.makeApplication({ uid: 'acme' })
  return server
}

/** Fails where the server does not work any more. */
async function expectServing({ api }: TestServer): Promise<void> {
  expect(await api.call('POST', '/app/acme/msg', { eventType: 'a', payload: {} })).toMatchObject({
    status: 202,
  })
  expect(await api.call('GET', '/health')).toMatchObject({ status: 204 })
}

const jsonOf = (bytes: number) => `{"eventType":"a","payload":{"x":"${'x'.repeat(bytes)}"}}`

test('a body of 10 MiB is refused with 413 to a client that uses fetch', async () => {
  const server = await start()
  const body = jsonOf(TEN_MIB)
  expect(await server.api.call('POST', '/app/acme/msg', body)).toMatchObject(TOO_LARGE)
  await expectServing(server)
})

test('a body of 10 MiB is refused with 413 also to a client that reads only when it has sent all', async () => {
  const server = await start()
  const body = jsonOf(TEN_MIB)
  const headers = { ...AUTHORIZED, 'content-length': String(body.length) }
  const reply = await sendRaw(server.url, rawRequest('POST /api/v1/app/acme/msg', headers, body))
  expect(reply).toMatchObject({ ...TOO_LARGE, brokenBy: null })
  await expectServing(server)
})

test('a body of 10 MiB in chunks, whose length is not told, is refused with 413', async () => {
  const server = await start()
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  const headers = { ...AUTHORIZED, 'transfer-encoding': 'chunked' }
  const body = `${chunk.repeat(TEN_MIB / 0x10000)}0\r\n\r\n`
  const reply = await sendRaw(server.url, rawRequest('POST /api/v1/app/acme/msg', headers, body))
  expect(reply).toMatchObject({ ...TOO_LARGE, brokenBy: null })
  await expectServing(server)
})

test('a body of 10 MiB without a token is refused with 401', async () => {
  const server = await start()
  const body = jsonOf(TEN_MIB)
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) }
  const reply = await sendRaw(server.url, rawRequest('POST /api/v1/app/acme/msg', headers, body))
  expect(reply).toMatchObject({ status: 401, body: { code: 'unauthorized' }, brokenBy: null })
  await expectServing(server)
})

test('the largest body that is allowed arrives, and one byte more is refused', async () => {
  const server = await start()
  const largest = 1_048_576
  const body = (bytes: number) => jsonOf(bytes - jsonOf(0).length)
  expect(await server.api.call('POST', '/app/acme/msg', body(largest))).toMatchObject({ status: 202 })
  expect(await server.api.call('POST', '/app/acme/msg', body(largest + 1))).toMatchObject(TOO_LARGE)
})

const BAD_REQUEST = { status: 400, body: { code: 'bad_request' }, brokenBy: null }

test.for([
  ['garbage', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0xff, 0x0d, 0x0a, 0x0d, 0x0a])],
  ['a line that is no request line', 'HELO posthorn\r\n\r\n'],
  ['headers of 64 KiB', rawRequest('GET /api/v1/app', { ...AUTHORIZED, x: 'y'.repeat(65_536) })],
  ['a header with a line break in it', rawRequest('GET /api/v1/app', { 'x\r\ny z': '1' })],
  [
    'a chunk without a length',
    rawRequest('POST /api/v1/app', { ...AUTHORIZED, 'transfer-encoding': 'chunked' }, 'zz\r\n'),
  ],
  [
    'a length that is no number',
    rawRequest('POST /api/v1/app', { ...AUTHORIZED, 'content-length': '1x' }, '{}'),
  ],
  [
    'two ways to tell the length',
    rawRequest(
      'POST /api/v1/app',
      { ...AUTHORIZED, 'content-length': '2', 'transfer-encoding': 'chunked' },
      '{}',
    ),
  ],
] as const)('a connection that sends %s is refused with 400', async ([, bytes]) => {
  const server = await start()
  expect(await sendRaw(server.url, bytes)).toMatchObject(BAD_REQUEST)
  await expectServing(server)
})
