import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'

import { afterEach, beforeAll, expect, test } from 'vitest'

import { TOKEN, type TestServer, startServerOn } from './support/server.ts'

/** One server for all cases, because that is the point: after each of them it serves as before. */
let server: TestServer

beforeAll(async () => {
  const data = await mkdtemp(join(tmpdir(), 'posthorn-'))
  server = await startServerOn(data)
  await server.api.makeApplication({ uid: 'acme' })
  await server.api.makeEndpoint('acme', 'https://example.com/', { uid: 'main', disabled: true })
  await server.api.ask('POST', '/event-type', { name: 'live', description: '' })
  return async () => {
    await server.stop()
    await rm(data, { recursive: true })
  }
})

afterEach(async () => {
  await server.api.send('acme')
})

const DEEP = '['.repeat(100_000) + ']'.repeat(100_000)
const EVENT = { eventType: 'a', payload: {} }
const RAW_HALF = '{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":"\\ud83d"}}'
const URL = 'https://example.com/'

/** What a refusal with this code looks like. */
const refusal = (status: number, code: string) => ({
  status,
  body: { code, detail: expect.stringMatching(/\w/) as unknown },
})

test.for([
  ['a body that is not JSON', 'POST /app', '{"name":', 400, 'malformed_json'],
  ['an empty body', 'POST /app', '', 400, 'malformed_json'],
  ['a body of nothing but white space', 'POST /app', ' \n', 400, 'malformed_json'],
  ['JSON with a comment', 'POST /app', '{"name":"x"/**/}', 400, 'malformed_json'],
  ['JSON with something after it', 'POST /app', '{"name":"x"}}', 400, 'malformed_json'],
  ['100,000 brackets that do not close', 'POST /app', '['.repeat(100_000), 400, 'malformed_json'],
  ['an unknown application', 'GET /app/nobody', undefined, 404, 'not_found'],
  ['an unknown endpoint', 'GET /app/acme/endpoint/nobody', undefined, 404, 'not_found'],
  ['an unknown message', 'GET /app/acme/msg/msg_0', undefined, 404, 'not_found'],
  ['an unknown attempt', 'GET /app/acme/msg/msg_0/attempt/atmpt_0', undefined, 404, 'not_found'],
  ['an unknown event type', 'GET /event-type/nobody', undefined, 404, 'not_found'],
  ['a message to an unknown application', 'POST /app/nobody/msg', EVENT, 404, 'not_found'],
  ['a change of an unknown endpoint', 'PATCH /app/acme/endpoint/nobody', {}, 404, 'not_found'],
  ['a deletion of an unknown application', 'DELETE /app/nobody', undefined, 404, 'not_found'],
  ['a name of a thousand characters', `GET /app/${'a'.repeat(1_000)}`, undefined, 404, 'not_found'],
  ['dots that climb out of the API', 'GET /app/..%2f..%2fetc', undefined, 404, 'not_found'],
  ['an unknown route', 'GET /nothing/here', undefined, 404, 'not_found'],
  ['an unknown route with a body', 'POST /nothing/here', {}, 404, 'not_found'],
  ['a wrong method', 'DELETE /app', undefined, 404, 'not_found'],
  ['percent-encoding that is none', 'GET /app/%zz', undefined, 400, 'bad_request'],
  ['percent-encoding that is not UTF-8', 'GET /app/%ff', undefined, 400, 'bad_request'],
  ['a uid that is taken', 'POST /app', { name: 'x', uid: 'acme' }, 409, 'uid_exists'],
  [
    'an endpoint’s uid that is taken',
    'POST /app/acme/endpoint',
    { url: URL, uid: 'main' },
    409,
    'uid_exists',
  ],
  [
    'an event type that is there',
    'POST /event-type',
    { name: 'live', description: '' },
    409,
    'event_type_exists',
  ],
] as const)('%s is refused', async ([, route, body, status, code]) => {
  const [method, path] = route.split(' ') as [string, string]
  const reply = await server.api.call(method, path, body)
  expect(reply).toMatchObject(refusal(status, code))
  expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
})

test.for(['text/plain', 'application/x-www-form-urlencoded', 'json', 'application/json5'])(
  'a body that is declared as %s is refused',
  async (type) => {
    const reply = await server.api.call('POST', '/app', '{"name":"x"}', { 'content-type': type })
    expect(reply).toMatchObject(refusal(415, 'unsupported_media_type'))
  },
)

test('a body in a coding that is not read is refused as that', async () => {
  for (const [coding, body] of [
    ['gzip', gzipSync('{"name":"x"}')],
    ['br', brotliCompressSync('{"name":"x"}')],
  ] as const) {
    const response = await fetch(`${server.url}/api/v1/app`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/json',
        'content-encoding': coding,
      },
      body,
    })
    const reply = { status: response.status, body: await response.json() }
    expect(reply).toMatchObject(refusal(415, 'unsupported_media_type'))
  }
})

test('a method that no route has and that asks for a body is refused', async () => {
  expect(await server.api.call('QUERY', '/app')).toMatchObject(refusal(400, 'bad_request'))
})

test.for([
  ['half a character as a name', 'POST /app', '{"name":"\\ud83d"}'],
  ['half a character, in capitals', 'POST /app', '{"name":"a\\uDE00"}'],
  ['half a character in a raw payload', 'POST /app/acme/msg', RAW_HALF],
] as const)('%s is refused by its place', async ([, route, body]) => {
  const [method, path] = route.split(' ') as [string, string]
  const reply = await server.api.call(method, path, body)
  expect(reply).toMatchObject({ status: 422, body: { detail: [{ loc: expect.any(Array) as unknown }] } })
})

test('a PUT of an id that is another application’s, or nobody’s, finds nothing', async () => {
  await server.api.makeApplication({ uid: 'neighbour' })
  const other = await server.api.makeEndpoint('neighbour', URL, { disabled: true })
  for (const id of [other, 'ep_0']) {
    const reply = await server.api.call('PUT', `/app/acme/endpoint/${id}`, { url: URL })
    expect(reply).toMatchObject(refusal(404, 'not_found'))
  }
  expect(await server.api.call('PUT', '/app/app_0', { name: 'x' })).toMatchObject(refusal(404, 'not_found'))
})

test.for([
  ['https://bücher.example/ä b?c=ü', 'https://xn--bcher-kva.example/%C3%A4%20b?c=%C3%BC'],
  ['https://exam\nple.com\\x', 'https://example.com/x'],
  ['https://EXAMPLE.com?x=[1]', 'https://EXAMPLE.com?x=[1]'],
] as const)('the URL %j is kept as %j, which is a URI', async ([given, url]) => {
  const made = await server.api.ask('POST', '/app/acme/endpoint', { url: given, disabled: true })
  expect(made).toMatchObject({ url })
  expect(await server.api.ask('PATCH', `/app/acme/endpoint/${made.id}`, { url: given })).toMatchObject({
    url,
  })
})

test('a request that needs no body may declare one and send none', async () => {
  await server.api.makeApplication({ uid: 'short-lived' })
  expect(
    (await server.api.call('GET', '/app', undefined, { 'content-type': 'application/json' })).status,
  ).toBe(200)
  expect((await server.api.call('DELETE', '/app/short-lived', '')).status).toBe(204)
  expect(await server.api.call('POST', '/nothing/here', '')).toMatchObject(refusal(404, 'not_found'))
})

test.for([
  ['no token', {}],
  ['an unknown token', { authorization: 'Bearer pht_unknown' }],
  ['another scheme', { authorization: `Basic ${TOKEN}` }],
  ['a token without a scheme', { authorization: TOKEN }],
  ['an empty token', { authorization: 'Bearer ' }],
] as const)('%s is refused before anything else is looked at', async ([, headers]) => {
  for (const [method, path] of [
    ['GET', '/app/nobody'],
    ['POST', '/app/acme/msg'],
    ['DELETE', '/app/acme'],
  ] as const) {
    const response = await fetch(`${server.url}/api/v1${path}`, {
      method,
      headers: { ...headers, 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: '{' } : {}),
    })
    expect({ status: response.status, body: await response.json() }).toMatchObject(
      refusal(401, 'unauthorized'),
    )
  }
})

test('health is told without a token', async () => {
  for (const path of ['/health', '/health/ping']) {
    expect((await fetch(`${server.url}/api/v1${path}`)).status).toBe(204)
    expect((await fetch(`${server.url}/api/v1${path}`, { method: 'HEAD' })).status).toBe(204)
  }
})

test('a second message with an event id is refused, and the first is named', async () => {
  const first = await server.api.send('acme', { eventId: 'evt-1' })
  const reply = await server.api.call('POST', '/app/acme/msg', {
    ...EVENT,
    eventId: 'evt-1',
    payload: { n: 2 },
  })
  expect(reply).toMatchObject(refusal(409, 'event_id_exists'))
  expect(reply.text).toContain(first)
})

test('of many messages with one event id, sent at once, one is accepted and all others name it', async () => {
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => server.api.call('POST', '/app/acme/msg', { ...EVENT, eventId: 'race' })),
  )
  const accepted = replies.filter(({ status }) => status === 202)
  expect(accepted).toHaveLength(1)
  const { id } = accepted[0]!.body as { id: string }
  const others = replies.filter((reply) => reply !== accepted[0])
  for (const { status, text } of others) {
    expect(status).toBe(409)
    expect(text).toContain(id)
  }
})

test('of many applications with one uid, made at once, one is made', async () => {
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => server.api.call('POST', '/app', { name: 'x', uid: 'raced' })),
  )
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(replies.filter(({ status }) => status === 409)).toHaveLength(29)
})

test('JSON that is nested 100,000 deep is kept as a payload, and refused anywhere else', async () => {
  const { api } = server
  const sent = await api.call('POST', '/app/acme/msg', `{"eventType":"a","payload":{"a":${DEEP}}}`)
  expect(sent.status).toBe(202)
  const { id } = sent.body as { id: string }
  expect((await api.call('GET', `/app/acme/msg/${id}`)).text).toContain(`"payload":{"a":${DEEP}}`)

  expect((await api.call('POST', '/app', DEEP)).status).toBe(422)
  expect((await api.call('POST', '/app', `{"name":"x","metadata":{"a":${DEEP}}}`)).status).toBe(422)
  const schemas = `{"description":"","schemas":{"1":{"a":${DEEP}}}}`
  for (const method of ['PUT', 'PATCH']) {
    const reply = await api.call(method, '/event-type/live', schemas)
    expect(reply).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'schemas'] }] } })
  }
})

test('members with meanings in JavaScript are names like any other', async () => {
  const { api } = server
  const metadata = '{"__proto__":"p","constructor":"c","toString":"t"}'
  const made = await api.call('POST', '/app', `{"name":"x","__proto__":{"uid":"p"},"metadata":${metadata}}`)
  expect(made).toMatchObject({ status: 201, body: { uid: null } })
  expect(made.text).toContain(`"metadata":${metadata}`)
  const { id } = made.body as { id: string }
  expect((await api.call('GET', `/app/${id}`)).text).toContain(`"metadata":${metadata}`)

  const nameless = await api.call('POST', '/app', '{"__proto__":{"name":"x"}}')
  expect(nameless).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'name'] }] } })
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect(await api.call('GET', `/app/${name}`)).toMatchObject(refusal(404, 'not_found'))
    expect(await api.call('GET', `/event-type/${name}`)).toMatchObject(refusal(404, 'not_found'))
  }
})

test('texts of any characters come back as they were', async () => {
  const { api } = server
  for (const name of ['é😀', 'a\u0001b', '\u2028', '\r\n\t', "'; DROP TABLE application; --", '\u{10FFFF}']) {
    const { id } = await api.ask('POST', '/app', { name, metadata: { [name]: name } })
    expect(await api.ask('GET', `/app/${id}`)).toMatchObject({ name, metadata: { [name]: name } })
  }
})
