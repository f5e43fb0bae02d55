import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import type { Api, Reply } from './support/api.ts'
import { startServer } from './support/server.ts'

/** Every route that takes a body, each with one that it accepts. */
const ROUTES: readonly (readonly [method: string, path: string, body: Readonly<Record<string, unknown>>])[] =
  [
    ['POST', '/app', { name: 'x', uid: null, throttleRate: 1, metadata: { a: 'b' } }],
    ['PUT', '/app/acme', { name: 'x', uid: 'acme', rateLimit: 1, metadata: {} }],
    ['PATCH', '/app/acme', { name: 'x', throttleRate: null, metadata: {} }],
    [
      'POST',
      '/app/acme/endpoint',
      { url: 'https://example.com/', eventTypes: ['a'], channels: ['b'], secret: null, disabled: true },
    ],
    [
      'PUT',
      '/app/acme/endpoint/main',
      { url: 'https://example.com/', uid: 'main', description: 'x', disabled: true },
    ],
    ['PATCH', '/app/acme/endpoint/main', { url: 'https://example.com/', filterTypes: null, disabled: true }],
    [
      'POST',
      '/event-type',
      { name: 'a', description: 'x', schemas: { 1: { type: 'object' } }, featureFlag: 'f' },
    ],
    ['PUT', '/event-type/a', { description: 'x', archived: false, deprecated: true, groupName: 'g' }],
    ['PATCH', '/event-type/a', { description: 'x', schemas: null }],
    [
      'POST',
      '/app/acme/msg',
      {
        eventType: 'a',
        payload: {},
        eventId: null,
        channels: ['b'],
        tags: ['t'],
        deliverAt: '2030-01-01T00:00:00Z',
        application: { name: 'x', uid: 'acme' },
        transformationsParams: { rawPayload: 'x', headers: { 'content-type': 'text/plain' } },
      },
    ],
  ]

/** Says what is wrong with an answer to a body that may be anything; `null` where it is as it must be. */
function faultOf({ status, body, text }: Reply): string | null {
  const isProper =
    typeof body === 'object' &&
    body !== null &&
    (status >= 400 ? 'detail' in body : 'createdAt' in body || 'timestamp' in body || 'data' in body)
  return status >= 200 && status < 500 && isProper ? null : `${status} ${text}`
}

async function start(): Promise<Api> {
  const { api } = await startServer()
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', 'https://example.com/', { uid: 'main', disabled: true })
  await api.ask('POST', '/event-type', { name: 'a', description: '' })
  return api
}

test.for(ROUTES)('%s %s answers any JSON with 2xx or 4xx and JSON', async ([method, path]) => {
  const api = await start()
  await fc.assert(
    fc.asyncProperty(fc.json({ depthSize: 'medium' }), async (body) => {
      expect(faultOf(await api.call(method, path, body))).toBeNull()
    }),
    { numRuns: 100 },
  )
})

test.for(ROUTES)(
  '%s %s answers a body with any one value in it with 2xx or 4xx and JSON',
  async ([method, path, body]) => {
    const api = await start()
    const almostRight = fc
      .record({
        name: fc.constantFrom(...Object.keys(body), '__proto__', 'toString'),
        value: fc.oneof(
          fc.jsonValue(),
          fc.string({ unit: 'binary' }),
          fc.dictionary(fc.string(), fc.string()),
          fc.array(fc.string()),
          fc.webUrl(),
          fc.date({ noInvalidDate: true }).map((date) => date.toJSON()),
          fc.maxSafeInteger(),
          fc.constantFrom(
            '',
            '\0',
            '\ud800',
            'https://',
            'https://[',
            'https://a b',
            '2026-12-31T23:59:60Z',
            1e308,
            -0,
          ),
        ),
      })
      .map(({ name, value }) => JSON.stringify({ ...body, [name]: value }))
    await fc.assert(
      fc.asyncProperty(almostRight, async (text) => {
        expect(faultOf(await api.call(method, path, text))).toBeNull()
      }),
      { numRuns: 200 },
    )
  },
)

test('every list answers any query with 2xx or 4xx and JSON', async () => {
  const api = await start()
  const message = await api.send('acme')
  const lists = [
    '/app',
    '/event-type',
    '/app/acme/endpoint',
    '/app/acme/msg',
    `/app/acme/attempt/msg/${message}`,
  ].concat(
    '/app/acme/attempt/endpoint/main',
    '/app/acme/endpoint/main/msg',
    `/app/acme/msg/${message}/endpoint`,
  )
  const names = [
    'limit',
    'iterator',
    'order',
    'before',
    'after',
    'status',
    'status_code_class',
    'channel',
    'tag',
  ].concat('event_types', 'endpoint_id', 'with_msg', 'with_content', 'include_archived')
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.maxSafeInteger().map(String),
    fc.constantFrom(
      'true',
      '1',
      '-',
      '-msg_',
      'descending',
      '2026-01-01T00:00:00Z',
      '2026-12-31T23:59:60Z',
      'a,b',
    ),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...lists),
      fc.dictionary(fc.constantFrom(...names), values),
      async (path, query) => {
        const search = new URLSearchParams(query).toString()
        expect(faultOf(await api.call('GET', `${path}?${search}`))).toBeNull()
      },
    ),
    { numRuns: 500 },
  )
})
