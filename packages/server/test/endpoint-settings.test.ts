import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

const URL_OF_NOBODY = 'http://127.0.0.1:9/'

test('settings are kept, shown, changed one by one and left alone by a client that does not know them', async () => {
  const { api, url } = await startServer()
  const application = await api.makeApplication()
  const settings = {
    ordering: 'fifo',
    batch: { maxEvents: 5, maxWaitMs: 200 },
    concurrency: { min: 1, max: 4 },
    retrySchedule: [1, 2.5],
    signatures: ['v1', 'v1a'],
  }
  const endpoint = await api.makeEndpoint(application, URL_OF_NOBODY, settings)
  const path = `/app/${application}/endpoint/${endpoint}`
  expect(await api.ask('GET', path)).toMatchObject({ ...settings, payloadMode: 'as-is', failingSince: null })

  await api.ask('PATCH', path, { concurrency: null, retrySchedule: [] })
  const changed = { ...settings, concurrency: null, retrySchedule: [] }
  expect(await api.ask('GET', path)).toMatchObject(changed)

  const svix = new Svix(TOKEN, { serverUrl: url })
  await svix.endpoint.upsert(application, endpoint, { url: URL_OF_NOBODY, description: 'new' })
  expect(await api.ask('GET', path)).toMatchObject({ ...changed, description: 'new' })
})

test('of a batch and of a concurrency only the bound has to be given', async () => {
  const { api } = await startServer()
  const application = await api.makeApplication()
  const settings = { batch: { maxEvents: 5 }, concurrency: { max: 4 } }
  const endpoint = await api.makeEndpoint(application, URL_OF_NOBODY, settings)
  expect(await api.ask('GET', `/app/${application}/endpoint/${endpoint}`)).toMatchObject({
    batch: { maxEvents: 5, maxWaitMs: 1_000 },
    concurrency: { min: 1, max: 4 },
  })
})

test.each([
  [{ ordering: 'lifo' }, 'ordering'],
  [{ concurrency: { min: 5, max: 2 } }, 'min must not be more than max'],
  [{ concurrency: { min: 1, max: 65 } }, 'max'],
  [{ retrySchedule: [0] }, 'retrySchedule'],
  [{ retrySchedule: ['5s'] }, 'retrySchedule'],
  [{ signatures: [] }, 'signatures'],
  [{ payloadMode: 'xml' }, 'payloadMode'],
])('%j is refused', async (settings, named) => {
  const { api } = await startServer()
  const application = await api.makeApplication()
  const reply = await api.call('POST', `/app/${application}/endpoint`, { url: URL_OF_NOBODY, ...settings })
  expect(reply.status).toBe(422)
  expect(reply.text).toContain(named)
})

test('the schedule of an endpoint goes before that of the event type, of the application and of the server', async () => {
  const { api } = await startServer({ 'retry-schedule': 'none' })
  const receiver = await startReceiver({ answer: () => ({ status: 500 }) })
  const application = await api.makeApplication({ retrySchedule: [0.01] })
  await api.ask('POST', '/event-type', { name: 'typed', description: '', retrySchedule: [0.01, 0.01] })
  await api.makeEndpoint(application, receiver.url, { uid: 'own', retrySchedule: [0.01, 0.01, 0.01] })
  const arrivals = async (eventType: string) => {
    const message = await api.send(application, { eventType })
    const isOver = async () => (await api.deliveriesOf(application, message))[0]!.statusText === 'fail'
    while (!(await isOver())) await receiver.waitFor(() => true)
    return (await api.attemptsOf(application, message)).length
  }
  expect(await arrivals('typed')).toBe(4)
  await api.ask('PATCH', `/app/${application}/endpoint/own`, { retrySchedule: null })
  expect(await arrivals('typed')).toBe(3)
  expect(await arrivals('plain')).toBe(2)
  await api.ask('PATCH', `/app/${application}`, { retrySchedule: null })
  expect(await arrivals('plain')).toBe(1)
})

test('an endpoint gets no more attempts at once than it asks for', async () => {
  const { api } = await startServer()
  const receiver = await startReceiver({ answer: () => 'nothing' })
  const other = await startReceiver()
  const application = await api.makeApplication()
  await api.makeEndpoint(application, receiver.url, { concurrency: { min: 1, max: 3 } })
  await api.makeEndpoint(application, other.url)
  await Promise.all(Array.from({ length: 12 }, () => api.send(application)))
  await receiver.waitFor(({ length }) => length >= 3)
  await other.waitFor(({ length }) => length === 12)
  expect(receiver.unanswered).toBe(3)
})
