import { createServer, request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'

import express, { type RequestHandler } from 'express'
import Fastify from 'fastify'
import { type Context, Hono } from 'hono'
import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { verify, standardWebhooks } from '@posthorn/receiver'

import { apiOf } from '../support/api.ts'
import { MOUNTS, listenWith, startEmbedded } from '../support/embedded.ts'
import { eventually } from '../support/eventually.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { startReceiver } from '../support/receiver.ts'

/** A payload that any parser would write otherwise. */
const PAYLOAD = '{ "total": 1.0, "id": 12345678901234567890, "e": "\\u00e9", "total": 2.50 }'

for (const [name, mount] of Object.entries(MOUNTS)) {
  test(`${name}: the official client works, and what it sends arrives signed`, async () => {
    const posthorn = await startEmbedded()
    const receiver = await startReceiver()
    const url = await mount(posthorn)
    const svix = new Svix(await posthorn.createToken({ name: 'svix' }), { serverUrl: url })

    await svix.application.create({ name: 'Acme', uid: 'acme' })
    const endpoint = await svix.endpoint.create('acme', { url: receiver.url, uid: 'main' })
    const sent = await svix.message.create('acme', { eventType: 'invoice.paid', payload: { total: 5 } })
    const [request] = await receiver.waitFor(({ length }) => length === 1)
    expect(request).toMatchObject({ id: sent.id, body: Buffer.from('{"total":5}') })
    const { key } = await svix.endpoint.getSecret('acme', endpoint.id)
    expect(await verify(request!, standardWebhooks({ secrets: key }))).toMatchObject({ ok: true })
    await eventually(
      () => svix.messageAttempt.listByMsg('acme', sent.id),
      ({ data }) => expect(data).toMatchObject([{ responseStatusCode: 204 }]),
    )
    await expect(svix.application.get('nobody')).rejects.toMatchObject({ code: 404 })
    await svix.endpoint.delete('acme', 'main')
  })

  test(`${name}: payloads are kept to the byte, and bodies that are too large are refused`, async () => {
    const posthorn = await startEmbedded()
    const receiver = await startReceiver()
    const api = apiOf(await mount(posthorn), await posthorn.createToken({ name: 'api' }))
    const application = await api.makeApplication()
    await api.makeEndpoint(application, receiver.url)

    const body = `{"eventType":"a","payload":${PAYLOAD}}`
    expect(await api.call('POST', `/app/${application}/msg`, body)).toMatchObject({ status: 202 })
    const [request] = await receiver.waitFor(({ length }) => length === 1)
    expect(request!.body.toString()).toBe(PAYLOAD)

    const large = (bytes: number) =>
      JSON.stringify({ eventType: 'a', payload: { filler: 'x'.repeat(bytes) } })
    expect(await api.call('POST', `/app/${application}/msg`, large(1_000_000))).toMatchObject({ status: 202 })
    const refused = await api.call('POST', `/app/${application}/msg`, large(2_000_000))
    expect(refused).toMatchObject({ status: 413, body: { code: 'payload_too_large' } })
    await receiver.waitFor(({ length }) => length === 2)
    expect(receiver.requests[1]!.body).toHaveLength(1_000_000 + '{"filler":""}'.length)
  })

  test(`${name}: a mount opens nothing without a token`, async () => {
    const posthorn = await startEmbedded()
    const url = await mount(posthorn)
    await posthorn.call('PUT', '/app/acme', { name: 'Acme' })
    for (const [method, path, body] of [
      ['GET', '/app/acme', undefined],
      ['POST', '/app', { name: 'Evil' }],
      ['POST', '/app/acme/msg', { eventType: 'a', payload: {} }],
    ] as const) {
      const { status, headers } = await apiOf(url, null).call(method, path, body)
      expect(status).toBe(401)
      expect(headers.get('content-type')).toContain('application/json')
      expect((await apiOf(url, 'a-wrong-token').call(method, path, body)).status).toBe(401)
    }
    expect((await apiOf(url, null).call('GET', '/health')).status).toBe(204)
    const customers = await posthorn.createToken({ name: 'acme', application: 'acme' })
    expect((await apiOf(url, customers).call('GET', '/app')).status).toBe(403)
  })

  test(`${name}: the description, the reference page and links know where it is mounted`, async () => {
    const posthorn = await startEmbedded()
    const url = await mount(posthorn)
    const api = apiOf(url, await posthorn.createToken({ name: 'api' }))
    expect(await api.ask('GET', '/openapi.json')).toMatchObject({ servers: [{ url: '/webhooks' }] })

    const page = await (await fetch(`${url}/docs`)).text()
    expect(page).toContain(`data-origin="${url}"`)
    expect(page).toContain(`curl ${url}/api/v1/app`)
    expect(page).toContain('href="/webhooks/api/v1/openapi.json"')
    expect(page).not.toMatch(/\{\{\w+\}\}/)

    await api.makeApplication({ uid: 'acme' })
    const link = await api.ask<{ url: string }>('POST', '/auth/app-portal-access/acme', {})
    expect(link.url).toMatch(`${url}/portal#key=`)
    const { signingKeysUrl } = await api.ask<{ signingKeysUrl: string }>('GET', '/egress')
    expect(await (await fetch(signingKeysUrl)).json()).toMatchObject({ keys: [{ kty: 'OKP' }] })
  })

  test(`${name}: a request that is cut off changes nothing, and the next one is answered`, async () => {
    const posthorn = await startEmbedded()
    const url = await mount(posthorn)
    const token = await posthorn.createToken({ name: 'api' })
    const cut = httpRequest(`${url}/api/v1/app`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': '1000',
      },
    })
    const ended = new Promise((resolve) => cut.once('error', resolve))
    cut.write('{"name":"Cut off"')
    cut.once('socket', (socket) =>
      socket.once('connect', () => setImmediate(() => cut.destroy(new Error('cut')))),
    )
    await ended

    const api = apiOf(url, token)
    await eventually(
      () => api.ask<{ data: object[] }>('GET', '/app'),
      ({ data }) => expect(data).toEqual([]),
    )
    // It would wait for the request that was cut off.
    await posthorn.stop()
    expect(await api.call('GET', '/app')).toMatchObject({ status: 503, body: { code: 'busy' } })
  })
}

/** Posts an application's JSON to an Express app that has this parser before the mount. */
async function postBehind(parser: RequestHandler, type = 'application/json') {
  const posthorn = await startEmbedded()
  const app = express()
  app.use(parser)
  app.use('/webhooks', posthorn.express())
  const url = `${await listenWith(createServer(app))}/webhooks`
  const token = await posthorn.createToken({ name: 'api' })
  const reply = await apiOf(url, token).call('POST', '/app', '{"name":"Acme"}', { 'content-type': type })
  return { reply, api: apiOf(url, token) }
}

test('behind a parser of Express that has lost the bytes a body is refused, with what to do', async () => {
  const { reply, api } = await postBehind(express.json())
  expect(reply).toMatchObject({ status: 400, body: { code: 'bad_request' } })
  expect(reply.text).toContain('Mount Posthorn before app.use(express.json())')
  // What has no body is not concerned, and an empty one neither.
  expect((await api.call('GET', '/app')).status).toBe(200)
  expect((await api.call('POST', '/app', '')).body).toMatchObject({ code: 'malformed_json' })
  expect((await postBehind(express.text({ type: '*/*' }))).reply.status).toBe(400)
})

test('behind a parser that leaves the bytes, or does not care for JSON, a body is taken', async () => {
  expect((await postBehind(express.raw({ type: '*/*' }))).reply.status).toBe(201)
  expect((await postBehind(express.urlencoded())).reply.status).toBe(201)
})

test('a body that a parser of Express has inflated is taken as it was before', async () => {
  const posthorn = await startEmbedded()
  const url = await MOUNTS['Express 5 behind a parser that keeps the bytes']!(posthorn)
  const token = await posthorn.createToken({ name: 'api' })
  const response = await fetch(`${url}/api/v1/app`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    },
    body: gzipSync(JSON.stringify({ name: 'Acme', metadata: { filler: 'x'.repeat(500) } })),
  })
  expect(response.status).toBe(201)
})

test('in Hono a body that a middleware has read is taken where Hono kept it, and refused elsewhere', async () => {
  const posthorn = await startEmbedded()
  const token = await posthorn.createToken({ name: 'api' })
  const post = async (read: (context: Context) => Promise<unknown>) => {
    const app = new Hono()
    app.use(async (context, next) => {
      await read(context)
      await next()
    })
    app.all('/:tenant/webhooks/*', posthorn.hono())
    return app.fetch(
      new Request('http://shop.example/acme/webhooks/api/v1/app', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{"name":"Acme"}',
      }),
    )
  }
  expect((await post(({ req }) => req.json())).status).toBe(201)
  expect((await post(({ req }) => req.arrayBuffer())).status).toBe(201)
  expect((await post(({ req }) => req.raw.text())).status).toBe(400)
})

test('what the hooks of a Fastify app set goes with the answer, and they see the URL as it was asked', async () => {
  const posthorn = await startEmbedded()
  const app = Fastify({ trustProxy: true })
  const seen: string[] = []
  app.addHook('onRequest', async (_request, reply) => void reply.header('x-app', 'shop'))
  app.addHook('onResponse', async ({ url }) => void seen.push(url))
  app.post('/own', async ({ body }) => ({ got: body }))
  await app.register(posthorn.fastify(), { prefix: '/:tenant/webhooks' })
  await app.ready()
  const url = await listenWith(app.server)

  const token = await posthorn.createToken({ name: 'api' })
  const api = apiOf(`${url}/acme/webhooks`, token)
  const made = await api.call('POST', '/app', { name: 'Acme', uid: 'acme' })
  expect(made).toMatchObject({ status: 201 })
  expect(made.headers.get('x-app')).toBe('shop')
  await eventually(
    () => seen,
    (urls) => expect(urls).toEqual(['/acme/webhooks/api/v1/app']),
  )
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example' }
  const link = await api.call('POST', '/auth/app-portal-access/acme', {}, forwarded)
  expect((link.body as { url: string }).url).toMatch('https://shop.example/acme/webhooks/portal#key=')
  // Its own routes have their own parsers.
  const own = await fetch(`${url}/own`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  })
  expect(await own.json()).toEqual({ got: { a: 1 } })
})

test('fetch takes a body that is streamed, and cancels one that it does not want', async () => {
  const posthorn = await startEmbedded()
  const token = await posthorn.createToken({ name: 'api' })
  const post = (body: ReadableStream<Uint8Array>, authorization: string) =>
    posthorn.fetch(
      new Request('http://shop.example/api/v1/app', {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body,
        duplex: 'half',
      }),
    )
  const parts = ['{"na', 'me":"A', 'cme"}'].map((text) => new TextEncoder().encode(text))
  expect((await post(ReadableStream.from(parts), `Bearer ${token}`)).status).toBe(201)

  const { promise: canceled, resolve } = Promise.withResolvers<void>()
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_048_576)),
    cancel: () => resolve(),
  })
  expect((await post(endless, `Bearer ${token}`)).status).toBe(413)
  await canceled
})

test('a page that is asked for by a hostile host or path shows neither', async () => {
  const posthorn = await startEmbedded()
  const url = await MOUNTS['node:http']!(posthorn)
  const { body } = await sendRaw(url, rawRequest('GET /"><script>/docs', { host: 'shop.example' }))
  expect(body).toContain('data-origin="http://localhost"')
  expect(body).not.toContain('"><script>/')
})
