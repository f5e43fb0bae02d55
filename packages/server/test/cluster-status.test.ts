import { expect, test } from 'vitest'

import { VERSION } from '../src/version.ts'
import type { ShownCluster } from './support/cluster.ts'
import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

test('the cluster shows its nodes, what they hold and for how long the oldest delivery waits', async () => {
  const { api } = await startServer({ 'retry-schedule': 'none' })
  const application = await api.makeApplication()
  expect(await api.ask<ShownCluster>('GET', '/cluster')).toMatchObject({
    nodes: [{ version: VERSION, pid: process.pid }],
    lagMs: 0,
    oldestDue: null,
  })

  const receiver = await startReceiver({ answer: () => 'nothing' })
  // One at a time, so that the others wait in the store.
  const endpoint = await api.makeEndpoint(application, receiver.url, { ordering: 'fifo' })
  await api.send(application)
  await receiver.waitFor(({ length }) => length === 1)
  await eventually(
    () => api.ask<ShownCluster>('GET', '/cluster'),
    (seen) => expect(seen.nodes).toMatchObject([{ deliveriesHeld: 1, attemptsUnderWay: 1 }]),
  )
  await receiver.close()
  await api.ask('DELETE', `/app/${application}/endpoint/${endpoint}`)
})

test('only a token of the organisation sees the cluster', async () => {
  const { api } = await startServer()
  const reply = await fetch(`${api.url}/api/v1/cluster`)
  expect(reply.status).toBe(401)
})
