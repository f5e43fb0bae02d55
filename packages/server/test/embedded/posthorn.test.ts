import { randomBytes } from 'node:crypto'

import * as fc from 'fast-check'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'

import { type Posthorn, createPosthorn } from '../../src/index.ts'
import { temporaryFolder } from '../storage/temporary-folder.ts'
import { startEmbedded } from '../support/embedded.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { gate, startReceiver } from '../support/receiver.ts'

/** Makes an application `acme` whose endpoint is this URL. */
async function route(posthorn: Posthorn, url: string): Promise<void> {
  await posthorn.call('PUT', '/app/acme', { name: 'Acme' })
  await posthorn.call('POST', '/app/acme/endpoint', { url })
}

/** The events and signals that anything in this process listens for. */
const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)])

test('two live in one process beside each other, and each delivers its own', async () => {
  const one = await startEmbedded()
  const other = await startEmbedded()
  const [toOne, toOther] = [await startReceiver(), await startReceiver()]
  await route(one, toOne.url)
  await route(other, toOther.url)
  const first = await one.send('acme', { eventType: 'a', payload: { from: 1 } })
  const second = await other.send('acme', { eventType: 'a', payload: { from: 2 } })
  await toOne.waitFor(({ length }) => length === 1)
  await toOther.waitFor(({ length }) => length === 1)
  expect([...toOne.ids(), ...toOther.ids()]).toEqual([first.id, second.id])
  await expect(other.call('GET', `/app/acme/msg/${first.id}`)).rejects.toMatchObject({ code: 'not_found' })
})

test('a second one on the same data is refused, and the data is free again after stop', async () => {
  const data = await temporaryFolder()
  const first = await startEmbedded({ data })
  await first.call('PUT', '/app/acme', { name: 'Acme' })
  const second = createPosthorn({ data, dev: true })
  onTestFinished(() => second.stop())
  await expect(second.start()).rejects.toMatchObject({ code: 'data_in_use' })
  expect(await first.call('GET', '/app/acme')).toMatchObject({ uid: 'acme' })

  await first.stop()
  await second.start()
  expect(await second.call('GET', '/app/acme')).toMatchObject({ uid: 'acme' })
})

test('start and stop may be called twice and at once, and what is stopped can be started again', async () => {
  const posthorn = await startEmbedded()
  await Promise.all([posthorn.start(), posthorn.stop(), posthorn.stop(), posthorn.start(), posthorn.start()])
  await posthorn.call('PUT', '/app/acme', { name: 'Acme' })
  await posthorn.stop()
  await posthorn.start()
  expect(await posthorn.call('GET', '/app/acme')).toMatchObject({ uid: 'acme' })
})

test('it refuses what is asked of it before it is started and after it is stopped', async () => {
  const posthorn = createPosthorn({ data: await temporaryFolder() })
  const refusesAll = async () => {
    await expect(posthorn.send('acme', { eventType: 'a', payload: {} })).rejects.toMatchObject({
      code: 'busy',
    })
    await expect(posthorn.call('GET', '/app')).rejects.toMatchObject({ code: 'busy' })
    const response = await posthorn.fetch(new Request('http://localhost/api/v1/health'))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
  }
  await refusesAll()
  await posthorn.start()
  expect((await posthorn.fetch(new Request('http://localhost/api/v1/health'))).status).toBe(204)
  await posthorn.stop()
  await refusesAll()
})

test('stop waits for the attempt under way, which is recorded', async () => {
  const posthorn = await startEmbedded()
  const mayAnswer = gate()
  const receiver = await startReceiver({
    answer: async () => {
      await mayAnswer.opened
      return { status: 200, body: 'at last' }
    },
  })
  await route(posthorn, receiver.url)
  const { id } = await posthorn.send('acme', { eventType: 'a', payload: {} })
  await receiver.waitFor(({ length }) => length === 1)
  const stopped = posthorn.stop()
  mayAnswer.open()
  await stopped
  await posthorn.start()
  expect(await posthorn.call('GET', `/app/acme/attempt/msg/${id}`)).toMatchObject({
    data: [{ status: 0, response: 'at last' }],
  })
})

test('stop waits for a request whose body is still arriving, and keeps the data until it is answered', async () => {
  const data = await temporaryFolder()
  const posthorn = await startEmbedded({ data })
  const token = await posthorn.createToken({ name: 'api' })
  const mayEnd = gate()
  const body = ReadableStream.from(
    (async function* () {
      yield new TextEncoder().encode('{"name":')
      await mayEnd.opened
      yield new TextEncoder().encode('"Acme"}')
    })(),
  )
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const request = new Request('http://localhost/api/v1/app', {
    method: 'POST',
    headers,
    body,
    duplex: 'half',
  })
  const asked = posthorn.fetch(request)
  const stopped = posthorn.stop()
  const second = createPosthorn({ data, dev: true })
  onTestFinished(() => second.stop())
  await expect(second.start()).rejects.toMatchObject({ code: 'data_in_use' })
  mayEnd.open()
  expect((await asked).status).toBe(201)
  await stopped
  await second.start()
  expect(await second.call('GET', '/app')).toMatchObject({ data: [{ name: 'Acme' }] })
})

test('it leaves the process as it found it: no handlers, no output', async () => {
  const before = listeners()
  const written: unknown[] = []
  const catchAll = (chunk: unknown) => written.push(chunk) > 0
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(catchAll),
  )
  try {
    const posthorn = createPosthorn({ data: await temporaryFolder(), dev: true })
    await posthorn.start()
    expect(listeners()).toEqual(before)
    await expect(posthorn.call('GET', '/app/nobody')).rejects.toThrow('no application')
    await posthorn.stop()
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  expect(listeners()).toEqual(before)
  expect(written).toEqual([])
})

test('a logger of pino gets what a server would log', async () => {
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  await startEmbedded({ log })
  expect(lines.join('')).toContain('A delivery that fails is tried again')
})

test('payloads arrive to the byte: texts and bytes as they are given, objects written once', async () => {
  const posthorn = await startEmbedded()
  const receiver = await startReceiver()
  await route(posthorn, receiver.url)
  const object = { total: 1.5, name: 'é' }
  const text = '{ "total": 1.0, "id": 12345678901234567890 }'
  const expected = new Map<string, string>()
  const send = async (payload: object | string | Uint8Array, bytes: string) => {
    const { id } = await posthorn.send('acme', { eventType: 'a', payload })
    expected.set(id, bytes)
  }
  await send(object, JSON.stringify(object))
  await send(text, text)
  const buffer = Buffer.from(text)
  await send(buffer, text)
  // What the caller does with its memory afterwards is its own affair.
  buffer.fill(0)
  await send([1, 'two'], '[1,"two"]')
  await fc.assert(
    fc.asyncProperty(fc.json(), async (json) => send(Buffer.from(json), json)),
    { numRuns: 30 },
  )
  await receiver.waitFor(() => receiver.ids().size === expected.size)
  const arrived = new Map(receiver.requests.map(({ id, body }) => [id, body.toString()]))
  expect(arrived).toEqual(expected)
})

test('a payload of another type is sent as that type, and is not asked to be JSON', async () => {
  const posthorn = await startEmbedded()
  const receiver = await startReceiver()
  await route(posthorn, receiver.url)
  const bytes = new Uint8Array([0xff, 0x00, 0x0a, 0x80])
  await posthorn.send('acme', { eventType: 'a', payload: bytes, contentType: 'application/octet-stream' })
  const [request] = await receiver.waitFor(({ length }) => length === 1)
  expect(request!.headers['content-type']).toBe('application/octet-stream')
  expect(new Uint8Array(request!.body)).toEqual(bytes)
})

test('send refuses what the API refuses, and names that it does not know', async () => {
  const posthorn = await startEmbedded()
  await posthorn.call('PUT', '/app/acme', { name: 'Acme' })
  const refusal = async (message: object, to = 'acme') =>
    posthorn.send(to, { eventType: 'a', payload: {}, ...message }).then(
      () => null,
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    )
  expect(await refusal({}, 'nobody')).toMatch(/^not_found: There is no application nobody/)
  expect(await refusal({ eventType: 'not a name' })).toMatch(/^validation: message\.eventType/)
  expect(await refusal({ payload: '{"open": ' })).toMatch(/^malformed_json/)
  expect(await refusal({ payload: new Uint8Array([0xff]) })).toMatch(/^malformed_json: The body is not UTF-8/)
  expect(await refusal({ payload: null })).toMatch(/^validation: message\.payload/)
  expect(await refusal({ payload: 5 })).toMatch(/^validation: message\.payload/)
  expect(await refusal({ payload: { big: 1n } })).toMatch(/^validation: message\.payload.*BigInt/)
  expect(await refusal({ payload: { filler: 'x'.repeat(1_048_576) } })).toMatch(/^payload_too_large/)
  expect(await refusal({ contentType: 'text/plain\r\nx-evil: 1' })).toMatch(
    /^validation: message\.contentType/,
  )
  expect(await refusal({ deliverAt: new Date(Number.NaN) })).toMatch(/^validation: message\.deliverAt/)
  expect(await refusal({ tags: ['a\0b'] })).toMatch(/^validation: message\.tags\.0: .*NUL/)
  expect(await refusal({ eventID: 'misspelt' })).toMatch(
    /^validation: message\.eventID: is none of .*eventId/,
  )
  expect(await posthorn.call('GET', '/app/acme/msg')).toMatchObject({ data: [] })
})

test('event ids are accepted once, idempotency keys answer again, and later messages wait', async () => {
  const posthorn = await startEmbedded()
  const application = { name: 'Made on the way', uid: 'acme' }
  const message = { eventType: 'a', payload: { n: 1 }, application, eventId: 'event-1', tags: ['t'] }
  const first = await posthorn.send('acme', { ...message, idempotencyKey: 'key' })
  expect(first).toMatchObject({ eventId: 'event-1', isRepeated: false })
  expect(await posthorn.send('acme', { ...message, idempotencyKey: 'key' })).toEqual({
    ...first,
    isRepeated: true,
  })
  await expect(
    posthorn.send('acme', { ...message, payload: { n: 2 }, idempotencyKey: 'key' }),
  ).rejects.toMatchObject({
    code: 'idempotency_key_reused',
  })
  await expect(posthorn.send('acme', message)).rejects.toMatchObject({ code: 'event_id_exists' })

  const deliverAt = new Date(Date.now() + 3_600_000)
  const later = await posthorn.send('acme', { eventType: 'a', payload: {}, deliverAt })
  expect(await posthorn.call('GET', `/app/acme/msg/${later.id}`)).toMatchObject({
    deliverAt: deliverAt.toISOString(),
  })
})

test('strict event types hold for what the process sends', async () => {
  const posthorn = await startEmbedded({ strictEventTypes: true })
  await posthorn.call('PUT', '/app/acme', { name: 'Acme' })
  const schemas = { 1: { type: 'object', required: ['total'] } }
  await posthorn.call('POST', '/event-type', { name: 'invoice.paid', description: '', schemas })
  const send = (eventType: string, payload: object) => posthorn.send('acme', { eventType, payload })
  await expect(send('unknown', {})).rejects.toMatchObject({ code: 'validation' })
  await expect(send('invoice.paid', {})).rejects.toThrow('total')
  await send('invoice.paid', { total: 1 })
})

test('what the process does by call is in the audit log, and its token is nobody else’s', async () => {
  const posthorn = await startEmbedded()
  await posthorn.call('PUT', '/app/acme', { name: 'Acme' })
  expect(await posthorn.call('GET', '/audit-log')).toMatchObject({
    data: [{ actor: 'in-process', method: 'PUT' }],
  })
  const { data } = await posthorn.call<{ data: { name: string }[] }>('GET', '/auth/api-token')
  expect(data.map(({ name }) => name)).not.toContain('in-process')
})

test('on PostgreSQL several processes share the data, and what one accepts all know', async () => {
  const { url } = await sharedPostgres()
  const databaseSchema = newSchemaName()
  onTestFinished(() => dropSchema(url, databaseSchema))
  const encryptionKey = randomBytes(32).toString('base64')
  const options = { database: url, databaseSchema, databasePool: 2, encryptionKey }
  const one = await startEmbedded(options)
  const receiver = await startReceiver()
  await route(one, receiver.url)
  const { id } = await one.send('acme', { eventType: 'a', payload: '{"n": 1.0}' })
  const [request] = await receiver.waitFor(({ length }) => length === 1)
  expect(request).toMatchObject({ id, body: Buffer.from('{"n": 1.0}') })

  const other = await startEmbedded(options)
  expect(await other.call('GET', `/app/acme/msg/${id}`)).toMatchObject({ payload: { n: 1 } })
})
