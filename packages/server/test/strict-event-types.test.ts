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
