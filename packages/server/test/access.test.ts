import { createHmac } from 'node:crypto'

import { pino } from 'pino'
import { Svix } from 'svix'
import { expect, onTestFinished, test } from 'vitest'

import { startApp } from '../src/app.ts'
import { resolveOptions } from '../src/options/resolve.ts'
import { temporaryFolder } from './storage/temporary-folder.ts'
import { type Api, apiOf } from './support/api.ts'
import { TOKEN, startServer, startServerOn } from './support/server.ts'

interface MadeToken {
  readonly id: string
  readonly token: string
}

const makeToken = (api: Api, fields: object = {}) =>
  api.ask<MadeToken>('POST', '/auth/api-token', { name: 'ci', ...fields })

test('a token is shown once, listed by its first characters with its scope, and ends when it is told to', async () => {
  const { api, url } = await startServer()
  const application = await api.makeApplication({ uid: 'mine' })
  const made = await makeToken(api, { appId: 'mine', readOnly: true, expiry: 3_600 })
  expect(made).toMatchObject({ appId: application, scopes: ['application', 'read-only'] })
  const own = apiOf(url, made.token)
  expect(await own.call('GET', '/app/mine')).toMatchObject({ status: 200 })

  const list = await api.call('GET', '/auth/api-token')
  expect(list.text).not.toContain(made.token)
  const shown = { censoredToken: `${made.token.slice(0, 12)}…`, revokedAt: null, lastUsedAt: null }
  expect(list.body).toMatchObject({ data: [{ name: 'first' }, { id: made.id, ...shown }] })

  await api.ask('POST', `/auth/api-token/${made.id}/expire`, {})
  expect(await own.call('GET', '/app/mine')).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
})

test('a revoked token is refused by the next request, and revoking it again finds none', async () => {
  const { api, url } = await startServer()
  const { id, token } = await makeToken(api)
  const own = apiOf(url, token)
  expect(await own.call('GET', '/app')).toMatchObject({ status: 200 })
  expect(await api.call('DELETE', `/auth/api-token/${id}`)).toMatchObject({ status: 204 })
  expect(await own.call('GET', '/app')).toMatchObject({ status: 401 })
  expect(await api.call('DELETE', `/auth/api-token/${id}`)).toMatchObject({ status: 404 })
  expect(await api.call('POST', `/auth/api-token/${id}/expire`, {})).toMatchObject({ status: 404 })
})

test('when a token was used is known after a stop at the latest', async () => {
  const data = await temporaryFolder()
  const before = await startServerOn(data)
  const { id, token } = await makeToken(before.api)
  await apiOf(before.url, token).ask('GET', '/app')
  await before.stop()
  const after = await startServerOn(data)
  const list = await after.api.ask<{ data: { id: string; lastUsedAt: string | null }[] }>(
    'GET',
    '/auth/api-token',
  )
  expect(list.data.find((each) => each.id === id)!.lastUsedAt).toMatch(/^20\d\d-.*Z$/)
  await after.stop()
})

test('every write is in the audit log, with who, what and when, and no read and no send is', async () => {
  const { api, url } = await startServer()
  const application = await api.makeApplication({ uid: 'mine' })
  const { token, id: tokenId } = await makeToken(api, { appId: 'mine' })
  const own = apiOf(url, token)
  const endpoint = await own.makeEndpoint('mine', 'https://example.com/')
  await own.call('GET', '/app/mine')
  await api.send('mine')
  await own.call('DELETE', '/app/mine')
  const refused = await own.call('POST', '/app/mine/endpoint', { url: 'ftp://example.com/' })
  expect(refused.status).toBe(422)
  await api.call('DELETE', '/app/mine', undefined, { 'x-request-id': 'r-42' })

  const { data } = await api.ask<{ data: object[] }>('GET', '/audit-log')
  const ofApplication = { appId: application, resources: { app_id: 'mine' } }
  expect(data).toMatchObject([
    { method: 'DELETE', route: '/app/:app_id', status: 204, requestId: 'r-42', ...ofApplication },
    {
      method: 'POST',
      route: '/app/:app_id/endpoint',
      status: 201,
      actor: token.slice(0, 12),
      tokenId,
      appId: application,
      resources: { app_id: 'mine', id: endpoint },
      timestamp: expect.stringMatching(/^20\d\d-/),
    },
    { method: 'POST', route: '/auth/api-token', appId: null, resources: { id: tokenId } },
    { method: 'POST', route: '/app', resources: { id: application } },
  ])
  expect(data).toHaveLength(4)
  expect(JSON.stringify(data)).not.toContain(token)

  const { data: page } = await api.ask<{ data: object[] }>('GET', `/audit-log?app_id=${application}&limit=1`)
  expect(page).toMatchObject([{ method: 'DELETE' }])
  expect(await own.call('GET', '/audit-log')).toMatchObject({ status: 403 })
})

test('a write that is answered from its idempotency key is in the audit log once', async () => {
  const { api } = await startServer()
  const key = { 'idempotency-key': 'key-1' }
  for (let i = 0; i < 3; i++) {
    expect(await api.call('POST', '/app', { name: 'x' }, key)).toMatchObject({ status: 201 })
  }
  expect(await api.ask<{ data: object[] }>('GET', '/audit-log')).toMatchObject({ data: [{ route: '/app' }] })
})

test('with a limit, a token that calls too often is told to wait, and others are not', async () => {
  const { api, url } = await startServer({ 'api-rate-limit': '2/s' })
  const { token } = await makeToken(api)
  const own = apiOf(url, token)
  const replies = await Promise.all(Array.from({ length: 40 }, () => own.call('GET', '/app')))
  const refused = replies.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]).toMatchObject({ body: { code: 'too_many_requests' } })
  expect(refused[0]!.headers.get('retry-after')).toBe('1')
  expect(await api.call('GET', '/app')).toMatchObject({ status: 200 })
  expect(await own.call('GET', '/health')).toMatchObject({ status: 204 })
})

test('pages of an origin that is allowed may call, and of no other', async () => {
  const { url } = await startServer({ 'cors-origins': 'https://app.example.com' })
  const preflight = (origin: string) =>
    fetch(`${url}/api/v1/app`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
  const allowed = await preflight('https://app.example.com')
  expect(allowed.status).toBe(204)
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
  expect(allowed.headers.get('access-control-allow-methods')).toContain('PATCH')
  expect(allowed.headers.get('access-control-allow-headers')).toBe('authorization,content-type')

  const other = await preflight('https://evil.example.com')
  expect(other.status).toBe(404)
  expect(other.headers.get('access-control-allow-origin')).toBeNull()

  const refused = await fetch(`${url}/api/v1/app`, { headers: { origin: 'https://app.example.com' } })
  expect(refused.status).toBe(401)
  expect(refused.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
  expect(refused.headers.get('vary')).toBe('origin')
})

test('without an option no page of another origin may call', async () => {
  const { url } = await startServer()
  const reply = await fetch(`${url}/api/v1/health`, { headers: { origin: 'https://app.example.com' } })
  expect(reply.headers.get('access-control-allow-origin')).toBeNull()
})

test('every answer has a request id and says that nobody may keep it, refusals too', async () => {
  const { api } = await startServer()
  const headers = { 'svix-req-id': '12345' }
  for (const path of ['/app', '/app/nobody', '/no/such/route', '/health']) {
    const reply = await api.call('GET', path, undefined, headers)
    expect(reply.headers.get('x-request-id')).toBe('12345')
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff')
    expect(reply.headers.get('cache-control')).toBe('no-store')
  }
  const own = await api.call('GET', '/app', undefined, { 'x-request-id': 'not sane: <b>' })
  expect(own.headers.get('x-request-id')).toMatch(/^\w+-\w+$/)
})

const JWT_SECRET = 'a secret of the tests that is long enough'

function jwt(claims: object): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1_000) + 60
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: 'svix-server', exp, ...claims })}`
  return `${text}.${createHmac('sha256', JWT_SECRET).update(text).digest('base64url')}`
}

test('JWTs of a self-hosted Svix open the organisation or one application, where a secret is configured', async () => {
  const data = await temporaryFolder()
  const options = resolveOptions({
    flags: { data, port: 0, 'log-level': 'silent' },
    environment: { POSTHORN_BOOTSTRAP_TOKEN: TOKEN, POSTHORN_JWT_SECRET: JWT_SECRET },
  })
  const app = await startApp(options, pino({ level: 'silent' }))
  onTestFinished(() => app.stop())

  const svix = new Svix(jwt({ sub: 'org_23rb8YdGqMT0qIzpgGwdXfHirMu' }), { serverUrl: app.url })
  const { id } = await svix.application.create({ name: 'Mine', uid: 'mine' })
  await svix.application.create({ name: 'Other', uid: 'other' })
  const own = apiOf(app.url, jwt({ sub: id, org: 'org_23rb8YdGqMT0qIzpgGwdXfHirMu' }))
  expect(await own.call('GET', '/app/mine')).toMatchObject({ status: 200 })
  expect(await own.call('GET', '/app/other')).toMatchObject({ status: 404 })
  expect(await own.call('GET', '/app')).toMatchObject({ status: 403 })
  expect(await own.call('POST', '/auth/logout')).toMatchObject({ status: 403 })
  const expired = apiOf(app.url, jwt({ sub: id, exp: 1_000 }))
  expect(await expired.call('GET', '/app/mine')).toMatchObject({ status: 401 })
})

test('without a secret no JWT is accepted', async () => {
  const { url } = await startServer()
  const reply = await apiOf(url, jwt({ sub: 'org_1' })).call('GET', '/app')
  expect(reply).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
})
