import { setTimeout as pause } from 'node:timers/promises'

import { expect, test } from 'vitest'

import {
  type Cluster,
  type ClusterNode,
  type Load,
  NODE_TIMEOUT_MS,
  seeEachOther,
  startCluster,
  startLoad,
} from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startTcpRelay } from '../support/tcp-relay.ts'

/** `npm run soak` goes through all faults so many times. */
const ROUNDS = process.env['SOAK'] === '1' ? 5 : 1
/** Messages that are acknowledged before and after each fault. */
const MESSAGES = process.env['SOAK'] === '1' ? 1_000 : 150
const HOUR_MS = 3_600_000

interface World {
  readonly cluster: Cluster
  readonly nodes: ClusterNode[]
  readonly load: Load
  readonly receiver: Receiver
  readonly application: string
}

test('whatever fails, all that was acknowledged arrives, and the cluster is well again by itself', async () => {
  const cluster = await startCluster()
  const relay = await startTcpRelay(Number(new URL(cluster.postgres.url).port))
  const first = await cluster.startNode()
  const nodes = [
    first,
    // The one with the way that can be cut is also the one whose clock is an hour ahead.
    await cluster.startNode({ databasePort: relay.port, clockAheadMs: HOUR_MS }),
    await cluster.startNode(),
  ]
  const application = await first.api.makeApplication()
  const receiver = await startReceiver()
  await first.api.makeEndpoint(application, receiver.url)
  await seeEachOther(nodes)
  const load = startLoad(() => nodes, application)
  const world: World = { cluster, nodes, load, receiver, application }

  await holds('a clock that is an hour ahead', world, async () => {
    const { api } = nodes[1]!
    const sent = await api.ask<{ id: string; timestamp: string }>('POST', `/app/${application}/msg`, {
      eventType: 'clock',
      payload: {},
    })
    expect(Math.abs(Date.parse(sent.timestamp) - Date.now())).toBeLessThan(HOUR_MS / 10)
    const later = await api.send(application, { deliverAt: new Date(Date.now() + 1_500).toISOString() })
    await receiver.waitFor((requests) => requests.some(({ id }) => id === later))
  })
  for (let round = 0; round < ROUNDS; round++) {
    await holds('kill -9 of a node', world, async () => {
      await nodes.pop()!.kill('SIGKILL')
      await seeEachOther(nodes)
      nodes.push(await cluster.startNode())
    })
    await holds('a node that is paused for longer than its lease', world, async () => {
      const { pid } = nodes[0]!
      process.kill(pid, 'SIGSTOP')
      await seeEachOther(nodes.slice(1))
      await load.more(MESSAGES)
      process.kill(pid, 'SIGCONT')
    })
    await holds('PostgreSQL stopped fast and started', world, () => cluster.postgres.restart('fast'))
    await holds('PostgreSQL stopped as by a crash and started', world, () =>
      cluster.postgres.restart('immediate'),
    )
    await holds('all connections cut', world, async () => void (await cluster.postgres.cutConnections()))
    await holds("a node's connections cut for longer than its lease", world, async () => {
      relay.set('cut')
      await seeEachOther([nodes[0]!, nodes[2]!])
      relay.set('open')
    })
    await holds('a network that swallows what a node sends', world, async () => {
      relay.set('silent')
      await seeEachOther([nodes[0]!, nodes[2]!])
      relay.set('open')
    })
    await holds('a full limit of connections', world, async () => {
      await cluster.postgres.limitConnections(2)
      await cluster.postgres.cutConnections()
      await pause(NODE_TIMEOUT_MS)
      await cluster.postgres.limitConnections(null)
    })
  }
  await load.stop()
  for (const node of nodes) expect(await node.kill('SIGTERM')).toBe(0)
}, 1_200_000)

/** Lets something fail under load, and holds the cluster to what it promises. */
async function holds(what: string, world: World, fault: () => Promise<void>): Promise<void> {
  const { nodes, load, receiver, cluster, application } = world
  await load.more(MESSAGES)
  const before = duplicatesOf(receiver)
  await fault()
  await seeEachOther(nodes)
  await load.more(MESSAGES)
  for (const { api } of nodes) await api.send(application)

  const acknowledged = [...load.acknowledged]
  await eventually(
    () => receiver.ids(),
    (ids) => expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]),
  )
  // A success ends a delivery: a second one would be that of a node which no longer had it.
  const [recorded] = await cluster.postgres.query(
    `SELECT count(*)::int AS twice FROM (SELECT message_id FROM posthorn.attempt WHERE is_success
       GROUP BY message_id, endpoint_id HAVING count(*) > 1) recorded`,
    'posthorn',
  )
  expect(recorded).toEqual({ twice: 0 })
  const duplicates = duplicatesOf(receiver) - before
  process.stdout.write(
    `${what}: ${acknowledged.length} acknowledged so far, 0 lost, ${duplicates} delivered twice\n`,
  )
}

function duplicatesOf({ requests }: Receiver): number {
  return requests.length - new Set(requests.map(({ id }) => id)).size
}
