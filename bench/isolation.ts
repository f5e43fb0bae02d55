/** What one endpoint that never answers does to nine others: end-to-end latency of the nine, with it and without. @module */

import { Helper, Server, awaitReceipt, makeRoute } from './house.ts'
import type { LoadReport } from './load.ts'
import { spread } from './throughput.ts'

const ENDPOINTS = 10
const PER_SECOND = 1_000

/** Runs the scenario and prints its table. Returns whether every message to a healthy endpoint arrived. */
export async function isolation(
  { seconds }: { seconds: number },
  print: (line: string) => void,
): Promise<boolean> {
  const healthy = await measure(seconds, 0)
  const oneHangs = await measure(seconds, 1)
  print(
    `| ${ENDPOINTS} endpoints, ${PER_SECOND}/s in all | end to end p50 / p99 of the healthy | received of those |`,
  )
  print(`| --- | ---: | ---: |`)
  print(`| none hangs | ${healthy.latency} | ${healthy.received} of ${healthy.expected} |`)
  print(`| one never answers | ${oneHangs.latency} | ${oneHangs.received} of ${oneHangs.expected} |`)
  return healthy.received === healthy.expected && oneHangs.received === oneHangs.expected
}

async function measure(
  seconds: number,
  hanging: number,
): Promise<{ latency: string; received: number; expected: number }> {
  const sink = new Helper('sink')
  const load = new Helper('load')
  const { port } = await sink.answer<{ port: number }>()
  const server = await Server.start()
  try {
    const routes = []
    for (let i = 0; i < ENDPOINTS; i++) routes.push(await makeRoute(server, sink, port, `e${i}`))
    for (const { sinkPath } of routes.slice(0, hanging)) sink.tell({ kind: 'hang', path: sinkPath })
    const command = { port: server.port, token: server.token, paths: routes.map(({ sendPath }) => sendPath) }
    await load.ask({ ...command, durationMs: 2_000, perSecond: PER_SECOND, connections: 64 })
    await awaitReceipt(sink, Infinity)
    sink.tell({ kind: 'reset' })
    const sent = await load.ask<LoadReport>({
      ...command,
      durationMs: seconds * 1_000,
      perSecond: PER_SECOND,
      connections: 64,
    })
    // The paths take turns, so each endpoint has its share to within one.
    const expected = sent.accepted - Math.ceil((sent.accepted * hanging) / ENDPOINTS)
    const report = await awaitReceipt(sink, expected)
    return { latency: spread(report.latenciesMs), received: Math.min(report.distinct, expected), expected }
  } finally {
    await server.stop()
    sink.stop()
    load.stop()
  }
}
