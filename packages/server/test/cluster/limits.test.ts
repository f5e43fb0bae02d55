import { expect, test } from 'vitest'

import { type ClusterNode, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { OrderModel } from '../support/order-model.ts'
import type { PostgresServer } from '../support/postgres-server.ts'
import { startReceiver } from '../support/receiver.ts'

const IS_SOAK = process.env['SOAK'] === '1'
const RATE = 20

/** Returns the node that paces something now, and the others. */
async function pacerOf(nodes: readonly ClusterNode[], postgres: PostgresServer) {
  const pids = await eventually(
    async () => new Set((await postgres.query(PACERS, 'posthorn')).map(({ pid }) => pid)),
    ({ size }) => expect(size).toBe(1),
  )
  return {
    pacer: nodes.find(({ pid }) => pids.has(pid))!,
    others: nodes.filter(({ pid }) => !pids.has(pid)),
  }
}

const PACERS =
  "SELECT (n.state ->> 'pid')::int AS pid FROM posthorn.pace p JOIN posthorn.node n USING (lease)"

test.each(['endpoint', 'application'] as const)(
  'the rate of an %s holds for three nodes together, also when the one that paces dies',
  async (kind) => {
    const { postgres, startNode } = await startCluster()
    const nodes = [await startNode(), await startNode(), await startNode()]
    const { api } = nodes[0]!
    const rate = { throttleRate: RATE }
    const application = await api.makeApplication(kind === 'application' ? rate : {})
    const receiver = await startReceiver()
    // An application's rate is that of all its endpoints together.
    const endpoints = kind === 'application' ? ['/a', '/b'] : ['/a']
    for (const path of endpoints) {
      await api.makeEndpoint(application, `${receiver.url}${path}`, kind === 'endpoint' ? rate : {})
    }

    const wanted = 4 * RATE
    const send = async (number: number, to: readonly ClusterNode[]) => {
      const messages = number / endpoints.length
      await Promise.all(Array.from({ length: messages }, (_, i) => to[i % to.length]!.api.send(application)))
    }
    await send(wanted, nodes)
    const { pacer, others } = await pacerOf(nodes, postgres)
    await receiver.waitFor(({ length }) => length >= RATE)
    await pacer.kill('SIGKILL')
    await send(wanted, others)
    const pairs = (seen: readonly { readonly id: string; readonly path: string }[]) =>
      new Set(seen.map(({ id, path }) => `${id} ${path}`)).size
    await receiver.waitFor((seen) => pairs(seen) === 2 * wanted)

    // While nobody paced, nothing was sent. Three nodes, each by itself, would take a third of the time. By the clocks of the
    // nodes, as a receiver that stands still at first gets much at once.
    const [attempts] = await postgres.query(
      'SELECT (max(created_at) - min(created_at))::float8 AS took FROM posthorn.attempt',
      'posthorn',
    )
    expect(attempts!['took']).toBeGreaterThan((0.8 * 1_000 * (2 * wanted - RATE)) / RATE)
    const again = await pacerOf(nodes, postgres)
    expect(others).toContain(again.pacer)
  },
  120_000,
)

test('ordered endpoints get their messages in order from three nodes, whatever fails and dies', async () => {
  const { postgres, startNode } = await startCluster()
  const flags = ['--retry-schedule', Array(50).fill('50ms').join(',')]
  const nodes = [await startNode({ flags }), await startNode({ flags }), await startNode({ flags })]
  const { api } = nodes[0]!
  const application = await api.makeApplication()
  const [lines, messages] = IS_SOAK ? [25, 1_000] : [6, 60]
  const model = new OrderModel(51)
  const receiver = await startReceiver({
    answer({ path, body }) {
      const { n } = JSON.parse(body.toString()) as { n: number }
      const line = path.slice(path.lastIndexOf('/'))
      model.began(line, String(n))
      const isFailure = Math.random() < 0.05
      model.ended(line, isFailure ? 'failure' : 'success')
      return { status: isFailure ? 500 : 204 }
    },
  })
  const paths = Array.from({ length: lines }, (_, i) => `/line-${i}`)
  for (const [i, path] of paths.entries()) {
    const fields = { ordering: 'fifo', channels: [`line-${i}`] }
    await api.makeEndpoint(application, `${receiver.url}${path}`, fields)
  }

  // Who gets no answer asks again, another node, until the message is surely there.
  const send = async (line: number, n: number) => {
    const fields = { eventType: 'step', eventId: `${line}-${n}`, channels: [`line-${line}`], payload: { n } }
    for (let turn = n; ; turn++) {
      const node = nodes[turn % nodes.length]!
      const reply = await node.api.call('POST', `/app/${application}/msg`, fields).catch(() => null)
      if (reply?.status === 202 || reply?.status === 409) return
    }
  }
  const feeding = paths.map(async (path, line) => {
    for (let n = 0; n < messages; n++) {
      model.accepting(path, String(n))
      await send(line, n)
    }
  })
  const total = lines * messages
  await model.reached(total / 4)
  await postgres.cutConnections()
  await model.reached(total / 2)
  const victim = nodes.pop()!
  await victim.kill('SIGKILL')
  model.crashed()
  await model.reached((3 * total) / 4)
  nodes.push(await startNode({ flags }))
  await model.reached(total)
  await Promise.all(feeding)
  expect(model.violations.slice(0, 5)).toEqual([])
}, 600_000)
