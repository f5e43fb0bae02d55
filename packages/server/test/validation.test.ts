import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeAll, expect, test } from 'vitest'

import { type TestServer, startServerOn } from './support/server.ts'

/** One server for all cases: none of them changes anything. Delivers to public addresses alone, by https. */
let server: TestServer

beforeAll(async () => {
  const data = await mkdtemp(join(tmpdir(), 'posthorn-'))
  server = await startServerOn(data, { dev: false })
  await server.api.makeApplication({ uid: 'acme' })
  return async () => {
    await server.stop()
    await rm(data, { recursive: true })
  }
})

afterEach(async () => {
  const { data } = await server.api.ask<{ data: object[] }>('GET', '/app/acme/endpoint')
  if (data.length > 0) throw new Error('What was refused was made all the same')
})

const URL = 'https://example.com/hook'
const message = (fields: object) => ({ eventType: 'a', payload: {}, ...fields })
const endpoint = (fields: object) => ({ url: URL, ...fields })
const long = (length: number) => 'x'.repeat(length)

type Body = readonly [what: string, path: string, body: unknown, field: string]

const APPLICATION: readonly Body[] = [
  ['no name', '/app', {}, 'name'],
  ['an empty name', '/app', { name: '' }, 'name'],
  ['a name that is a number', '/app', { name: 1 }, 'name'],
  ['a name that is null', '/app', { name: null }, 'name'],
  ['a list for a body', '/app', [], ''],
  ['a text for a body', '/app', '"name"', ''],
  ['null for a body', '/app', 'null', ''],
  ['an empty uid', '/app', { name: 'x', uid: '' }, 'uid'],
  ['a uid with a space', '/app', { name: 'x', uid: 'a b' }, 'uid'],
  ['a uid with a slash', '/app', { name: 'x', uid: 'a/b' }, 'uid'],
  ['a uid with a line break at its end', '/app', { name: 'x', uid: 'a\n' }, 'uid'],
  ['a uid of 257 characters', '/app', { name: 'x', uid: long(257) }, 'uid'],
  ['a uid that begins like an id', '/app', { name: 'x', uid: 'app_1' }, 'uid'],
  ['a rate of nothing', '/app', { name: 'x', throttleRate: 0 }, 'throttleRate'],
  ['a rate that is a fraction', '/app', { name: 'x', throttleRate: 1.5 }, 'throttleRate'],
  ['a rate that is a text', '/app', { name: 'x', throttleRate: '5' }, 'throttleRate'],
  ['a rate beyond 16 bits', '/app', { name: 'x', throttleRate: 65_536 }, 'throttleRate'],
  ['metadata that is a list', '/app', { name: 'x', metadata: [] }, 'metadata'],
  ['metadata with a number in it', '/app', { name: 'x', metadata: { a: 1 } }, 'metadata'],
  ['metadata of more than 4 KiB', '/app', { name: 'x', metadata: { a: long(4_096) } }, 'metadata'],
  [
    'metadata of few characters and many bytes',
    '/app',
    { name: 'x', metadata: { a: '😀'.repeat(1_025) } },
    'metadata',
  ],
]

const ENDPOINT: readonly Body[] = [
  ['no URL', '/app/acme/endpoint', {}, 'url'],
  ['a URL that is none', '/app/acme/endpoint', { url: 'example' }, 'url'],
  ['a URL without a host', '/app/acme/endpoint', { url: 'https://' }, 'url'],
  ['a URL of a file', '/app/acme/endpoint', { url: 'file:///etc/passwd' }, 'url'],
  ['a URL of plain http', '/app/acme/endpoint', { url: 'http://example.com/' }, 'url'],
  [
    'a URL of a cloud machine’s own service',
    '/app/acme/endpoint',
    { url: 'https://169.254.169.254/' },
    'url',
  ],
  ['a URL of this machine', '/app/acme/endpoint', { url: 'https://localhost/' }, 'url'],
  ['a URL of this machine in hexadecimal', '/app/acme/endpoint', { url: 'https://0x7f000001/' }, 'url'],
  ['a URL of this machine in IPv6', '/app/acme/endpoint', { url: 'https://[::ffff:127.0.0.1]/' }, 'url'],
  ['a URL of a private network', '/app/acme/endpoint', { url: 'https://10.0.0.1/' }, 'url'],
  ['a URL with a user', '/app/acme/endpoint', { url: 'https://user@example.com/' }, 'url'],
  ['a URL with a password', '/app/acme/endpoint', { url: 'https://:secret@example.com/' }, 'url'],
  ['an empty list of event types', '/app/acme/endpoint', endpoint({ eventTypes: [] }), 'eventTypes'],
  ['an empty list under the old name', '/app/acme/endpoint', endpoint({ filterTypes: [] }), 'filterTypes'],
  ['an event type twice', '/app/acme/endpoint', endpoint({ eventTypes: ['a', 'a'] }), 'eventTypes'],
  ['an event type with a space', '/app/acme/endpoint', endpoint({ eventTypes: ['a b'] }), 'eventTypes'],
  ['an empty list of channels', '/app/acme/endpoint', endpoint({ channels: [] }), 'channels'],
  [
    'eleven channels',
    '/app/acme/endpoint',
    endpoint({ channels: 'a b c d e f g h i j k'.split(' ') }),
    'channels',
  ],
  ['a uid that begins like an id', '/app/acme/endpoint', endpoint({ uid: 'ep_1' }), 'uid'],
  ['a secret that is too short', '/app/acme/endpoint', endpoint({ secret: 'whsec_AAAA' }), 'secret'],
  [
    'a secret that is not base64',
    '/app/acme/endpoint',
    endpoint({ secret: `whsec_${long(31)}=x=x` }),
    'secret',
  ],
  ['a switch that is a text', '/app/acme/endpoint', endpoint({ disabled: 'false' }), 'disabled'],
]

const MESSAGE: readonly Body[] = [
  ['no event type', '/app/acme/msg', { payload: {} }, 'eventType'],
  ['no payload', '/app/acme/msg', { eventType: 'a' }, 'payload'],
  ['a payload that is a list', '/app/acme/msg', message({ payload: [] }), 'payload'],
  ['a payload that is a text', '/app/acme/msg', message({ payload: 'x' }), 'payload'],
  ['a payload that is null', '/app/acme/msg', message({ payload: null }), 'payload'],
  ['an event type with a slash', '/app/acme/msg', message({ eventType: 'a/b' }), 'eventType'],
  ['an empty list of channels', '/app/acme/msg', message({ channels: [] }), 'channels'],
  ['six channels', '/app/acme/msg', message({ channels: 'a b c d e f'.split(' ') }), 'channels'],
  ['an event id with a space', '/app/acme/msg', message({ eventId: 'a b' }), 'eventId'],
  ['a time that is none', '/app/acme/msg', message({ deliverAt: 'tomorrow' }), 'deliverAt'],
  ['a time that is a number', '/app/acme/msg', message({ deliverAt: 1 }), 'deliverAt'],
  [
    'an application with another uid than the path',
    '/app/new/msg',
    message({ application: { name: 'x', uid: 'y' } }),
    'application',
  ],
  ['an application without a name', '/app/new/msg', message({ application: { uid: 'new' } }), 'application'],
]

test.for([...APPLICATION, ...ENDPOINT, ...MESSAGE])(
  '%s is refused with 422 at its place',
  async ([, path, body, field]) => {
    const { status, body: answer } = await server.api.call('POST', path, body)
    expect(status).toBe(422)
    const { detail } = answer as { detail: { loc: string[]; msg: string; type: string }[] }
    expect(detail[0]!.loc.slice(0, field === '' ? 1 : 2)).toEqual(field === '' ? ['body'] : ['body', field])
    expect(detail[0]).toMatchObject({ msg: expect.stringMatching(/\w/), type: expect.stringMatching(/\w/) })
  },
)

test.for([
  ['limit=0', 'limit'],
  ['limit=251', 'limit'],
  ['limit=many', 'limit'],
  ['limit=1.5', 'limit'],
  ['limit=', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['order=sideways', 'order'],
  ['iterator=', 'iterator'],
  ['before=yesterday', 'before'],
  ['after=2026-13-01T00:00:00Z', 'after'],
  ['channel=a%20b', 'channel'],
  ['tag=%00', 'tag'],
  ['event_types=a,,b', 'event_types'],
  ['with_content=maybe', 'with_content'],
] as const)('the query %s is refused with 422 at its place', async ([query, field]) => {
  const reply = await server.api.call('GET', `/app/acme/msg?${query}`)
  expect(reply).toMatchObject({ status: 422, body: { detail: [{ loc: ['query', field] }] } })
})

test.for([
  'before=2026-12-31T23:59:60Z',
  'after=2026-12-31T23:59:60Z',
  'iterator=nothing-of-the-kind',
  'iterator=-',
  'iterator=-nothing',
  'unknown=1',
  'limit=250',
  'event_types=a,b',
  'event_types=a&event_types=b,c',
])('the query %s is answered with a list', async (query) => {
  const reply = await server.api.call('GET', `/app/acme/msg?${query}`)
  expect(reply).toMatchObject({ status: 200, body: { data: [] } })
})

test.for([
  ['a uid with a space', '/app/a%20b', { name: 'x' }],
  ['a uid with a line break', '/app/a%0Ab', { name: 'x' }],
  ['a uid of 280 characters', `/app/${long(280)}`, { name: 'x' }],
  ['an endpoint’s uid with a slash', '/app/acme/endpoint/a%2Fb', { url: URL }],
] as const)('what a PUT would make under %s is refused', async ([, path, body]) => {
  expect(await server.api.call('PUT', path, body)).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ['body', 'uid'] }] },
  })
})

test('every fault of a body is named', async () => {
  const { body } = await server.api.call('POST', '/app', { name: 1, uid: 'a b', throttleRate: 0 })
  const { detail } = body as { detail: { loc: string[] }[] }
  expect(detail.map(({ loc }) => loc.join('.'))).toEqual(['body.name', 'body.uid', 'body.throttleRate'])
})

test('fields that the API does not know are let through', async () => {
  const reply = await server.api.call(
    'POST',
    '/app/acme/msg',
    message({ payloadRetentionPeriod: 5, unknown: [1] }),
  )
  expect(reply).toMatchObject({ status: 202 })
})
