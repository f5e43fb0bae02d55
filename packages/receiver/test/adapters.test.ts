import { createServer } from 'node:http'
import { connect } from 'node:net'
import { buffer, text } from 'node:stream/consumers'

import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { serve } from '@hono/node-server'
import { describe, expect, onTestFinished, test } from 'vitest'

import { expressHandler } from '../src/adapters/express.ts'
import { fastifyHandler, fastifyReceiver } from '../src/adapters/fastify.ts'
import { honoHandler } from '../src/adapters/hono.ts'
import { lambdaHandler, type LambdaEventV1, type LambdaEventV2 } from '../src/adapters/lambda.ts'
import { nextApi, nextRoute } from '../src/adapters/next.ts'
import { nodeListener } from '../src/adapters/node.ts'
import { workersFetch } from '../src/adapters/workers.ts'
import { createReceiver, type Report } from '../src/handle.ts'
import { meta, square } from '../src/providers.ts'
import { fakeSender, signTestEvent } from '../src/testing.ts'
import { listen } from './support/http-server.ts'
import { SCHEME, gate } from './support/signed.ts'

/** Bytes that no parser gives back: not UTF-8, and JSON that changes when it is written again. */
const BODIES = {
  json: '{"type":"invoice.paid","n":1.0,"u":"\\u00e9"}',
  binary: Uint8Array.of(0, 255, 128, 36, 38),
  form: 'a=1&b=%20',
}

function receiving(options: { readonly maxBodyBytes?: number } = {}) {
  const reports: Report[] = []
  const bodies: Uint8Array[] = []
  const receiver = createReceiver({
    scheme: SCHEME,
    report: (report) => void reports.push(report),
    on: { '*': (event) => void bodies.push(event.body) },
    ...options,
  })
  return { receiver, reports, bodies }
}

/** Sends the bodies to `url` and returns what was answered, what arrived, and from where. */
async function exchange(url: string, { reports, bodies }: ReturnType<typeof receiving>) {
  const sender = fakeSender({ scheme: SCHEME, to: url, retryAfterMs: [] })
  const sent = [
    await sender.send({ body: BODIES.json }),
    await sender.send({ body: BODIES.binary, contentType: 'application/octet-stream' }),
    await sender.send({ body: BODIES.json, contentType: 'text/plain' }),
    await sender.send({ body: BODIES.form, contentType: 'application/x-www-form-urlencoded' }),
  ]
  return {
    statuses: sent.flatMap(({ statuses }) => statuses),
    bodies: bodies.map((body) => Buffer.from(body).toString('latin1')),
    addresses: reports.map(({ address }) => address),
  }
}

/** What `exchange` returns where nothing was changed on the way. */
const GENUINE = {
  statuses: [200, 200, 200, 200],
  bodies: [BODIES.json, Buffer.from(BODIES.binary).toString('latin1'), BODIES.json, BODIES.form],
  addresses: Array.from({ length: 4 }, () => expect.stringMatching(/^(::ffff:)?127\.0\.0\.1$/)),
}

/** Sends JSON to `url` and returns its refusal. */
async function refusalAt(url: string): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: BODIES.json })
  const { code, hint } = (await response.json()) as { code: string; hint: string }
  return `${response.status} ${code}: ${hint}`
}

describe('node:http', () => {
  test('gives the bytes and the peer’s address', async () => {
    const it = receiving()
    expect(await exchange(await listen((...args) => void nodeListener(it.receiver)(...args)), it)).toEqual(
      GENUINE,
    )
  })

  test('closes the connection of a refusal whose body it did not read', async () => {
    const { receiver } = receiving({ maxBodyBytes: 10 })
    const url = await listen((...args) => void nodeListener(receiver)(...args))
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\nabc')
    // Resolves only because the server ends it.
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer.toLowerCase()).toContain('connection: close')
  })

  test('sends what a handler answers: status, headers, cookies, bytes', async () => {
    const answer = new Response(BODIES.binary, {
      status: 201,
      headers: [
        ['x-a', '1'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ],
    })
    const receiver = createReceiver({ scheme: SCHEME, on: { '*': () => answer } })
    const url = await listen((...args) => void nodeListener(receiver)(...args))
    const { headers, body } = await signTestEvent(SCHEME, { body: '{}' })
    const response = await fetch(url, { method: 'POST', headers, body })
    expect([response.status, response.headers.get('x-a'), response.headers.getSetCookie()]).toEqual([
      201,
      '1',
      ['a=1', 'b=2'],
    ])
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(BODIES.binary)
  })
})

/** As platforms do it (Cloud Functions, Serverless): the parsed body beside the raw one. */
const keepRawBody: express.RequestHandler = (request, _response, next) => {
  void buffer(request).then((rawBody) => {
    Object.assign(request, { rawBody, body: { parsed: true } })
    next()
  })
}

describe('Express', () => {
  test.each([
    ['no parser', null],
    ['express.raw()', express.raw({ type: '*/*' })],
    ['a middleware that keeps rawBody', keepRawBody],
  ])('after %s it has the bytes', async (_name, before) => {
    const it = receiving()
    const app = express()
    if (before !== null) app.use(before)
    app.all('/webhooks', expressHandler(it.receiver))
    expect(await exchange(`${await listen(createServer(app))}/webhooks`, it)).toEqual(GENUINE)
  })

  test('after express.json(), it says what to do instead of talking of signatures', async () => {
    const app = express().use(express.json())
    app.all('/webhooks', expressHandler(receiving().receiver))
    expect(await refusalAt(`${await listen(createServer(app))}/webhooks`)).toMatch(/^500 parsed_body: /)
    expect(await refusalAt(`${await listen(createServer(app))}/webhooks`)).toContain(
      'before app.use(express.json())',
    )
  })

  test('in a router, a scheme that signs the URL has the whole path', async () => {
    const scheme = square({ secrets: 'x', publicOrigin: 'https://hooks.example.com' })
    const receiver = createReceiver({ scheme, report: () => undefined, on: { '*': () => undefined } })
    const router = express.Router()
    router.all('/square', expressHandler(receiver))
    const url = await listen(createServer(express().use('/hooks', router)))
    const options = { url: 'https://hooks.example.com/hooks/square?a=1', body: '{}' }
    const { headers, body } = await signTestEvent(scheme, options)
    expect((await fetch(`${url}/hooks/square?a=1`, { method: 'POST', headers, body })).status).toBe(200)
  })
})

describe('Fastify', () => {
  async function listening(app: ReturnType<typeof fastify>) {
    onTestFinished(async () => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  }

  test('the plugin has the bytes, and the rest of the app its parsers', async () => {
    const it = receiving()
    const app = fastify()
    await app.register(fastifyReceiver(it.receiver, { path: '/webhooks' }))
    app.post('/echo', (request, reply) => reply.send(request.body))
    const url = await listening(app)
    expect(await exchange(`${url}/webhooks`, it)).toEqual(GENUINE)
    const headers = { 'content-type': 'application/json' }
    expect(await (await fetch(`${url}/echo`, { method: 'POST', headers, body: '{"a":1}' })).json()).toEqual({
      a: 1,
    })
  })

  test('the handler takes a parser’s bytes, and refuses what was parsed', async () => {
    const it = receiving()
    const app = fastify()
    app.post('/parsed', fastifyHandler(it.receiver))
    await app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
      scope.post('/raw', fastifyHandler(it.receiver))
    })
    const url = await listening(app)
    expect(await exchange(`${url}/raw`, it)).toEqual(GENUINE)
    expect(await refusalAt(`${url}/parsed`)).toMatch(/^500 parsed_body: /)
    expect(await refusalAt(`${url}/parsed`)).toContain('fastifyReceiver(receiver, { path })')
  })
})

describe('Hono', () => {
  async function serving(app: Hono): Promise<string> {
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
        resolve(`http://127.0.0.1:${port}`),
      )
      onTestFinished(() => void server.close())
    })
  }

  test('has the bytes, and on Node.js the peer’s address', async () => {
    const it = receiving()
    expect(
      await exchange(`${await serving(new Hono().all('/webhooks', honoHandler(it.receiver)))}/webhooks`, it),
    ).toEqual(GENUINE)
  })

  test('refuses a body that a middleware has read, and takes an address that it is told', async () => {
    const it = receiving()
    const handler = honoHandler(it.receiver, { remoteAddress: () => '192.0.2.1' })
    const app = new Hono().use(async (c, next) => {
      await c.req.json()
      await next()
    })
    app.all('/webhooks', handler)
    expect(await refusalAt(`${await serving(app)}/webhooks`)).toContain('c.req.json()')
    expect(it.reports[0]?.address).toBe('192.0.2.1')
  })
})

describe('Next.js', () => {
  test('the app router gives a web request', async () => {
    const { receiver, reports } = receiving()
    const POST = nextRoute(() => receiver, { remoteAddress: (request) => request.headers.get('x-real-ip') })
    const { url, ...init } = await signTestEvent(SCHEME, { body: BODIES.binary })
    const request = new Request(url, init)
    request.headers.set('x-real-ip', '192.0.2.1')
    expect((await POST(request.clone())).status).toBe(200)
    expect(reports[0]?.address).toBe('192.0.2.1')
    await request.text()
    expect(await (await POST(request)).json()).toMatchObject({ code: 'body_used' })
  })

  test('the pages router gives a Node request, whose body it parses unless it is told not to', async () => {
    const it = receiving()
    const handler = nextApi(() => it.receiver)
    expect(await exchange(await listen((...args) => void handler(...args)), it)).toEqual(GENUINE)
    const parsing = await listen((request, response) => {
      void text(request).then(async (body) =>
        handler(Object.assign(request, { body: JSON.parse(body) as object }), response),
      )
    })
    expect(await refusalAt(parsing)).toMatch(/^500 parsed_body: /)
    expect(await refusalAt(parsing)).toContain('api: { bodyParser: false }')
  })
})

describe('Lambda', () => {
  /** The same request in both formats of AWS. */
  async function events(
    body: string | Uint8Array,
    isBase64Encoded: boolean,
  ): Promise<(LambdaEventV1 | LambdaEventV2)[]> {
    const { headers } = await signTestEvent(SCHEME, { body })
    const sent = Buffer.from(body).toString(isBase64Encoded ? 'base64' : 'utf8')
    return [
      {
        httpMethod: 'POST',
        path: '/webhooks',
        headers: null,
        multiValueHeaders: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, [value]]),
        ),
        requestContext: { path: '/prod/webhooks', identity: { sourceIp: '192.0.2.1' } },
        body: sent,
        isBase64Encoded,
      },
      { httpMethod: 'POST', path: '/webhooks', headers, body: sent, isBase64Encoded },
      {
        version: '2.0',
        rawPath: '/webhooks',
        rawQueryString: '',
        headers,
        requestContext: { http: { method: 'POST', sourceIp: '192.0.2.1' } },
        body: sent,
        isBase64Encoded,
      },
    ]
  }

  test('has the bytes of formats 1.0 and 2.0, as text and in base64', async () => {
    const { receiver, reports, bodies } = receiving()
    const handler = lambdaHandler(receiver)
    const all = [
      ...(await events(BODIES.json, false)),
      ...(await events(BODIES.json, true)),
      ...(await events(BODIES.binary, true)),
    ]
    for (const event of all) expect((await handler(event)).statusCode).toBe(200)
    expect(bodies.slice(6)).toEqual(Array.from({ length: 3 }, () => BODIES.binary))
    expect(reports.map(({ address }) => address).slice(0, 3)).toEqual(['192.0.2.1', null, '192.0.2.1'])
  })

  test('answers a load balancer, which gives the query as it was sent, in either of two forms', async () => {
    const scheme = meta({ secrets: 'x', verifyToken: 'a b' })
    const handler = lambdaHandler(createReceiver({ scheme, report: () => undefined, on: {} }))
    const query = { 'hub.mode': 'subscribe', 'hub.verify_token': 'a%20b', 'hub.challenge': '42' }
    const lists = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, [value]]))
    const event = { httpMethod: 'GET', path: '/a', requestContext: { elb: {} }, body: '' }
    const single = await handler({ ...event, headers: {}, queryStringParameters: query })
    const multi = await handler({ ...event, multiValueHeaders: {}, multiValueQueryStringParameters: lists })
    expect([single.statusCode, Buffer.from(single.body, 'base64').toString()]).toEqual([200, '42'])
    expect(single.multiValueHeaders).toBeUndefined()
    expect([multi.statusCode, Buffer.from(multi.body, 'base64').toString()]).toEqual([200, '42'])
    expect(multi.multiValueHeaders?.['content-type']).toEqual([single.headers['content-type']])
  })

  test('has path and query as the sender called them', async () => {
    const scheme = square({ secrets: 'x', publicOrigin: 'https://hooks.example.com' })
    const receiver = createReceiver({ scheme, report: () => undefined, on: { '*': () => undefined } })
    const { headers } = await signTestEvent(scheme, {
      url: 'https://hooks.example.com/prod/a?b=c%20d&e=',
      body: '{}',
    })
    const v1 = { httpMethod: 'POST', path: '/a', requestContext: { path: '/prod/a' }, headers, body: '{}' }
    const query = { multiValueQueryStringParameters: { b: ['c d'], e: [''] } }
    expect((await lambdaHandler(receiver)({ ...v1, ...query })).statusCode).toBe(200)
    const v2 = {
      version: '2.0',
      rawPath: '/prod/a',
      rawQueryString: 'b=c%20d&e=',
      requestContext: { http: { method: 'POST' } },
    }
    expect((await lambdaHandler(receiver)({ ...v2, headers, body: '{}' })).statusCode).toBe(200)
  })

  test('answers bytes, refuses a parsed body with a hint, and survives an event without one', async () => {
    const { receiver } = receiving()
    const [event] = await events(BODIES.json, false)
    const parsed = await lambdaHandler(receiver)({ ...event!, body: { a: 1 } as unknown as string })
    expect([parsed.statusCode, parsed.isBase64Encoded]).toEqual([500, true])
    expect(JSON.parse(Buffer.from(parsed.body, 'base64').toString())).toMatchObject({
      code: 'parsed_body',
      hint: expect.stringContaining('middleware'),
    })
    expect((await lambdaHandler(receiver)({ ...event!, body: null })).statusCode).toBe(400)
    expect(
      (await lambdaHandler(receiver)({ ...event!, body: 'not base64!', isBase64Encoded: true })).statusCode,
    ).toBe(400)
  })
})

describe('Workers', () => {
  test('the receiver of an env is made once, knows the client’s address, and late handlers keep the worker alive', async () => {
    const { passed, open } = gate()
    const reports: Report[] = []
    const kept: Promise<unknown>[] = []
    let made = 0
    const fetchWorker = workersFetch<{ readonly SECRET: string }>(() => {
      made += 1
      const on = { '*': async () => passed }
      return createReceiver({
        scheme: SCHEME,
        deadlineMs: 10,
        report: (report) => void reports.push(report),
        on,
      })
    })
    const env = { SECRET: 'x' }
    const context = { waitUntil: (promise: Promise<unknown>) => void kept.push(promise) }
    for (let i = 0; i < 2; i++) {
      const { url, ...init } = await signTestEvent(SCHEME, { body: '{}' })
      const request = new Request(url, init)
      request.headers.set('cf-connecting-ip', '192.0.2.1')
      expect((await fetchWorker(request, env, context)).status).toBe(503)
    }
    expect([made, kept.length, reports[0]?.address]).toEqual([1, 2, '192.0.2.1'])
    open()
    await Promise.all(kept)
    expect(reports.map(({ code }) => code)).toEqual([
      'deadline_exceeded',
      'deadline_exceeded',
      'handled',
      'handled',
    ])
  })
})
