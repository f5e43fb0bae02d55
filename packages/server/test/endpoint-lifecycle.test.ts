import { expect, test } from 'vitest'

import type { DeliveryStatus } from '../src/domain/delivery.ts'
import { openTestStore } from './support/database.ts'
import { eventually } from './support/eventually.ts'
import { gate, startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

/** Returns how many deliveries of an endpoint have each status in the database, also where the endpoint is deleted. */
async function statusesIn(
  data: string,
  applicationId: string,
  endpointId: string,
): Promise<Partial<Record<DeliveryStatus, number>>> {
  const store = await openTestStore(data)
  try {
    const page = { limit: 1_000, order: 'ascending', after: null } as const
    const found = await store.listDeliveriesOfEndpoint(applicationId, endpointId, page, {})
    const counts: Partial<Record<DeliveryStatus, number>> = {}
    for (const { delivery } of found) counts[delivery.status] = (counts[delivery.status] ?? 0) + 1
    return counts
  } finally {
    await store.stop()
  }
}

test('what waits for a disabled endpoint is held, and delivered when it is enabled', async () => {
  const { api } = await startServer({ 'retry-schedule': '50ms,50ms,50ms' })
  const application = await api.makeApplication()
  const isUp = gate()
  const receiver = await startReceiver({
    answer: async () => {
      await isUp.opened
      return { status: 500 }
    },
  })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const other = await startReceiver()
  await api.makeEndpoint(application, other.url)
  const message = await api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)

  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { disabled: true })
  isUp.open()
  const held = await eventually(
    async () => (await api.deliveriesOf(application, message)).find(({ id }) => id === endpoint),
    (delivery) => expect(delivery).toMatchObject({ statusText: 'pending', disabled: true }),
  )
  // Many deliveries elsewhere, each with a poll behind it, do not move what is held.
  for (let i = 0; i < 20; i++) await api.send(application)
  await other.waitFor((requests) => requests.length === 21)
  await eventually(
    () => Date.now(),
    (now) => expect(now).toBeGreaterThan(Date.parse(held!.nextAttempt!)),
  )
  expect(receiver.requests).toHaveLength(1)

  receiver.answerWith(() => ({}))
  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { disabled: false })
  const requests = await receiver.waitFor(({ length }) => length === 2)
  expect(requests.map(({ id }) => id)).toEqual([message, message])
})

test('what waits for a deleted endpoint is canceled and never sent', async () => {
  const { api, data } = await startServer({ 'retry-schedule': '100ms' })
  const application = await api.makeApplication()
  const isUp = gate()
  const receiver = await startReceiver({
    answer: async () => {
      await isUp.opened
      return { status: 500 }
    },
  })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  for (let i = 0; i < 40; i++) await api.send(application)
  await receiver.waitFor(({ length }) => length > 0)

  await api.ask('DELETE', `/app/${application}/endpoint/${endpoint}`)
  isUp.open()
  await eventually(
    () => statusesIn(data, application, endpoint),
    (statuses) => expect(statuses).toEqual({ canceled: 40 }),
  )
  expect(receiver.requests.length).toBeLessThan(40)
})

test('what waits for the endpoints of a deleted application is canceled', async () => {
  const { api, data } = await startServer({ 'retry-schedule': '100ms' })
  const application = await api.makeApplication()
  const receiver = await startReceiver({
    answer: () => ({ status: 500, headers: { 'retry-after': '3600' } }),
  })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)
  await eventually(
    () => api.deliveriesOf(application, message),
    (deliveries) => expect(deliveries).toMatchObject([{ statusText: 'pending' }]),
  )

  await api.ask('DELETE', `/app/${application}`)
  await eventually(
    () => statusesIn(data, application, endpoint),
    (statuses) => expect(statuses).toEqual({ canceled: 1 }),
  )
  expect((await api.call('GET', `/app/${application}/msg/${message}`)).status).toBe(404)
})

test('a change of URL counts from the next attempt on', async () => {
  const { api } = await startServer({ 'retry-schedule': '100ms' })
  const application = await api.makeApplication()
  const old = await startReceiver({ answer: () => 'reset' })
  const fresh = await startReceiver()
  const endpoint = await api.makeEndpoint(application, old.url)
  old.answerWith(async () => {
    await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { url: fresh.url })
    return { status: 500 }
  })
  const message = await api.send(application)
  const [request] = await fresh.waitFor(({ length }) => length === 1)
  expect(request!.id).toBe(message)
})

test('a message with deliverAt is delivered then, and not before', async () => {
  const { api } = await startServer()
  const application = await api.makeApplication()
  const receiver = await startReceiver()
  await api.makeEndpoint(application, receiver.url)
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
  const waiting = await api.send(application, { deliverAt: inAnHour })
  const deliverAt = Date.now() + 2_000
  const message = await api.send(application, { deliverAt: new Date(deliverAt).toISOString() })
  const sooner = await api.send(application)

  const requests = await receiver.waitFor(({ length }) => length === 2)
  expect(new Set(requests.map(({ id }) => id))).toEqual(new Set([sooner, message]))
  expect(requests.find(({ id }) => id === message)!.receivedAt).toBeGreaterThanOrEqual(deliverAt)
  expect(await api.deliveriesOf(application, waiting)).toMatchObject([
    { statusText: 'pending', nextAttempt: inAnHour },
  ])
})

test('an endpoint gets only the event types and channels that it asked for', async () => {
  const { api } = await startServer()
  const application = await api.makeApplication()
  const receiver = await startReceiver()
  const all = await api.makeEndpoint(application, receiver.url)
  const typed = await api.makeEndpoint(application, receiver.url, { eventTypes: ['invoice.paid'] })
  const european = await api.makeEndpoint(application, receiver.url, { channels: ['eu'] })
  await api.makeEndpoint(application, receiver.url, { disabled: true })

  const goesTo = async (fields: object) =>
    (await api.deliveriesOf(application, await api.send(application, fields))).map(({ id }) => id)
  expect(await goesTo({ eventType: 'other' })).toEqual([all])
  expect(await goesTo({ eventType: 'invoice.paid' })).toEqual([all, typed])
  expect(await goesTo({ eventType: 'other', channels: ['us', 'eu'] })).toEqual([all, european])
  expect(await goesTo({ eventType: 'invoice.paid', channels: ['us'] })).toEqual([all, typed])
})
