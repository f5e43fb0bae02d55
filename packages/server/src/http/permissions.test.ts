import Fastify from 'fastify'
import { expect, test } from 'vitest'

import { PosthornError } from '../domain/errors.ts'
import type { Capability } from '../domain/token.ts'
import type { Store } from '../storage/store.ts'
import { authenticator } from './authentication.ts'
import { type Caller, LISTED_ROUTES, type Need, permissionOf, requirePermission } from './permissions.ts'
import { httpServer } from './server.ts'

const API = '/api/v1'

/** Every route of the server below the API's prefix, with the names of its parameters left out. */
async function allRoutes(): Promise<string[]> {
  const store = { onChange() {} } as unknown as Store
  const clock = () => 0
  const server = httpServer(
    {
      version: '0.0.0',
      store,
      clock,
      authenticator: authenticator({ store, clock, jwtSecrets: null }),
      corsOrigins: [],
    } as unknown as Parameters<typeof httpServer>[0],
    Fastify({ logger: false }).log,
  )
  const routes: string[] = []
  server.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) {
      if (each !== 'HEAD' && url.startsWith(API)) routes.push(`${each} ${url.slice(API.length)}`)
    }
  })
  await server.ready()
  return routes
}

const caller = (fields: Partial<Caller>): Caller => ({
  scope: 'organisation',
  isReadOnly: false,
  capabilities: null,
  ...fields,
})

function refusalOf(who: Caller, need: Need, isRead = false): string | null {
  try {
    requirePermission(who, { need, isRead })
    return null
  } catch (error) {
    return (error as PosthornError).code
  }
}

test('every route of the API is in the table, and the table names no other', async () => {
  const routes = await allRoutes()
  const named = routes.filter((route) => permissionOf(...(route.split(' ') as [string, string])) === null)
  expect(named).toEqual([])
  expect(routes.length).toBeGreaterThan(30)
  const shapes = new Set(routes.map((route) => route.replaceAll(/:[^/]+/g, ':')))
  const gone = LISTED_ROUTES.filter((route) => !shapes.has(route.replaceAll(/:[^/]+/g, ':')))
  expect(gone).toEqual([])
})

test('an organisation’s token does everything, an application’s all but what concerns the organisation', () => {
  const needs: readonly Need[] = ['any', 'organisation', 'ViewBase', 'ManageEndpoint']
  expect(needs.map((need) => refusalOf(caller({}), need))).toEqual([null, null, null, null])
  const application = caller({ scope: 'application' })
  expect(needs.map((need) => refusalOf(application, need))).toEqual([null, 'forbidden', null, null])
})

test('a read-only token reads all that it opens and writes nothing', () => {
  for (const scope of ['organisation', 'application', 'portal'] as const) {
    const who = caller({ scope, isReadOnly: true })
    expect([refusalOf(who, 'ViewBase', true), refusalOf(who, 'ManageEndpoint', false)]).toEqual([
      null,
      'forbidden',
    ])
  }
})

test.for<[readonly Capability[] | null, readonly Capability[]]>([
  [null, ['ViewBase', 'ViewEndpointSecret', 'ManageEndpointSecret', 'CreateAttempts', 'ManageEndpoint']],
  [[], ['ViewBase']],
  [['ViewEndpointSecret'], ['ViewBase', 'ViewEndpointSecret']],
  [['ManageEndpointSecret'], ['ViewBase', 'ViewEndpointSecret', 'ManageEndpointSecret']],
  [['CreateAttempts'], ['ViewBase', 'CreateAttempts']],
  [['ManageEndpoint'], ['ViewBase', 'ViewEndpointSecret', 'ManageEndpointSecret', 'ManageEndpoint']],
])('a portal token with %j may %j', ([capabilities, expected]) => {
  const who = caller({ scope: 'portal', capabilities })
  const all: readonly Capability[] = [
    'ViewBase',
    'ViewEndpointSecret',
    'ManageEndpointSecret',
    'CreateAttempts',
    'ManageEndpoint',
  ]
  expect(all.filter((need) => refusalOf(who, need) === null)).toEqual(expected)
  expect(refusalOf(who, 'organisation')).toBe('forbidden')
})

test('a route is known whatever its parameters are called, HEAD as GET, and no other', () => {
  expect(permissionOf('HEAD', '/app/:id/')).toEqual({ need: 'ViewBase', isRead: true })
  expect(permissionOf('GET', '/app/:a/endpoint')).toEqual({ need: 'ViewBase', isRead: true })
  expect(permissionOf('DELETE', '/app')).toBeNull()
  expect(permissionOf('POST', '/auth/logout')).toEqual({ need: 'any', isRead: true })
})
