/** A long backlog for an endpoint that does not answer: start, memory, what other traffic feels, and the way back. @module */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { newId } from '../packages/server/src/domain/id.ts'
import { JSON_CONTENT_TYPE } from '../packages/server/src/domain/message.ts'
import { acceptMethods } from '../packages/server/src/storage/sqlite/accepts.ts'
import { openDatabase } from '../packages/server/src/storage/sqlite/database.ts'
import { eventBody } from './event.ts'
import { Helper, Server, awaitReceipt, makeRoute, percentile } from './house.ts'
import type { LoadReport } from './load.ts'
import { spread } from './throughput.ts'

const PER_SECOND = 1_000
const BATCH = 10_000
const HOUR_MS = 3_600_000
const MAX_START_MS = 5_000
const MAX_MIB = 400

/** Runs the scenario and prints its table. Returns whether all arrived and the bounds were kept. */
export async function backlog(
  { seconds, messages }: { seconds: number; messages: number },
  print: (line: string) => void,
): Promise<boolean> {
  const folder = mkdtempSync(join(process.env['BENCH_TMP'] ?? tmpdir(), 'posthorn-bench-'))
  const sink = new Helper('sink')
  const load = new Helper('load')
  let server = await Server.start(folder)
  try {
    const { port } = await sink.answer<{ port: number }>()
    const dead = await makeRoute(server, sink, port, 'dead')
    const live = await makeRoute(server, sink, port, 'live')
    const applicationId = (await server.call('GET', '/app/dead'))['id'] as string
    const endpointId = (await server.call('GET', '/app/dead/endpoint/dead'))['id'] as string
    sink.tell({ kind: 'hang', path: dead.sinkPath })

    const command = { token: server.token, paths: [live.sendPath], perSecond: PER_SECOND, connections: 64 }
    const measure = async () => {
      await load.ask({ ...command, port: server.port, durationMs: 2_000 })
      await awaitReceipt(sink, Infinity)
      sink.tell({ kind: 'reset' })
      const sent = await load.ask<LoadReport>({ ...command, port: server.port, durationMs: seconds * 1_000 })
      const report = await awaitReceipt(sink, sent.accepted)
      return { sent, report }
    }
    const without = await measure()
    await server.stop('keep the data')
    fill(folder, { applicationId, endpointId }, messages)

    const startedAt = performance.now()
    server = await Server.start(folder)
    const startMs = performance.now() - startedAt
    const withBacklog = await measure()
    const peakMiB = Math.max(...server.memory().samplesMiB)

    sink.tell({ kind: 'reset' })
    sink.tell({ kind: 'heal', path: dead.sinkPath })
    const healedAt = Date.now()
    const drained = await awaitReceipt(sink, messages, DRAIN_PATIENCE_MS)
    const drainSeconds = (drained.lastAt - healedAt) / 1_000
    const endPeakMiB = Math.max(...server.memory().samplesMiB)

    print(`| ${messages.toLocaleString('en')} pending for an endpoint that does not answer | |`)
    print('| --- | ---: |')
    print(`| start | ${Math.round(startMs)} ms |`)
    print(`| memory at the most while it does not answer; by the end | ${peakMiB}; ${endPeakMiB} MiB |`)
    for (const [name, { sent, report }] of [
      ['without the backlog', without],
      ['beside it', withBacklog],
    ] as const) {
      print(
        `| other traffic ${name}, ${PER_SECOND}/s: accept p99; end to end p50 / p99; received | ` +
          `${percentile(sent.latenciesMs, 0.99).toFixed(1)} ms; ${spread(report.latenciesMs)}; ${report.distinct} of ${sent.accepted} |`,
      )
    }
    print(
      `| received once it answers again | ${drained.distinct} of ${messages} in ${drainSeconds.toFixed(0)} s |`,
    )
    return (
      startMs < MAX_START_MS &&
      peakMiB < MAX_MIB &&
      withBacklog.report.distinct === withBacklog.sent.accepted &&
      drained.distinct === messages
    )
  } finally {
    await server.stop('keep the data')
    sink.stop()
    load.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A probe of an endpoint that hangs ends with its time-out, and the next may be half a minute later. */
const DRAIN_PATIENCE_MS = 90_000

/** Puts pending messages into the database in the folder. Nothing else has it open. */
function fill(
  folder: string,
  { applicationId, endpointId }: { applicationId: string; endpointId: string },
  messages: number,
): void {
  const database = openDatabase(join(folder, 'posthorn.db'))
  const { acceptMessage } = acceptMethods(database)
  const startAt = Date.now() - HOUR_MS
  for (let from = 0; from < messages; from += BATCH) {
    database.exec('BEGIN')
    for (let i = from; i < Math.min(from + BATCH, messages); i++) {
      const createdAt = Math.floor(startAt + (i * HOUR_MS) / messages)
      acceptMessage({
        message: {
          id: newId('message', createdAt),
          applicationId,
          eventType: 'bench.event',
          eventId: null,
          channels: null,
          tags: null,
          payload: new TextEncoder().encode(eventBody()),
          contentType: JSON_CONTENT_TYPE,
          deliverAt: null,
          expiresAt: null,
          expungedAt: null,
          createdAt,
        },
        deliveries: [{ endpointId, lease: null }],
        dueAt: createdAt,
      })
    }
    database.exec('COMMIT')
  }
  database.close()
}
