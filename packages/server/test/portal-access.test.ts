import { AppPortalCapability, Svix } from 'svix'
import { expect, test } from 'vitest'

import { apiOf } from './support/api.ts'
import { TOKEN, startServer } from './support/server.ts'

async function start(flags: Readonly<Record<string, unknown>> = {}) {
  const server = await startServer(flags)
  await server.api.makeApplication({ uid: 'mine' })
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  return { ...server, svix }
}

const keyIn = (link: string) => /#key=(phk_\w{40})$/.exec(link)![1]!

test('a portal link carries a key that is exchanged for a token, once', async () => {
  const { api, url, svix } = await start()
  const access = await svix.authentication.appPortalAccess('mine', { sessionId: 's-1' })
  expect(access.url).toMatch(new RegExp(`^${url}/portal#key=phk_`))
  const anyone = apiOf(url, null)
  const exchange = () => anyone.call('POST', '/auth/one-time-token', { oneTimeToken: keyIn(access.url) })
  const first = await exchange()
  expect(first).toMatchObject({ status: 200, body: { token: expect.stringMatching(/^phs_\w{40}$/) } })
  expect(await exchange()).toMatchObject({ status: 401, body: { code: 'unauthorized' } })

  const { token } = first.body as { token: string }
  for (const text of [token, access.token]) {
    const portal = apiOf(url, text)
    expect(await portal.call('GET', '/app/mine')).toMatchObject({ status: 200 })
    expect(await portal.call('POST', '/app/mine/endpoint', { url: 'https://example.com/' })).toMatchObject({
      status: 201,
    })
    expect(await portal.call('POST', '/app/mine/msg', { eventType: 'a', payload: {} })).toMatchObject({
      status: 403,
    })
  }
  expect(await api.ask<{ data: unknown[] }>('GET', '/auth/api-token')).toMatchObject({
    data: [{ name: 'first' }],
  })
})

test('the link leads to the public URL where there is one', async () => {
  const { svix } = await start({ 'public-url': 'https://hooks.example.com/posthorn/' })
  const { url } = await svix.authentication.appPortalAccess('mine', {})
  expect(url).toMatch(/^https:\/\/hooks\.example\.com\/posthorn\/portal#key=/)
})

test('the application is made on the way, and without that it must be there', async () => {
  const { api, svix } = await start()
  await svix.authentication.appPortalAccess('new', { application: { name: 'New', uid: 'new' } })
  expect(await api.call('GET', '/app/new')).toMatchObject({ status: 200 })
  expect(await api.call('POST', '/auth/app-portal-access/nobody', {})).toMatchObject({ status: 404 })
  const other = { application: { name: 'x', uid: 'y' } }
  expect(await api.call('POST', '/auth/app-portal-access/nobody', other)).toMatchObject({ status: 422 })
})

test('a token does what its capabilities say', async () => {
  const { api, url, svix } = await start()
  await api.makeEndpoint('mine', 'https://example.com/', { uid: 'main' })
  const { token } = await svix.authentication.appPortalAccess('mine', {
    capabilities: [AppPortalCapability.ViewBase, AppPortalCapability.ViewEndpointSecret],
  })
  const portal = apiOf(url, token)
  expect(await portal.call('GET', '/app/mine/endpoint/main/secret')).toMatchObject({ status: 200 })
  expect(await portal.call('DELETE', '/app/mine/endpoint/main')).toMatchObject({ status: 403 })
})

test('logout ends the token that calls and no other', async () => {
  const { url, svix } = await start()
  const [first, second] = [
    await svix.authentication.appPortalAccess('mine', {}),
    await svix.authentication.appPortalAccess('mine', {}),
  ]
  await new Svix(first.token, { serverUrl: url }).authentication.logout()
  expect(await apiOf(url, first.token).call('GET', '/app/mine')).toMatchObject({ status: 401 })
  expect(await apiOf(url, second.token).call('GET', '/app/mine')).toMatchObject({ status: 200 })
  const key = { oneTimeToken: keyIn(first.url) }
  expect(await apiOf(url, null).call('POST', '/auth/one-time-token', key)).toMatchObject({ status: 401 })
})

test('expire-all ends the tokens of one application, or of one session of it', async () => {
  const { api, url, svix } = await start()
  await api.makeApplication({ uid: 'other' })
  const open = async (app: string, sessionId: string) => {
    const { token } = await svix.authentication.appPortalAccess(app, { sessionId })
    return async () => (await apiOf(url, token).call('GET', `/app/${app}`)).status
  }
  const statuses = [await open('mine', 's-1'), await open('mine', 's-2'), await open('other', 's-1')]
  const all = () => Promise.all(statuses.map((status) => status()))
  expect(await all()).toEqual([200, 200, 200])
  await svix.authentication.expireAll('mine', { sessionIds: ['s-1'], expiry: 0 })
  expect(await all()).toEqual([401, 200, 200])
  await svix.authentication.expireAll('mine', {})
  expect(await all()).toEqual([401, 401, 200])
})

test.for([{ expiry: 3_599 }, { expiry: 604_801 }, { capabilities: ['Everything'] }, { sessionId: '' }])(
  '%j is refused',
  async (body) => {
    const { api } = await start()
    expect(await api.call('POST', '/auth/app-portal-access/mine', body)).toMatchObject({ status: 422 })
  },
)
