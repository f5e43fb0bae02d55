import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import { type Build, buildOf, nextBuild, thisBuild } from '../support/builds.ts'
import {
  type Cluster,
  type ClusterNode,
  type Load,
  type ShownCluster,
  seeEachOther,
  startCluster,
  startLoad,
} from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { runCommand } from '../support/process.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'

/** A commit to upgrade from to this tree, in place of an upgrade from this tree to the next release. */
const FROM = process.env['POSTHORN_UPGRADE_FROM']

/** Messages that are acknowledged in each state of the cluster. */
const MESSAGES = FROM === undefined ? 100 : 1_000

/** Messages that may be acknowledged and on their way. */
const MOST_AHEAD = 50

/** Nobody is taken for dead here, so whatever is delivered twice was so by the upgrade. */
const FLAGS = ['--node-timeout', '60s']

/** What the next release adds. */
const STEPS = [
  `{ name: 'regions', worksSince: 0, sql: \`
     ALTER TABLE message ADD COLUMN region text COLLATE "C" NOT NULL DEFAULT 'eu';
     ALTER TABLE delivery ADD COLUMN region text COLLATE "C" NOT NULL DEFAULT 'eu';
     ALTER TABLE endpoint ADD COLUMN region text COLLATE "C"\` }`,
  `{ name: 'regions index', worksSince: 0,
     index: { name: 'delivery_region', table: 'delivery', on: '(application_id, region, message_id)' } }`,
]

/** Endpoints whose deliveries take different ways: held from birth, claimed at a rate, claimed in order. */
const ENDPOINTS = { plain: {}, paced: { throttleRate: 2_000 }, line: { ordering: 'fifo' } }

test('nodes are upgraded one by one under load, and one goes back: all that was acknowledged arrives, once', async () => {
  const [older, newer] =
    FROM === undefined
      ? [await thisBuild(), await nextBuild('9.9.9', STEPS)]
      : [await buildOf(FROM), await thisBuild()]
  const cluster = await startCluster()
  const start = ({ main }: Build) => cluster.startNode({ main, flags: FLAGS })
  const first = await start(older)
  const nodes = [first, await start(older)]
  const application = await first.api.makeApplication()
  const receiver = await startReceiver()
  for (const [name, fields] of Object.entries(ENDPOINTS)) {
    await first.api.makeEndpoint(application, endpointAt(receiver, name), fields)
  }
  await seeEachOther(nodes)
  const load = startLoad(() => nodes, application, {
    senders: 2,
    // However slow the machine is, what is acknowledged is not far ahead of what has arrived in order.
    ready: (acknowledged) =>
      receiver.waitFor(() => idsAt(receiver, 'line').length + MOST_AHEAD > acknowledged),
  })
  /** Stops a node in order, and starts one of this build in its place. */
  const replace = async (place: number, build: Build) => {
    expect(await nodes[place]!.kill('SIGTERM')).toBe(0)
    nodes[place] = await start(build)
    await seeEachOther(nodes)
    await goesOn(load, receiver)
  }

  await goesOn(load, receiver)
  await migrateBesideAReport(cluster, newer, load)
  await goesOn(load, receiver)
  await replace(0, newer)
  expect(await versionsSeenBy(nodes[1]!)).toEqual(new Set([newer.version, older.version]))
  await changeIsHeard(nodes, application, receiver)
  await replace(1, newer)
  // Back again: it starts on a schema that is newer than it.
  await replace(0, older)
  expect(await versionsSeenBy(nodes[1]!)).toEqual(new Set([newer.version, older.version]))
  await load.stop()
  const refusals = [...load.refused].map(([status, times]) => `${times} × ${status}`).join(', ')
  for (const name of Object.keys(ENDPOINTS)) {
    const duplicates = await allArrived(load, receiver, name)
    process.stdout.write(
      `${name}: ${load.acknowledged.size} acknowledged, 0 lost, ${duplicates} delivered twice; not acknowledged: ${refusals}\n`,
    )
    expect(duplicates).toBe(0)
  }
  await allRecorded(cluster)
  for (const node of nodes) expect(await node.kill('SIGTERM')).toBe(0)

  expect(turnsOf(receiver, 'line')).toEqual(turnsOf(receiver, 'line').toSorted(inTurn))
  // A node that stops takes no connection, or says that it stops; none ever fails at what it was asked.
  expect([...load.refused.keys()].filter((status) => status !== 0 && status !== 503)).toEqual([])
}, 180_000)

/** Migrates while somebody reads a table of it for long, which must not hold up who sends. */
async function migrateBesideAReport(cluster: Cluster, { main }: Build, load: Load): Promise<void> {
  const { env } = cluster
  const { stdout: plan } = await runCommand(['migrate', '--plan'], { env, main })
  const hasSteps = !plan.includes('nothing is to be done')
  expect(plan).toMatch(FROM === undefined ? /to be done: regions, regions index\n$/ : /steps are done/)
  process.stdout.write(`the plan of the upgrade: ${plan}`)

  const report = new Client({ connectionString: cluster.postgres.url })
  await report.connect()
  onTestFinished(() => report.end())
  await report.query('BEGIN')
  await report.query('SELECT count(*) FROM posthorn.delivery')
  const migrating = runCommand(['migrate'], { env, main })
  await eventually(
    () =>
      cluster.postgres.query('SELECT 1 FROM pg_locks WHERE NOT granted AND relation IS NOT NULL', 'posthorn'),
    (waiting) => expect(waiting.length > 0 || !hasSteps).toBe(true),
  )
  await load.more(MESSAGES)
  await report.query('COMMIT')
  expect(await migrating).toMatchObject({ code: 0, stderr: '' })
}

async function versionsSeenBy({ api }: ClusterNode): Promise<Set<string | null>> {
  const { nodes } = await api.ask<ShownCluster>('GET', '/cluster')
  return new Set(nodes.map(({ version }) => version))
}

/** An endpoint that one version makes gets what is sent to the other. */
async function changeIsHeard(
  [one, other]: readonly ClusterNode[],
  application: string,
  receiver: Receiver,
): Promise<void> {
  for (const [maker, sender] of [[one, other] as const, [other, one] as const]) {
    const name = `made-by-${maker!.pid}`
    await maker!.api.makeEndpoint(application, endpointAt(receiver, name))
    const sent: string[] = []
    await eventually(
      async () => {
        sent.push(await sender!.api.send(application, { payload: {} }))
        return idsAt(receiver, name)
      },
      (ids) => expect(sent.some((id) => ids.includes(id))).toBe(true),
    )
  }
}

/** More is acknowledged, and all of it arrives, by the nodes that there are now. */
async function goesOn(load: Load, receiver: Receiver): Promise<void> {
  await load.more(MESSAGES)
  for (const name of Object.keys(ENDPOINTS)) await allArrived(load, receiver, name)
}

/** Waits for all that is acknowledged by now; returns how many times something arrived that had arrived before. */
async function allArrived(load: Load, receiver: Receiver, name: string): Promise<number> {
  const acknowledged = [...load.acknowledged]
  const ids = await eventually(
    () => idsAt(receiver, name),
    (seen) => {
      const arrived = new Set(seen)
      const missing = acknowledged.filter((id) => !arrived.has(id))
      expect({ name, missing: missing.length, some: missing.slice(0, 3) }).toMatchObject({ missing: 0 })
    },
  )
  return ids.length - new Set(ids).size
}

/** Every delivery is a success with the one attempt that it took. */
async function allRecorded({ postgres }: Cluster): Promise<void> {
  await eventually(
    () =>
      postgres.query(
        `WITH recorded AS MATERIALIZED (
           SELECT message_id, endpoint_id, count(*)::int AS recorded FROM posthorn.attempt GROUP BY 1, 2)
         SELECT DISTINCT status, attempts, recorded
         FROM posthorn.delivery LEFT JOIN recorded USING (message_id, endpoint_id)`,
        'posthorn',
      ),
    (kinds) => expect(kinds).toEqual([{ status: 0, attempts: 1, recorded: 1 }]),
  )
}

interface Turn {
  readonly sender: number
  readonly turn: number
}

/** The load as it arrived at an endpoint, by sender: each sends one message after another. */
function turnsOf({ requests }: Receiver, name: string): Turn[] {
  return requests
    .filter(({ path }) => path === `/${name}`)
    .map(({ body }) => JSON.parse(body.toString()) as Partial<Turn>)
    .filter((turn): turn is Turn => turn.sender !== undefined)
    .toSorted((a, b) => a.sender - b.sender)
}

function inTurn(a: Turn, b: Turn): number {
  return a.sender - b.sender || a.turn - b.turn
}

function endpointAt({ port }: Receiver, name: string): string {
  return `http://127.0.0.1:${port}/${name}`
}

function idsAt({ requests }: Receiver, name: string): string[] {
  return requests.filter(({ path }) => path === `/${name}`).map(({ id }) => id)
}
