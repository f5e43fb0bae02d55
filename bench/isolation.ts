/** What bad endpoints do to good ones: end-to-end latency of the good of a hundred, beside none, one and ten bad. @module */

import { Helper, Server, awaitReceipt, makeRoute, percentile } from './house.ts'
import type { LoadReport } from './load.ts'
import { spread } from './throughput.ts'

const ENDPOINTS = 100
const PER_SECOND = 1_000
const FLOOD = 10

/** What is wrong with some of the endpoints. */
interface Ill {
  readonly name: string
  readonly hanging: number
  /** How many times the traffic of another the first endpoint gets. */
  readonly flood: number
}

const ILLS: readonly Ill[] = [
  { name: 'none is bad', hanging: 0, flood: 1 },
  { name: '1 never answers', hanging: 1, flood: 1 },
  { name: '10 never answer', hanging: 10, flood: 1 },
  { name: `1 gets ${FLOOD} times the traffic`, hanging: 0, flood: FLOOD },
  { name: 'none is bad, again', hanging: 0, flood: 1 },
]

/** Runs the scenario and prints its table. Returns whether every message to a healthy endpoint arrived. */
export async function isolation(
  { seconds }: { seconds: number },
  print: (line: string) => void,
): Promise<boolean> {
  print(
    `| ${ENDPOINTS} endpoints, ${PER_SECOND / ENDPOINTS}/s each | end to end p50 / p99 of the healthy | p99, of that with none | received of those |`,
  )
  print('| --- | ---: | ---: | ---: |')
  let first: number | null = null
  let isWhole = true
  for (const ill of ILLS) {
    const { latenciesMs, received, expected } = await measure(seconds, ill)
    const p99 = percentile(latenciesMs, 0.99)
    first ??= p99
    print(
      `| ${ill.name} | ${spread(latenciesMs)} | ${(p99 / first).toFixed(2)} | ${received} of ${expected} |`,
    )
    isWhole &&= received === expected
  }
  return isWhole
}

async function measure(
  seconds: number,
  { hanging, flood }: Ill,
): Promise<{ latenciesMs: readonly number[]; received: number; expected: number }> {
  const sink = new Helper('sink')
  const load = new Helper('load')
  const { port } = await sink.answer<{ port: number }>()
  const server = await Server.start()
  try {
    const routes: { sendPath: string; sinkPath: string }[] = []
    for (let i = 0; i < ENDPOINTS; i++) routes.push(await makeRoute(server, sink, port, `e${i}`))
    for (const { sinkPath } of routes.slice(0, hanging)) sink.tell({ kind: 'hang', path: sinkPath })
    if (flood > 1) sink.tell({ kind: 'discount', path: routes[0]!.sinkPath })
    const paths = turns(
      routes.map(({ sendPath }) => sendPath),
      flood,
    )
    const perSecond = (PER_SECOND * paths.length) / ENDPOINTS
    const command = { port: server.port, token: server.token, paths, perSecond, connections: 64 }
    // Until the first time-outs are over: an endpoint that is known to hang is what is measured.
    await load.ask({ ...command, durationMs: hanging > 0 ? 20_000 : 2_000 })
    await awaitReceipt(sink, Infinity)
    sink.tell({ kind: 'reset' })
    const sent = await load.ask<LoadReport>({ ...command, durationMs: seconds * 1_000 })
    // The paths take turns, so each endpoint has its share; of the last round some are not sent.
    const isHealthy = (turn: number) => {
      const index = paths[turn % paths.length]
      return !routes.slice(0, Math.max(hanging, flood > 1 ? 1 : 0)).some(({ sendPath }) => sendPath === index)
    }
    let expected = 0
    for (let turn = 0; turn < sent.accepted; turn++) if (isHealthy(turn)) expected += 1
    const report = await awaitReceipt(sink, expected)
    return { latenciesMs: report.latenciesMs, received: Math.min(report.distinct, expected), expected }
  } finally {
    await server.stop()
    sink.stop()
    load.stop()
  }
}

/** One round of turns in which the first has `times` of them, spread evenly. */
function turns(paths: readonly string[], times: number): string[] {
  const [first, ...others] = paths
  const stretch = Math.ceil(others.length / times)
  return others.flatMap((path, i) => (i % stretch === 0 ? [first!, path] : [path]))
}
