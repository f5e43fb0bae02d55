import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { expect, onTestFinished, test } from 'vitest'

import type { RelayRow } from '../storage/postgres/relay-outbox.ts'
import { postRow } from './post-row.ts'

const ROW: RelayRow = {
  id: '1',
  application: 'acme',
  eventType: 'invoice.paid',
  payload: '{"total": 1.0}',
  eventId: 'e-1',
  channels: ['red'],
  tags: null,
  deliverAt: null,
  contentType: null,
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** Posts a row to a server that answers so, a POST with the first answer and a GET with the second. */
async function post(answer: Answer, earlier: Answer = { status: 500 }, row: RelayRow = ROW) {
  const asked: { method: string; url: string; body: string }[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      asked.push({ method: request.method!, url: request.url!, body: Buffer.concat(chunks).toString() })
      const { status, headers = {}, body = '' } = request.method === 'POST' ? answer : earlier
      response.writeHead(status, headers).end(body)
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { result: await postRow({ url, token: 'a-token' }, row), asked }
}

const said = (code: string, detail: string) => JSON.stringify({ code, detail })
const TAKEN: Answer = { status: 409, body: said('event_id_exists', 'taken') }

test('the payload goes as its own text, and the answer 202 is all that is needed', async () => {
  const { result, asked } = await post({ status: 202 })
  expect(result).toEqual({ kind: 'sent' })
  expect(asked).toMatchObject([{ method: 'POST', url: '/api/v1/app/acme/msg?with_content=false' }])
  expect(asked[0]!.body).toContain('{"payload":{"total": 1.0},"eventType":"invoice.paid","eventId":"e-1"')
})

test.each([
  [{ status: 422, body: '{"detail":[{"msg":"no"}]}' }, 'validation'],
  [{ status: 404, body: said('not_found', 'no application') }, 'not_found'],
  [{ status: 413, body: said('payload_too_large', 'too much') }, 'payload_too_large'],
] as const)('%o is a refusal of this message: %s', async (answer, code) => {
  expect((await post(answer)).result).toMatchObject({ kind: 'refused', code })
})

test.each([
  [{ status: 429, headers: { 'retry-after': '7' }, body: said('too_many_requests', 'slower') }, 7_000],
  [{ status: 503, headers: { 'retry-after': '1' } }, 1_000],
  [{ status: 500 }, null],
  [{ status: 401, body: said('unauthorized', 'who?') }, null],
  [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, null],
  [{ status: 404, body: '<h1>Not found</h1>' }, null],
  [{ status: 200, body: 'a page' }, null],
] as const)('%o is no word on the message: it is tried again, after %s', async (answer, waitMs) => {
  expect((await post(answer)).result).toMatchObject({ kind: 'later', waitMs })
})

test.each<[string, Answer, string]>([
  ['the same message', { status: 200, body: '{"eventType":"invoice.paid","payload":{"total":1}}' }, 'sent'],
  [
    'the same, expunged',
    { status: 200, body: '{"eventType":"invoice.paid","payload":{"expired":true}}' },
    'sent',
  ],
  ['one that was deleted', { status: 404, body: said('not_found', 'no message') }, 'sent'],
  ['another payload', { status: 200, body: '{"eventType":"invoice.paid","payload":{"total":2}}' }, 'refused'],
  ['another type', { status: 200, body: '{"eventType":"other","payload":{"total":1}}' }, 'refused'],
  ['nothing that can be told', { status: 503 }, 'later'],
])('an event id that is taken by %s', async (_who, earlier, kind) => {
  const { result, asked } = await post(TAKEN, earlier)
  expect(result.kind).toBe(kind)
  expect(asked[1]).toMatchObject({ method: 'GET', url: '/api/v1/app/acme/msg/e-1' })
})

test('a text of another type is the same where its bytes are', async () => {
  const row = { ...ROW, payload: 'plain', contentType: 'text/plain' }
  const earlier = { status: 200, body: '{"eventType":"invoice.paid","payload":{"rawPayload":"plain"}}' }
  expect((await post(TAKEN, earlier, row)).result).toEqual({ kind: 'sent' })
})
