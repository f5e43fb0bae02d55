import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer, startServerOn } from './support/server.ts'

test('an ordered endpoint gets messages one at a time in the order of acceptance, across a failure and a restart', async () => {
  const data = await temporaryFolder()
  const flags = { 'retry-schedule': '20ms,20ms,20ms,20ms' }
  const first = await startServerOn(data, flags)
  const application = await first.api.makeApplication()
  const receiver = await startReceiver()
  let underWay = 0
  let most = 0
  let turn = 0
  receiver.answerWith(async () => {
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise(setImmediate)
    underWay -= 1
    turn += 1
    return { status: turn % 5 === 0 ? 500 : 204 }
  })
  await first.api.makeEndpoint(application, receiver.url, { ordering: 'fifo' })
  const sent: string[] = []
  for (let i = 0; i < 60; i++) sent.push(await first.api.send(application))
  await receiver.waitFor(({ length }) => length > 10)
  await first.stop()

  const second = await startServerOn(data, flags)
  for (let i = 0; i < 20; i++) sent.push(await second.api.send(application))
  await receiver.waitFor(() => receiver.ids().size === sent.length)
  await second.stop()

  const order = receiver.requests.map(({ id }) => id)
  // A repeat follows what it repeats, so each id once, in the order of its first arrival, is the whole of it.
  expect(order.filter((id, i) => id !== order[i - 1])).toEqual(sent)
  expect(most).toBe(1)
})

test('an ordered endpoint that fails does not hold up its neighbour', async () => {
  const { api } = await startServer({ 'retry-schedule': '1h' })
  const application = await api.makeApplication()
  const [ordered, other] = [await startReceiver({ answer: () => ({ status: 500 }) }), await startReceiver()]
  await api.makeEndpoint(application, ordered.url, { ordering: 'fifo' })
  await api.makeEndpoint(application, other.url)
  for (let i = 0; i < 10; i++) await api.send(application)
  await other.waitFor(({ length }) => length === 10)
  await ordered.waitFor(({ length }) => length > 0)
  expect(ordered.ids().size).toBe(1)
})

test('what waits for an endpoint that becomes ordered is sent in order', async () => {
  const { api } = await startServer()
  /** Leaves messages that wait for an endpoint, which becomes ordered; returns whether none of them was due before. */
  const leave = async (waitMs: number) => {
    const application = await api.makeApplication()
    const receiver = await startReceiver()
    const endpoint = await api.makeEndpoint(application, receiver.url)
    const dueAt = Date.now() + waitMs
    const sent: string[] = []
    const deliverAt = new Date(dueAt).toISOString()
    for (let i = 0; i < 30; i++) sent.push(await api.send(application, { deliverAt }))
    await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { ordering: 'fifo' })
    return { receiver, sent, isInTime: Date.now() < dueAt }
  }
  let left = await leave(3_000)
  // On a machine that stood still for so long.
  for (let waitMs = 6_000; !left.isInTime; waitMs *= 2) left = await leave(waitMs)
  const { receiver, sent } = left
  await receiver.waitFor(() => receiver.ids().size === sent.length)
  expect(receiver.requests.map(({ id }) => id)).toEqual(sent)
})
