import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { sampleOf } from '../src/http/docs-page/samples.ts'
import { type Api, type Reply, apiOf } from './support/api.ts'
import {
  type DocumentedOperation,
  type DocumentedWorld,
  startDocumentedWorld,
} from './support/documented-world.ts'

/** A world whose things are named by their ids, so that a body which changes a uid takes nothing away. */
async function start(): Promise<DocumentedWorld> {
  const world = await startDocumentedWorld()
  const { api } = world.server
  // What these bodies make of it must not be delivered anywhere.
  const endpoint = await api.ask('PATCH', '/app/acme/endpoint/main', { disabled: true })
  const { id } = await api.ask('GET', '/app/acme')
  const message = await api.ask('GET', '/app/acme/msg/invoice-1001')
  Object.assign(world.values, { app_id: id, msg_id: message.id, endpoint_id: endpoint.id })
  return world
}

/** Calls an operation: with the organisation's token, or where that would end it with one of its own. */
async function call({ server, fill }: DocumentedWorld, { method, path }: DocumentedOperation, body: string) {
  return (await callerOf(server.api, path)).call(method, fill(path), body)
}

async function callerOf(api: Api, path: string): Promise<Api> {
  if (!path.endsWith('/logout')) return api
  const { token } = await api.ask<{ token: string }>('POST', '/auth/api-token', { name: 'short' })
  return apiOf(api.url, token)
}

/** Says what is wrong with an answer to a request that may be anything; `null` where it is as the description says. */
function faultOf({ method, path, operation }: DocumentedOperation, { status, text }: Reply): string | null {
  const isDocumented = status < 500 && String(status) in operation.responses
  return isDocumented ? null : `${method} ${path}: ${status} ${text}`
}

const takesAnything = ({ method }: DocumentedOperation) => ['POST', 'PUT', 'PATCH'].includes(method)

const ANY_VALUE = fc.oneof(
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
)

test('every route answers any JSON with 2xx or a documented 4xx', { timeout: 60_000 }, async () => {
  const world = await start()
  const operations = world.operations.filter(takesAnything)
  expect(operations.length).toBeGreaterThan(30)
  for (const operation of operations) {
    await fc.assert(
      fc.asyncProperty(fc.json({ depthSize: 'medium' }), async (body) => {
        expect(faultOf(operation, await call(world, operation, body))).toBeNull()
      }),
      { numRuns: 30 },
    )
  }
})

test(
  'every route answers a body with any one value in it with 2xx or a documented 4xx',
  { timeout: 90_000 },
  async () => {
    const world = await start()
    for (const operation of world.operations) {
      const schema = operation.operation.requestBody?.content['application/json'].schema
      if (schema === undefined) continue
      const sample = sampleOf(schema, world.document.components.schemas, 'all') as Record<string, unknown>
      // Nothing that is made here is to be delivered anywhere.
      const body = 'disabled' in sample ? { ...sample, disabled: true } : sample
      const almostRight = fc
        .record({ name: fc.constantFrom(...Object.keys(body), '__proto__', 'toString'), value: ANY_VALUE })
        .map(({ name, value }) => JSON.stringify({ ...body, [name]: value }))
      await fc.assert(
        fc.asyncProperty(almostRight, async (text) => {
          expect(faultOf(operation, await call(world, operation, text))).toBeNull()
        }),
        { numRuns: 60 },
      )
    }
  },
)

test('every route answers any query with 2xx or a documented 4xx', { timeout: 60_000 }, async () => {
  const world = await start()
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.maxSafeInteger().map(String),
    fc.constantFrom('true', '1', '-', '-msg_', 'descending', 'a,b').map(String),
    fc.constantFrom('2026-01-01T00:00:00Z', '2026-12-31T23:59:60Z', 'success', 'running'),
  )
  const operations = world.operations.filter(({ method }) => method === 'GET')
  expect(operations.length).toBeGreaterThan(20)
  for (const operation of operations) {
    const own = operation.operation.parameters.filter((each) => each.in === 'query').map(({ name }) => name)
    const names = fc.constantFrom(...own, 'limit', 'unknown')
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, values), async (query) => {
        const search = new URLSearchParams(query).toString()
        const reply = await world.server.api.call('GET', `${world.fill(operation.path)}?${search}`)
        expect(faultOf(operation, reply)).toBeNull()
      }),
      { numRuns: 60 },
    )
  }
})
