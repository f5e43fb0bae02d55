import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { type Api, apiOf } from './support/api.ts'
import { eventually } from './support/eventually.ts'
import { type Receiver, startReceiver } from './support/receiver.ts'
import { type TestServer, startServer, startServerOn } from './support/server.ts'

interface ShownExhausted {
  readonly messageId: string
  readonly endpointId: string
  readonly canReplay: boolean
}
interface ShownTask {
  readonly id: string
  readonly status: string
  readonly data: { readonly messagesSent: number; readonly progress: number; readonly error?: string }
}

const down = () => ({ status: 500, body: 'down' })

/** An application with two endpoints at a receiver that is down. */
async function start(server?: TestServer) {
  const { api } = server ?? (await startServer({ 'retry-schedule': 'none' }))
  const receiver = await startReceiver({ answer: down })
  const application = await api.makeApplication()
  const endpoints = [
    await api.makeEndpoint(application, receiver.url, { uid: 'one' }),
    await api.makeEndpoint(application, receiver.url, { uid: 'two', eventTypes: ['b'] }),
  ]
  return { api, receiver, application, endpoints }
}

const listed = (api: Api, application: string, query = '') =>
  api.ask<{ data: ShownExhausted[] }>('GET', `/app/${application}/exhausted${query}`).then(({ data }) => data)

const countIs = (api: Api, application: string, count: number) =>
  eventually(
    () => listed(api, application),
    (seen) => expect(seen).toHaveLength(count),
  )

const replay = (api: Api, application: string, body: object = {}) =>
  api.ask<ShownTask>('POST', `/app/${application}/exhausted/replay`, body)

const taskIs = (api: Api, id: string, expected: object) =>
  eventually(
    () => api.ask<ShownTask>('GET', `/background-task/${id}`),
    (seen) => expect(seen).toMatchObject(expected),
  )

test('what failed for good is listed with its last attempt, by endpoint, type and time', async () => {
  const { api, application, endpoints } = await start()
  const a = await api.send(application, { eventType: 'a', eventId: 'evt-a' })
  const b = await api.send(application, { eventType: 'b' })
  await countIs(api, application, 3)
  const all = await listed(api, application)
  expect(all.map(({ messageId }) => messageId)).toEqual([b, b, a])
  expect(all.at(-1)).toMatchObject({
    messageId: a,
    eventType: 'a',
    eventId: 'evt-a',
    endpointId: endpoints[0],
    endpointUid: 'one',
    attempts: 1,
    lastAttempt: { responseStatusCode: 500, failure: null, response: 'down' },
    canReplay: true,
  })
  expect(await listed(api, application, '?endpoint_id=two')).toMatchObject([{ endpointId: endpoints[1] }])
  expect(await listed(api, application, '?event_types=a,c')).toMatchObject([{ messageId: a }])
  expect(await listed(api, application, `?before=${new Date(0).toISOString()}`)).toEqual([])
  expect(await listed(api, application, `?after=${new Date(0).toISOString()}`)).toHaveLength(3)
  expect(await api.call('GET', `/app/${application}/exhausted?endpoint_id=none`)).toMatchObject({
    status: 404,
  })

  await api.ask('DELETE', `/app/${application}/endpoint/two`)
  const after = await listed(api, application, '?order=ascending')
  expect(after.filter(({ canReplay }) => canReplay)).toHaveLength(2)
  expect(after).toHaveLength(3)
})

test('all of it is sent again, or that of an endpoint or type', async () => {
  const { api, receiver, application, endpoints } = await start()
  const a = await api.send(application, { eventType: 'a' })
  const b = await api.send(application, { eventType: 'b' })
  await countIs(api, application, 3)
  receiver.answerWith(() => ({}))
  const before = receiver.requests.length

  const ofTypes = await replay(api, application, { eventTypes: ['a'] })
  // A kind that the official clients know: they refuse others.
  expect(ofTypes).toMatchObject({ task: 'endpoint.bulk-replay', status: 'running' })
  await taskIs(api, ofTypes.id, { status: 'finished', data: { messagesSent: 1, progress: 1 } })
  await receiver.waitFor((requests) => requests.length === before + 1)
  expect(receiver.requests.at(-1)!.id).toBe(a)

  const ofEndpoint = await replay(api, application, { endpointId: 'two' })
  await taskIs(api, ofEndpoint.id, { status: 'finished', data: { messagesSent: 1 } })
  const { data } = await api.ask<{ data: object[] }>('GET', '/background-task?task=endpoint.bulk-replay')
  expect(data).toMatchObject([{ id: ofEndpoint.id }, { id: ofTypes.id }])
  expect(await listed(api, application)).toMatchObject([{ messageId: b, endpointId: endpoints[0] }])
  const ofAll = await replay(api, application)
  await taskIs(api, ofAll.id, { status: 'finished', data: { messagesSent: 1 } })
  await receiver.waitFor((requests) => requests.length === before + 3)
  expect(await listed(api, application)).toEqual([])
})

/** Leaves as many exhausted deliveries to one endpoint, which works from then on. */
async function exhausted(api: Api, receiver: Receiver, application: string, count: number) {
  await Promise.all(Array.from({ length: count }, () => api.send(application, { eventType: 'a' })))
  await countIs(api, application, count)
  receiver.answerWith(() => ({}))
}

test('a replay with a rate sends no faster, tells how far it is, and what is left when it is canceled stays', async () => {
  const { api, receiver, application } = await start()
  await exhausted(api, receiver, application, 20)
  const before = receiver.requests.length
  const { id } = await replay(api, application, { ratePerSecond: 8 })
  await receiver.waitFor((requests) => requests.length >= before + 6)
  // All would be due after one step, were it not for the rate.
  const canceled = await api.ask<ShownTask>('POST', `/background-task/${id}/cancel`)
  expect(canceled).toMatchObject({ status: 'failed', data: { error: 'It was canceled' } })
  await eventually(
    () => listed(api, application),
    (left) => expect(left.length + new Set(receiver.requests.slice(before).map((r) => r.id)).size).toBe(20),
  )
  expect(await listed(api, application)).not.toHaveLength(0)
})

test('a replay to an endpoint that takes nothing does not run ahead, and its cancellation leaves nothing behind', async () => {
  const { api, receiver, application, endpoints } = await start()
  await exhausted(api, receiver, application, 30)
  await api.ask('PATCH', `/app/${application}/endpoint/one`, { disabled: true })
  const { id } = await replay(api, application, { ratePerSecond: 60 })
  await taskIs(api, id, { data: { messagesSent: 15 } })
  await api.ask('POST', `/background-task/${id}/cancel`)
  expect(await listed(api, application)).toHaveLength(30)
  expect(await api.ask('GET', `/app/${application}/endpoint/${endpoints[0]}/queue`)).toMatchObject({
    waiting: 0,
  })
})

test('a replay goes on after a restart, at its rate', async () => {
  const data = await temporaryFolder()
  const flags = { 'retry-schedule': 'none' }
  const first = await startServerOn(data, flags)
  const { api, receiver, application } = await start(first)
  await exhausted(api, receiver, application, 12)
  const before = receiver.requests.length
  const { id } = await replay(api, application, { ratePerSecond: 8 })
  await receiver.waitFor((requests) => requests.length > before)
  await first.stop()
  expect(receiver.requests.length).toBeLessThan(before + 12)

  const second = await startServerOn(data, flags)
  await taskIs(second.api, id, { status: 'finished', data: { messagesSent: 12, progress: 1 } })
  await receiver.waitFor((requests) => requests.length === before + 12)
  expect(new Set(receiver.requests.slice(before).map((request) => request.id)).size).toBe(12)
  await second.stop()
})

test('tokens of the application and of its portal see and replay it, and one that may only look does not replay', async () => {
  const server = await startServer({ 'retry-schedule': 'none' })
  const { api, application } = await start(server)
  await api.send(application, { eventType: 'a' })
  await countIs(api, application, 1)
  const portal = async (fields: object) => {
    const { token } = await api.ask<{ token: string }>(
      'POST',
      `/auth/app-portal-access/${application}`,
      fields,
    )
    return apiOf(server.url, token)
  }
  const viewer = await portal({ capabilities: ['ViewBase'] })
  expect(await listed(viewer, application)).toHaveLength(1)
  expect(await viewer.call('POST', `/app/${application}/exhausted/replay`, {})).toMatchObject({ status: 403 })
  const owner = await portal({})
  const { id } = await replay(owner, application)
  await taskIs(owner, id, { status: 'finished', data: { messagesSent: 1 } })
})
