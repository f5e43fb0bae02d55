/** What one machine sustains: accepted, committed, delivered and recorded, beside the limit of a bare loop. @module */

import type { CeilingReport } from './ceiling.ts'
import { Helper, Server, awaitReceipt, makeRoute, percentile } from './house.ts'
import type { LoadCommand, LoadReport } from './load.ts'
import type { SinkReport } from './sink.ts'

/** How long each part runs. */
export interface ThroughputOptions {
  readonly seconds: number
}

/** Runs the scenario and prints its table. Returns whether every acknowledged message arrived. */
export async function throughput(
  { seconds }: ThroughputOptions,
  print: (line: string) => void,
): Promise<boolean> {
  const sink = new Helper('sink')
  const load = new Helper('load')
  const { port: sinkPort } = await sink.answer<{ port: number }>()
  const server = await Server.start()
  try {
    const { sendPath, sinkPath } = await makeRoute(server, sink, sinkPort, 'bench')
    const command = { port: server.port, token: server.token, paths: [sendPath] }

    // A first second warms the compiler, as a server is warm that has run for a while.
    await measure({ ...command, durationMs: 2_000, perSecond: null, connections: 64 })
    const full = await measure({ ...command, durationMs: seconds * 1_000, perSecond: null, connections: 64 })
    const paced = await measure({ ...command, durationMs: 10_000, perSecond: 1_000, connections: 64 })
    const { peakMiB, samplesMiB } = server.memory()
    await server.stop()

    const ceilingSecret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
    sink.tell({ kind: 'secret', path: sinkPath, secret: ceilingSecret })
    const bare = await ceiling(sinkPort, sinkPath, ceilingSecret)

    const perSecond = full.received.distinct / ((full.received.lastAt - full.sent.startedAt) / 1_000)
    const barePerSecond = bare.posted / (bare.elapsedMs / 1_000)
    const half = samplesMiB.slice(Math.floor(samplesMiB.length / 4))
    print(`| | Posthorn, as fast as it takes them | Posthorn at 1,000/s | bare loop: sign and post |`)
    print(`| --- | ---: | ---: | ---: |`)
    print(row('accepted a second', rate(full.sent), rate(paced.sent), '–'))
    print(row('delivered a second, until the last', whole(perSecond), '–', whole(barePerSecond)))
    print(row('of the bare loop', `${Math.round((100 * perSecond) / barePerSecond)} %`, '–', '100 %'))
    print(row('received', receivedOf(full), receivedOf(paced), '–'))
    print(row('duplicates', String(full.received.duplicates), String(paced.received.duplicates), '–'))
    print(row('accept p50 / p99', accept(full.sent), accept(paced.sent), '–'))
    print(row('end to end p50 / p99', endToEnd(full.received), endToEnd(paced.received), '–'))
    print(
      row(
        'CPU of the process a message',
        micros(full.cpuMs, full.sent.accepted),
        micros(paced.cpuMs, paced.sent.accepted),
        micros(bare.cpuMs, bare.posted),
      ),
    )
    print(row('memory: peak', `${peakMiB} MiB`, '', ''))
    print(
      row('memory: least to most by the second', `${Math.min(...half)} to ${Math.max(...half)} MiB`, '', ''),
    )
    return isWhole(full) && isWhole(paced)
  } finally {
    sink.stop()
    load.stop()
  }

  async function measure(
    command: LoadCommand,
  ): Promise<{ sent: LoadReport; received: SinkReport; cpuMs: number }> {
    sink.tell({ kind: 'reset' })
    const cpuBefore = server.cpuMs()
    const sent = await load.ask<LoadReport>(command)
    const received = await awaitReceipt(sink, sent.accepted)
    return { sent, received, cpuMs: server.cpuMs() - cpuBefore }
  }
}

async function ceiling(sinkPort: number, path: string, secret: string): Promise<CeilingReport> {
  const loop = new Helper('ceiling')
  try {
    return await loop.ask<CeilingReport>({
      origin: `http://127.0.0.1:${sinkPort}`,
      path,
      secret,
      durationMs: 5_000,
      concurrency: 64,
    })
  } finally {
    loop.stop()
  }
}

interface Measured {
  readonly sent: LoadReport
  readonly received: SinkReport
}

function isWhole({ sent, received }: Measured): boolean {
  const isRefused = Object.keys(sent.refused).some((status) => status !== '503')
  return received.distinct >= sent.accepted && received.unverified === 0 && !isRefused
}

function receivedOf({ sent, received }: Measured): string {
  return `${received.distinct.toLocaleString('en')} of ${sent.accepted.toLocaleString('en')}`
}

function rate({ accepted, startedAt, endedAt }: LoadReport): string {
  return whole(accepted / ((endedAt - startedAt) / 1_000))
}

const accept = ({ latenciesMs }: LoadReport): string => spread(latenciesMs)
const endToEnd = ({ latenciesMs }: SinkReport): string => spread(latenciesMs)

/** Returns the median and the 99th percentile. */
export function spread(valuesMs: readonly number[]): string {
  return `${percentile(valuesMs, 0.5).toFixed(1)} / ${percentile(valuesMs, 0.99).toFixed(1)} ms`
}

function micros(cpuMs: number, count: number): string {
  return `${Math.round((cpuMs * 1_000) / count)} µs`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
