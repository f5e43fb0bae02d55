import { expect, onTestFinished, test } from 'vitest'

import type { Lease } from '../../src/storage/port/nodes.ts'
import { postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { newApplication, newEndpoint, newMessage } from './fixtures.ts'

const NOW = Date.now()
const IDLE_MS = 120_000

interface PacingNode {
  readonly store: Store
  readonly lease: Lease
  /** Lets this node's monotonic clock go on. */
  readonly pass: (ms: number) => void
}

/** Two nodes on a new schema, with an endpoint for which messages wait. */
async function twoNodes() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const startNode = async (): Promise<PacingNode> => {
    let at = 0
    const encryptionKey = new Uint8Array(32)
    const store = postgresStore({ url, schema, encryptionKey, isServer: true, monotonic: () => at })
    await store.start()
    onTestFinished(() => store.stop())
    return { store, lease: await store.joinAsNode(NOW), pass: (ms) => (at += ms) }
  }
  const nodes = [await startNode(), await startNode()] as const
  const { store } = nodes[0]
  const application = newApplication()
  await store.createApplication(application)
  const endpoints = [1, 2].map(() => newEndpoint({ applicationId: application.id }))
  for (const endpoint of endpoints) await store.createEndpoint(endpoint)
  return {
    nodes,
    endpoints,
    leave: async (endpointId: string) => {
      const message = newMessage({ applicationId: application.id })
      await store.acceptMessage({ message, deliveries: [{ endpointId, lease: null }], dueAt: NOW })
    },
    claim: async (
      { store: by, lease }: PacingNode,
      endpointId: string,
      pacedBy: 'endpoint' | 'application',
    ) =>
      (
        await by.claimDeliveries({
          lease,
          applicationId: application.id,
          endpointId,
          limits: { live: 10, retry: 0, replay: 0 },
          isOrdered: false,
          pacedBy,
          maxBytes: 1_000_000,
          now: NOW,
        })
      ).map(({ message: { id } }) => ({ applicationId: application.id, messageId: id, endpointId })),
  }
}

test('the first to claim paces an endpoint, and others get nothing of it and all of its neighbour', async () => {
  const { nodes, endpoints, leave, claim } = await twoNodes()
  const [one, two] = [endpoints[0]!.id, endpoints[1]!.id]
  await leave(one)
  await leave(two)
  expect(await claim(nodes[0], one, 'endpoint')).toHaveLength(1)
  await leave(one)
  expect(await claim(nodes[1], one, 'endpoint')).toEqual([])
  expect(await claim(nodes[1], two, 'endpoint')).toHaveLength(1)
  expect(await claim(nodes[0], one, 'endpoint')).toHaveLength(1)
})

test('the rate of an application is paced by one node for all its endpoints', async () => {
  const { nodes, endpoints, leave, claim } = await twoNodes()
  for (const { id } of endpoints) await leave(id)
  expect(await claim(nodes[0], endpoints[0]!.id, 'application')).toHaveLength(1)
  expect(await claim(nodes[1], endpoints[1]!.id, 'application')).toEqual([])
  expect(await claim(nodes[0], endpoints[1]!.id, 'application')).toHaveLength(1)
})

test('an idle pace is given up once nothing is held of it, and not before', async () => {
  const { nodes, endpoints, leave, claim } = await twoNodes()
  const { id } = endpoints[0]!
  const [first, second] = nodes
  await leave(id)
  const held = await claim(first, id, 'endpoint')
  await leave(id)
  first.pass(IDLE_MS)
  await first.store.beat(first.lease, NOW)
  expect(await claim(second, id, 'endpoint')).toEqual([])

  await first.store.releaseDeliveries(first.lease, held, NOW)
  await first.store.beat(first.lease, NOW)
  second.pass(1_000)
  expect(await claim(second, id, 'endpoint')).toHaveLength(2)
})

test('who leaves gives its paces up, and a lease that is gone paces nothing', async () => {
  const { nodes, endpoints, leave, claim } = await twoNodes()
  const { id } = endpoints[0]!
  const [first, second] = nodes
  await leave(id)
  expect(await claim(first, id, 'endpoint')).toHaveLength(1)
  const gone = first.lease
  await first.store.joinAsNode(NOW)
  expect(await claim({ ...first, lease: gone }, id, 'endpoint')).toEqual([])
  expect(await claim(second, id, 'endpoint')).toHaveLength(1)
})
