import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { beforeAll, expect, test } from 'vitest'

import { type Api, apiOf } from './support/api.ts'
import { TOKEN, type TestServer, startServerOn } from './support/server.ts'

/** What the contract says of a route, judged by its path alone: not by the table that the server goes by. */
type Kind = 'public' | 'any' | 'task' | 'application' | 'organisation'

function kindOf(method: string, path: string): Kind {
  if (/^\/(health|health\/ping|openapi\.json|auth\/one-time-token)$/.test(path)) return 'public'
  if (path === '/auth/logout' || path === '/egress' || (method === 'GET' && path.startsWith('/event-type')))
    return 'any'
  // A task is its application's, and names it only by its id.
  if (path.startsWith('/background-task/{}')) return 'task'
  if (method === 'GET' && path === '/app/{}') return 'application'
  const isSend = /^POST \/app\/\{\}\/msg(\/preview|\/precheck\/active)?$/.test(`${method} ${path}`)
  const isExpunge = path.endsWith('/content') || /\/(bulk-expunge|expunge-all-contents)$/.test(path)
  if (/^\/app\/\{\}\/(endpoint|msg|attempt|exhausted)/.test(path) && !isSend && !isExpunge)
    return 'application'
  return 'organisation'
}

/** A body that the route takes; `{}` where any will do. */
function bodyOf(method: string, path: string): object | undefined {
  if (method === 'GET' || method === 'DELETE') return undefined
  if (path.endsWith('/endpoint') || path.endsWith('/endpoint/{}')) return { url: 'https://example.com/' }
  if (/\/(recover|replay-missing|bulk-replay)$/.test(path)) return { since: '2026-01-01T00:00:00Z' }
  if (path.endsWith('/headers')) return { headers: {} }
  if (path.endsWith('/send-example')) return { eventType: 'a' }
  if (path.endsWith('/msg') || path.endsWith('/preview')) return { eventType: 'a', payload: {} }
  return {}
}

interface Route {
  readonly method: string
  /** With `{}` for each parameter. */
  readonly path: string
  readonly kind: Kind
  /** The path with the things of an application in the place of its parameters. */
  readonly pathOf: (application: string) => string
}

interface World {
  readonly server: TestServer
  readonly routes: readonly Route[]
  readonly callers: Readonly<Record<string, Api>>
}

let world: World

/** Two applications, alike, and callers of every scope. What writes was done last, so that each finds what it names. */
beforeAll(async () => {
  const data = await mkdtemp(join(tmpdir(), 'posthorn-'))
  const server = await startServerOn(data)
  const { api, url } = server
  const names: Record<string, Readonly<Record<string, string>>> = {}
  for (const app of ['mine', 'other']) {
    await api.makeApplication({ uid: app })
    const endpoint = await api.makeEndpoint(app, 'https://127.0.0.1:1/', { uid: 'main' })
    const message = await api.send(app)
    names[app] = { app_id: app, endpoint_id: endpoint, msg_id: message, attempt_id: 'atmpt_x' }
  }
  await api.ask('POST', '/event-type', { name: 'a', description: 'A' })

  const { paths } = await api.ask<{ paths: Record<string, Record<string, unknown>> }>('GET', '/openapi.json')
  const routes = Object.entries(paths).flatMap(([full, methods]) => {
    const path = full.replace('/api/v1', '')
    return Object.keys(methods)
      .map((method) => method.toUpperCase())
      .filter((method) => method !== 'HEAD')
      .map((method): Route => {
        const shape = path.replaceAll(/\{\w+\}/g, '{}')
        return {
          method,
          path: shape,
          kind: kindOf(method, shape),
          pathOf: (app) =>
            path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
              name === 'app_id' ? app : (names[app]?.[name] ?? names['mine']![name] ?? 'a'),
            ),
        }
      })
  })
  const order = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE']
  routes.sort((a, b) => order.indexOf(a.method) - order.indexOf(b.method))

  const made = async (fields: object) => {
    const { token, id } = await api.ask<{ token: string; id: string }>('POST', '/auth/api-token', {
      name: 'x',
      ...fields,
    })
    return { id, api: apiOf(url, token) }
  }
  const portal = async (app: string, fields: object) =>
    apiOf(url, (await api.ask<{ token: string }>('POST', `/auth/app-portal-access/${app}`, fields)).token)
  const [expired, revoked] = [await made({}), await made({})]
  await api.ask('POST', `/auth/api-token/${expired.id}/expire`, {})
  await api.ask('DELETE', `/auth/api-token/${revoked.id}`)

  world = {
    server,
    routes,
    callers: {
      nobody: apiOf(url, null),
      unknown: apiOf(url, 'pht_0123456789012345678901234567890123456789'),
      expired: expired.api,
      revoked: revoked.api,
      readOnly: (await made({ readOnly: true })).api,
      application: (await made({ appId: 'mine' })).api,
      readOnlyApplication: (await made({ appId: 'mine', readOnly: true })).api,
      portal: await portal('mine', {}),
      readOnlyPortal: await portal('mine', { readOnly: true }),
      viewOnlyPortal: await portal('mine', { capabilities: ['ViewBase'] }),
    },
  }
  return async () => {
    await server.stop()
    await rm(data, { recursive: true })
  }
})

const statusOf = async (api: Api, { method, path, pathOf }: Route, application: string) => {
  const reply = await api.call(method, pathOf(application), bodyOf(method, path))
  return { route: `${method} ${path}`, status: reply.status, text: reply.text }
}

/** Routes that end the caller’s own token have a test of their own. */
const withoutLogout = (routes: readonly Route[]) => routes.filter(({ path }) => path !== '/auth/logout')

test('the description that is walked has the routes of the contract', () => {
  const kinds = world.routes.map(({ kind }) => kind)
  expect(kinds.filter((kind) => kind === 'application').length).toBeGreaterThan(15)
  expect(kinds.filter((kind) => kind === 'organisation').length).toBeGreaterThan(15)
})

test.for(['nobody', 'unknown', 'expired', 'revoked'])('%s: 401 everywhere but where all may', async (who) => {
  for (const route of world.routes.filter(({ kind }) => kind !== 'public')) {
    const { text: _, ...reply } = await statusOf(world.callers[who]!, route, 'mine')
    expect(reply).toEqual({ route: reply.route, status: 401 })
  }
})

test.for(['application', 'readOnlyApplication', 'portal', 'readOnlyPortal', 'viewOnlyPortal'])(
  '%s: 403 on what concerns the organisation',
  async (who) => {
    for (const route of world.routes.filter(({ kind }) => kind === 'organisation')) {
      const { text: _, ...reply } = await statusOf(world.callers[who]!, route, 'mine')
      expect(reply).toEqual({ route: reply.route, status: 403 })
    }
  },
)

test.for(['readOnly', 'readOnlyApplication', 'readOnlyPortal', 'viewOnlyPortal'])(
  '%s: 403 on what writes, in its own application too',
  async (who) => {
    const writes = world.routes.filter(({ kind, method }) => kind === 'application' && method !== 'GET')
    expect(writes.length).toBeGreaterThan(3)
    for (const route of writes) {
      const { text: _, ...reply } = await statusOf(world.callers[who]!, route, 'mine')
      expect(reply).toEqual({ route: reply.route, status: 403 })
    }
  },
)

test('a portal token that may only look is not shown a secret', async () => {
  const reply = await world.callers['viewOnlyPortal']!.call('GET', '/app/mine/endpoint/main/secret')
  expect(reply).toMatchObject({ status: 403, body: { code: 'forbidden' } })
})

test.for(['application', 'portal'])(
  '%s: another application is answered as one that is not there, whatever the route',
  async (who) => {
    const before = await world.server.api.ask('GET', '/app/other/endpoint')
    for (const route of world.routes.filter(({ kind }) => kind === 'application')) {
      const other = await statusOf(world.callers[who]!, route, 'other')
      const nobody = await statusOf(world.callers[who]!, route, 'nobody')
      expect(other.text.replaceAll('other', 'nobody')).toBe(nobody.text)
      const { text: _, ...reply } = other
      expect(reply).toEqual({ route: reply.route, status: 404 })
    }
    expect(await world.server.api.ask('GET', '/app/other/endpoint')).toEqual(before)
  },
)

test.for(['readOnly', 'readOnlyApplication', 'application', 'portal', 'readOnlyPortal', 'viewOnlyPortal'])(
  '%s: what it may read of its own it does',
  async (who) => {
    const isRead = ({ kind, method, path }: Route) =>
      method === 'GET' && ['any', 'application'].includes(kind) && !path.endsWith('/secret')
    for (const route of world.routes.filter(isRead)) {
      const { text: _, ...reply } = await statusOf(world.callers[who]!, route, 'mine')
      const expected = route.path.endsWith('/attempt/{}') ? 404 : 200
      expect(reply).toEqual({ route: reply.route, status: expected })
    }
  },
)

test.for(['application', 'portal'])('%s: what it may write of its own is not refused it', async (who) => {
  for (const route of world.routes.filter(({ kind, method }) => kind === 'application' && method !== 'GET')) {
    const { status, route: name } = await statusOf(world.callers[who]!, route, 'mine')
    expect({ name, isRefused: [401, 403].includes(status) }).toEqual({ name, isRefused: false })
  }
})

test.for(['application', 'portal'])('%s: a task of another application is not there', async (who) => {
  const { server, callers } = world
  for (const [app, expected] of [
    ['mine', 200],
    ['other', 404],
  ] as const) {
    const { id: endpoint } = await server.api.ask('POST', `/app/${app}/endpoint`, {
      url: 'https://example.com/',
    })
    const since = '2026-01-01T00:00:00Z'
    const { id } = await server.api.ask('POST', `/app/${app}/endpoint/${endpoint}/recover`, { since })
    expect(await callers[who]!.call('GET', `/background-task/${id}`)).toMatchObject({ status: expected })
    expect(await callers[who]!.call('GET', '/background-task/nothing')).toMatchObject({ status: 404 })
  }
})

test('the organisation’s token is refused nothing', async () => {
  for (const route of withoutLogout(world.routes)) {
    const { status, route: name } = await statusOf(apiOf(world.server.url, TOKEN), route, 'nobody')
    const isRefused = route.kind !== 'public' && [401, 403].includes(status)
    expect({ name, isRefused }).toEqual({ name, isRefused: false })
  }
})
