/** What one machine sustains: accepted, committed, delivered and recorded, beside the limit of a bare loop. @module */

import type { CeilingCommand, CeilingReport } from './ceiling.ts'
import { Helper, Server, awaitReceipt, makeRoute, percentile } from './house.ts'
import type { LoadCommand, LoadReport } from './load.ts'
import { type BenchPostgres, startPostgres } from './postgres.ts'
import type { SinkReport } from './sink.ts'

/** Messages a second that are to be sustained, and of the run that shows the latency of little load. */
const RATES = {
  sqlite: { sustained: 4_000, slow: 1_000 },
  postgres: { sustained: 2_500, slow: 500 },
} as const

/** How long the sustained part runs. */
export interface ThroughputOptions {
  readonly seconds: number
  /** Gives each event an idempotency key of its own, as the SDKs do. */
  readonly keys: boolean
  readonly database: string
  /** Processes of the server, on PostgreSQL. */
  readonly workers: number
}

/** Runs the scenario and prints its table. Returns whether every acknowledged message arrived. */
export async function throughput(
  { seconds, keys, database, workers }: ThroughputOptions,
  print: (line: string) => void,
): Promise<boolean> {
  const sink = new Helper('sink')
  const load = new Helper('load')
  const { port: sinkPort } = await sink.answer<{ port: number }>()
  const postgres = database === 'postgres' ? await startPostgres() : null
  const { sustained: SUSTAINED, slow: SLOW } = RATES[postgres === null ? 'sqlite' : 'postgres']
  const server = await Server.start(undefined, {
    ...postgres?.env,
    ...(workers > 1 ? { POSTHORN_WORKERS: String(workers) } : {}),
  })
  try {
    const { sendPath, sinkPath } = await makeRoute(server, sink, sinkPort, 'bench')
    const command = { port: server.port, token: server.token, paths: [sendPath], hasKeys: keys }

    // The compiler is warmed, as a server is warm that has run for a while.
    await measure({ ...command, durationMs: 3_000, perSecond: null, connections: 64 })
    await postgres?.takeCounts()
    const sustained = await measure({
      ...command,
      durationMs: seconds * 1_000,
      perSecond: SUSTAINED,
      connections: 64,
    })
    const trips = await describeTrips(postgres, sustained)
    const slow = await measure({ ...command, durationMs: 10_000, perSecond: SLOW, connections: 64 })
    const full = await measure({ ...command, durationMs: 10_000, perSecond: null, connections: 64 })
    await server.stop()

    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
    sink.tell({ kind: 'secret', path: sinkPath, secret })
    const target = { origin: `http://127.0.0.1:${sinkPort}`, path: sinkPath, secret }
    const bare = await ceiling({ ...target, durationMs: 5_000, concurrency: 64, perSecond: null })
    const bareSlow = await ceiling({ ...target, durationMs: 5_000, concurrency: 1, perSecond: SLOW })

    const runs = [sustained, slow, full]
    const barePerSecond = bare.posted / (bare.elapsedMs / 1_000)
    print(
      `| | ${SUSTAINED}/s for ${seconds} s | ${SLOW}/s | as fast as it takes them | bare loop | bare loop at ${SLOW}/s |`,
    )
    print(`| --- | ---: | ---: | ---: | ---: | ---: |`)
    print(row('accepted a second', ...runs.map(accepted), '', ''))
    print(
      row(
        'delivered a second, until the last',
        ...runs.map((run) => whole(delivered(run))),
        whole(barePerSecond),
        '',
      ),
    )
    print(
      row(
        'of the bare loop',
        '',
        '',
        `${Math.round((100 * delivered(full)) / barePerSecond)} %`,
        '100 %',
        '',
      ),
    )
    print(row('received', ...runs.map(received), '', ''))
    print(row('duplicates', ...runs.map((run) => String(run.received.duplicates)), '', ''))
    print(row('accept p50 / p99', ...runs.map((run) => spread(run.sent.latenciesMs)), '', ''))
    print(row('end to end p50 / p99', ...runs.map((run) => spread(run.received.latenciesMs)), '', ''))
    print(
      row(
        'CPU of the process a message',
        ...runs.map((run) => micros(run.cpuMs, run.sent.accepted)),
        micros(bare.cpuMs, bare.posted),
        micros(bareSlow.cpuMs, bareSlow.posted),
      ),
    )
    print(row('memory at the start / at the end / peak', ...runs.map(memory), '', ''))
    for (const line of trips) print(line)
    return runs.every(isWhole)
  } finally {
    await postgres?.stop()
    sink.stop()
    load.stop()
  }

  async function measure(command: LoadCommand): Promise<Measured> {
    sink.tell({ kind: 'reset' })
    const cpuBefore = server.cpuMs()
    const since = server.memory().samplesMiB.length
    const sent = await load.ask<LoadReport>(command)
    const receipt = await awaitReceipt(sink, sent.accepted)
    return {
      sent,
      received: receipt,
      cpuMs: server.cpuMs() - cpuBefore,
      memoryMiB: server.memory().samplesMiB.slice(since),
    }
  }
}

/** Says how many round trips to PostgreSQL the messages of a run took, and which. */
async function describeTrips(postgres: BenchPostgres | null, { sent }: Measured): Promise<string[]> {
  if (postgres === null) return []
  const counts = await postgres.takeCounts()
  const total = counts.reduce((sum, { calls }) => sum + calls, 0)
  const most = counts.slice(0, 12).map(({ calls, meanMs, text }) => {
    const each = (sent.accepted / calls).toFixed(1)
    return `- ${calls} × ${meanMs.toFixed(2)} ms, one for ${each} messages: ${text}`
  })
  return [
    '',
    `Round trips at the sustained rate: ${total}, ${(total / sent.accepted).toFixed(3)} a message`,
    ...most,
  ]
}

async function ceiling(command: CeilingCommand): Promise<CeilingReport> {
  const loop = new Helper('ceiling')
  try {
    return await loop.ask<CeilingReport>(command)
  } finally {
    loop.stop()
  }
}

interface Measured {
  readonly sent: LoadReport
  readonly received: SinkReport
  readonly cpuMs: number
  readonly memoryMiB: readonly number[]
}

function isWhole(run: Measured): boolean {
  const isRefused = Object.keys(run.sent.refused).some((status) => status !== '503')
  return run.received.distinct >= run.sent.accepted && run.received.unverified === 0 && !isRefused
}

function received(run: Measured): string {
  return `${run.received.distinct.toLocaleString('en')} of ${run.sent.accepted.toLocaleString('en')}`
}

function accepted({ sent }: Measured): string {
  return whole(sent.accepted / ((sent.endedAt - sent.startedAt) / 1_000))
}

function delivered(run: Measured): number {
  return run.received.distinct / ((run.received.lastAt - run.sent.startedAt) / 1_000)
}

/** Means over five seconds at each end, and the most of any second. */
function memory({ memoryMiB }: Measured): string {
  const mean = (values: readonly number[]) =>
    whole(values.reduce((sum, value) => sum + value, 0) / values.length)
  return `${mean(memoryMiB.slice(0, 5))} / ${mean(memoryMiB.slice(-5))} / ${Math.max(...memoryMiB)} MiB`
}

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
