import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { TOKEN, startServer } from './support/server.ts'

/** Requests with a place for any text, by the path of that place. */
const REQUESTS: readonly (readonly [
  place: string,
  method: string,
  path: string,
  body: (text: string) => object,
])[] = [
  ['name', 'POST', '/app', (name) => ({ name })],
  ['metadata.a', 'POST', '/app', (a) => ({ name: 'A', metadata: { a } })],
  ['metadata.TEXT', 'POST', '/app', (text) => ({ name: 'A', metadata: { [text]: '' } })],
  ['uid', 'PUT', '/app/acme', (uid) => ({ name: 'A', uid })],
  [
    'description',
    'POST',
    '/app/acme/endpoint',
    (description) => ({ url: 'https://example.com/', description }),
  ],
  ['url', 'POST', '/app/acme/endpoint', (text) => ({ url: `https://example.com/${text}` })],
  ['headers.a', 'PUT', '/app/acme/endpoint/main/headers', (a) => ({ headers: { a } })],
  ['description', 'PUT', '/event-type/a', (description) => ({ description })],
  ['schemas.1.title', 'PUT', '/event-type/a', (title) => ({ description: 'A', schemas: { '1': { title } } })],
  ['spec.info', 'POST', '/event-type/import/openapi', (info) => ({ spec: { openapi: '3.1.0', info } })],
  ['eventType', 'POST', '/app/acme/msg', (eventType) => ({ eventType, payload: {} })],
  ['eventId', 'POST', '/app/acme/msg', (eventId) => ({ eventType: 'a', eventId, payload: {} })],
  ['tags.0', 'POST', '/app/acme/msg', (tag) => ({ eventType: 'a', tags: [tag], payload: {} })],
  [
    'channels.0',
    'POST',
    '/app/acme/msg',
    (channel) => ({ eventType: 'a', channels: [channel], payload: {} }),
  ],
  [
    'application.name',
    'POST',
    '/app/new/msg',
    (name) => ({ eventType: 'a', payload: {}, application: { name, uid: 'new' } }),
  ],
  ['name', 'POST', '/auth/api-token', (name) => ({ name })],
]

async function start() {
  const server = await startServer()
  await server.api.makeApplication({ uid: 'acme' })
  await server.api.makeEndpoint('acme', 'https://example.com/', { uid: 'main', disabled: true })
  return server
}

test('a NUL in any text or name is 422 with its place, and nothing is kept of it', async () => {
  const { api } = await start()
  const text = fc.tuple(fc.string(), fc.string()).map(([before, after]) => `${before}\0${after}`)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...REQUESTS), text, async ([place, method, path, body], bad) => {
      const reply = await api.call(method, path, body(bad))
      const loc = ['body', ...place.split('.').map((part) => (part === 'TEXT' ? bad : part))]
      expect(reply).toMatchObject({ status: 422, body: { detail: [{ loc, type: 'no_nul' }] } })
    }),
    { numRuns: 100 },
  )
  expect(await api.ask<{ data: object[] }>('GET', '/app')).toMatchObject({ data: [{ uid: 'acme' }] })
})

test('a NUL in a path or a query is 422', async () => {
  const { url } = await start()
  const headers = { authorization: `Bearer ${TOKEN}` }
  const detailOf = async (path: string) => {
    const reply = await fetch(`${url}/api/v1${path}`, { headers })
    const { detail } = (await reply.json()) as { detail?: { loc: string[] }[] }
    return [reply.status, detail?.[0]?.loc]
  }
  expect(await detailOf('/app/a%00b')).toEqual([422, ['path', 'app_id']])
  expect(await detailOf('/app/acme/msg?tag=%00')).toEqual([422, ['query', 'tag']])
  expect(await detailOf('/app/acme/msg?tag=%2500')).toEqual([200, undefined])
})

test('what the API does not know is ignored, whatever is in it', async () => {
  const { api } = await start()
  expect(await api.call('GET', '/health?limit=%00')).toMatchObject({ status: 204 })
  expect(await api.call('POST', '/app', { name: 'A', unknown: '\0' })).toMatchObject({ status: 201 })
})

test('a payload is bytes, and may have a NUL wherever it likes', async () => {
  const { api } = await start()
  const payload = { 'a\0': ['\0', { payload: 'b\0' }] }
  const id = await api.send('acme', { payload })
  expect(await api.ask('GET', `/app/acme/msg/${id}?with_content=true`)).toMatchObject({ payload })
  const raw = { transformationsParams: { rawPayload: 'a\0b' } }
  expect(await api.call('POST', '/app/acme/msg', { eventType: 'a', payload: {}, ...raw })).toMatchObject({
    status: 202,
  })
  const other = {
    eventType: 'a',
    payload: {},
    transformationsParams: { rawPayload: 'a', headers: { 'x-a': '\0' } },
  }
  expect(await api.call('POST', '/app/acme/msg', other)).toMatchObject({ status: 422 })
})
