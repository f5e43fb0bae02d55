import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { TOKEN, startServer } from './support/server.ts'

const invoice = {
  type: 'object',
  properties: { lines: { type: 'array', items: { type: 'object', required: ['total'] } } },
  required: ['lines'],
}

async function start(flags: Readonly<Record<string, unknown>> = { 'strict-event-types': true }) {
  const { api, url } = await startServer(flags)
  await api.makeApplication({ uid: 'acme' })
  const send = async (eventType: string, payload: object, more = {}) => {
    const { status, body } = await api.call('POST', '/app/acme/msg', { eventType, payload, ...more })
    const faults = status === 422 ? (body as { detail: { loc: string[]; msg: string }[] }).detail : []
    return { status, loc: faults[0]?.loc, msg: faults[0]?.msg }
  }
  return { api, send, svix: new Svix(TOKEN, { serverUrl: url }) }
}

test('with --strict-event-types only known types are sent, from the moment on in which they are known', async () => {
  const { send, svix } = await start()
  expect(await send('paid', {})).toMatchObject({ status: 422, loc: ['body', 'eventType'] })
  await svix.eventType.create({ name: 'paid', description: '' })
  expect(await send('paid', {})).toMatchObject({ status: 202 })
  await svix.eventType.delete('paid')
  expect(await send('paid', {})).toMatchObject({ status: 422, msg: 'paid is archived' })
  await svix.eventType.create({ name: 'paid', description: '' })
  expect(await send('paid', {})).toMatchObject({ status: 202 })
  await svix.eventType.delete('paid', { expunge: true })
  expect(await send('paid', {})).toMatchObject({ status: 422, msg: 'paid is not an event type here' })
})

test('a payload has to fit the newest schema of its type, and the fault is named by its path', async () => {
  const { send, svix } = await start()
  await svix.eventType.create({ name: 'paid', description: '', schemas: { '9': { not: {} }, '10': invoice } })
  expect(await send('paid', { lines: [{ total: 1 }] })).toMatchObject({ status: 202 })
  expect(await send('paid', { lines: [{ total: 1 }, {}] })).toMatchObject({
    status: 422,
    loc: ['body', 'payload', 'lines', '1', 'total'],
    msg: 'is required',
  })
  await svix.eventType.patch('paid', { schemas: { '11': { required: ['id'] } } })
  expect(await send('paid', { lines: [] })).toMatchObject({ status: 422, loc: ['body', 'payload', 'id'] })

  const raw = (rawPayload: string) => send('paid', {}, { transformationsParams: { rawPayload } })
  const place = ['body', 'transformationsParams', 'rawPayload']
  expect(await raw('{"id":1}')).toMatchObject({ status: 202 })
  expect(await raw('{}')).toMatchObject({ status: 422, loc: [...place, 'id'] })
  expect(await raw('<xml/>')).toMatchObject({ status: 422, loc: place })
})

test('a schema that cannot be used is refused when the type is written, with the place', async () => {
  const { api } = await start({})
  const refused = {
    status: 422,
    body: { detail: [{ loc: ['body', 'schemas', '1', 'properties', 'a', 'type'] }] },
  }
  const schemas = { '1': { properties: { a: { type: 'text' } } } }
  const fields = { description: '', schemas }
  expect(await api.call('POST', '/event-type', { name: 'paid', ...fields })).toMatchObject(refused)
  expect(await api.call('PUT', '/event-type/paid', fields)).toMatchObject(refused)
  await api.ask('POST', '/event-type', { name: 'paid', description: '' })
  expect(await api.call('PATCH', '/event-type/paid', { schemas })).toMatchObject(refused)
})

test('without --strict-event-types any type and payload is sent', async () => {
  const { send, svix } = await start({})
  await svix.eventType.create({ name: 'paid', description: '', schemas: { '1': invoice } })
  expect(await send('paid', {})).toMatchObject({ status: 202 })
  expect(await send('unknown', {})).toMatchObject({ status: 202 })
})

const PETS = `
openapi: 3.1.0
info: { title: Pets, version: '1' }
webhooks:
  pet.new:
    post:
      description: A pet is there
      requestBody:
        content:
          application/json:
            schema: { $ref: '#/components/schemas/Pet' }
components:
  schemas:
    Pet: { type: object, required: [name], properties: { name: { type: string }, next: { $ref: '#/components/schemas/Pet' } } }
`

test('event types that the official client imports from an OpenAPI document are checked from then on', async () => {
  const { send, svix } = await start()
  await svix.eventType.create({ name: 'old', description: '' })
  const dry = await svix.eventType.importOpenapi({ specRaw: PETS, dryRun: true, replaceAll: true })
  expect(dry.data).toMatchObject({
    modified: [],
    toModify: [{ name: 'pet.new', description: 'A pet is there' }],
  })
  expect(await send('pet.new', {})).toMatchObject({ status: 422, loc: ['body', 'eventType'] })
  expect(await send('old', {})).toMatchObject({ status: 202 })

  const done = await svix.eventType.importOpenapi({ specRaw: PETS, replaceAll: true })
  expect(done.data).toEqual({ modified: ['pet.new'], toModify: undefined })
  expect(await send('pet.new', { name: 'Rex', next: { name: 'Tom' } })).toMatchObject({ status: 202 })
  expect(await send('pet.new', { name: 'Rex', next: {} })).toMatchObject({
    status: 422,
    loc: ['body', 'payload', 'next', 'name'],
  })
  expect(await send('old', {})).toMatchObject({ status: 422, msg: 'old is archived' })
  expect((await svix.eventType.importOpenapi({ specRaw: PETS })).data.modified).toEqual([])
})

test('a document is given once, as JSON or as text, and what is wrong in it is named by its place', async () => {
  const { api } = await start()
  const path = '/event-type/import/openapi'
  const spec = { openapi: '3.0.3', 'x-webhooks': { a: { post: {} } } }
  const twice = { spec, specRaw: JSON.stringify(spec) }
  for (const body of [{}, twice, { spec: null }]) {
    expect(await api.call('POST', path, body)).toMatchObject({ status: 400, body: { code: 'bad_request' } })
  }
  expect(await api.call('POST', path, { spec })).toMatchObject({
    status: 200,
    body: { data: { modified: ['a'] } },
  })
  const faultOf = async (body: object) => {
    const { status, body: answer } = await api.call('POST', path, body)
    const { loc, msg } = (answer as { detail: { loc: string[]; msg: string }[] }).detail[0]!
    return { status, at: loc.join('/'), msg }
  }
  const notYaml = {
    status: 422,
    at: 'body/specRaw',
    msg: expect.stringContaining('neither JSON nor YAML') as string,
  }
  expect(await faultOf({ specRaw: 'a: [' })).toEqual(notYaml)
  expect(await faultOf({ specRaw: 'a: &a [*a]' })).toEqual(notYaml)
  expect(await faultOf({ specRaw: '{"openapi": "3.1.0", "webhooks": {"a": 1}}' })).toMatchObject({
    status: 422,
    at: 'body/specRaw/webhooks/a',
  })
  const nul = 'openapi: 3.1.0\nwebhooks: {a: {post: {summary: "\\0"}}}'
  expect(await faultOf({ specRaw: nul })).toMatchObject({
    status: 422,
    at: 'body/specRaw/webhooks/a/post/summary',
  })
})
