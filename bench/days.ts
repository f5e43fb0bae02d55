/**
 * What many days of messages cost: the usual path on a database that is full of them beside one that is empty, by turns in
 * one run; and how long retention takes to drop a day under load.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { postgresStore } from '../packages/server/src/storage/postgres/postgres-store.ts'
import { fillDays } from './days-store.ts'
import { Helper, Server, awaitReceipt, makeRoute, percentile } from './house.ts'
import type { LoadCommand, LoadReport } from './load.ts'
import { type BenchPostgres, startPostgres } from './postgres.ts'
import { spread } from './throughput.ts'

const SCHEMAS = ['empty', 'full'] as const
type Schema = (typeof SCHEMAS)[number]
const schemaOf = (schema: Schema) => `bench_${schema}`

/** Turns of each of the two. */
const ROUNDS = 5

const WARM_MS = 4_000
const SUSTAINED = 2_000
const DURING_DROPS = 1_000
const CONNECTIONS = 64
const DAY_MS = 86_400_000

/** Days that retention drops while it is looked at: the busy one and some others. */
const DROPS = 5

/** The share of the empty database's speed that is to be reached. */
const LEAST_SHARE = 0.9

const MAX_DROP_MS = 1_000

/** What one turn came to. */
interface Turn {
  readonly perSecond: number
  readonly acceptMs: readonly number[]
  readonly endToEndMs: readonly number[]
  /** Of processor time a message at the sustained rate, in microseconds. */
  readonly posthornMicros: number
  readonly postgresMicros: number
  /** Means of the statements that accept and record, in milliseconds. */
  readonly acceptStatementMs: number
  readonly recordStatementMs: number
  readonly isWhole: boolean
}

/** Runs the scenario and prints its tables. Returns whether all arrived and the bounds were kept. */
export async function days(
  { seconds, messages, days: number }: { seconds: number; messages: number; days: number },
  print: (line: string) => void,
): Promise<boolean> {
  const sink = new Helper('sink')
  const load = new Helper('load')
  const folder = mkdtempSync(join(process.env['BENCH_TMP'] ?? tmpdir(), 'posthorn-bench-'))
  // Of tables that are made and filled in one transaction nothing is logged: the disk has room for the messages once.
  const postgres = await startPostgres({ wal_level: 'minimal', max_wal_senders: '0' })
  try {
    const { port: sinkPort } = await sink.answer<{ port: number }>()
    const start = (schema: Schema) =>
      Server.start(folder, { ...postgres.env, POSTHORN_DATABASE_SCHEMA: schemaOf(schema) })
    const paths = new Map<Schema, string>()
    let ids = { applicationId: '', endpointId: '' }
    for (const schema of SCHEMAS) {
      const server = await start(schema)
      paths.set(schema, (await makeRoute(server, sink, sinkPort, schema)).sendPath)
      ids = {
        applicationId: String((await server.call('GET', `/app/${schema}`))['id']),
        endpointId: String((await server.call('GET', `/app/${schema}/endpoint/${schema}`))['id']),
      }
      await server.stop('keep the data')
    }

    const startedAt = performance.now()
    // The last one made is the full one.
    await fillDays({ url: postgres.url, schema: schemaOf('full'), ...ids }, { messages, days: number }, print)
    await postgres.query('CHECKPOINT')
    print(`filled in ${Math.round((performance.now() - startedAt) / 1_000)} s, ${await sizeOf(postgres)}\n`)

    const turns: Record<Schema, Turn[]> = { empty: [], full: [] }
    for (let round = 0; round < ROUNDS; round++) {
      // Who is second in one round is first in the next.
      for (const schema of round % 2 === 0 ? SCHEMAS : SCHEMAS.toReversed()) {
        const server = await start(schema)
        const turn = await takeTurn({ server, sink, load, postgres, sendPath: paths.get(schema)!, seconds })
        turns[schema].push(turn)
        await server.stop('keep the data')
      }
    }
    const isFast = printTurns(turns, { messages, days: number, seconds }, print)

    const server = await start('full')
    const isDropped = await watchDrops({
      server,
      load,
      sink,
      postgres,
      sendPath: paths.get('full')!,
      days: number,
      print,
    })
    await server.stop('keep the data')
    return isFast && isDropped && SCHEMAS.every((schema) => turns[schema].every((turn) => turn.isWhole))
  } finally {
    await postgres.stop()
    sink.stop()
    load.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function sizeOf(postgres: BenchPostgres): Promise<string> {
  const [row] = await postgres.query('SELECT pg_size_pretty(pg_database_size(current_database())) AS size')
  return String(row!['size'])
}

async function takeTurn(on: {
  readonly server: Server
  readonly sink: Helper
  readonly load: Helper
  readonly postgres: BenchPostgres
  readonly sendPath: string
  readonly seconds: number
}): Promise<Turn> {
  const { server, sink, load, postgres, sendPath, seconds } = on
  const base = { port: server.port, token: server.token, paths: [sendPath], connections: CONNECTIONS }
  const measure = async (command: LoadCommand) => {
    sink.tell({ kind: 'reset' })
    const sent = await load.ask<LoadReport>(command)
    return { sent, received: await awaitReceipt(sink, sent.accepted) }
  }
  await measure({ ...base, durationMs: WARM_MS, perSecond: null })
  await postgres.query('CHECKPOINT')

  await postgres.takeCounts()
  const [ofServer, ofPostgres] = [server.cpuMs(), postgres.cpuMs()]
  const calm = await measure({ ...base, durationMs: seconds * 1_000, perSecond: SUSTAINED })
  const posthornMicros = ((server.cpuMs() - ofServer) * 1_000) / calm.sent.accepted
  const postgresMicros = ((postgres.cpuMs() - ofPostgres) * 1_000) / calm.sent.accepted
  const counts = await postgres.takeCounts()
  const meanOf = (start: string) => {
    const some = counts.filter(({ text }) => text.startsWith(start))
    const total = some.reduce((sum, { calls, meanMs }) => sum + calls * meanMs, 0)
    return total / some.reduce((sum, { calls }) => sum + calls, 0)
  }

  const fast = await measure({ ...base, durationMs: seconds * 1_000, perSecond: null })
  const isWhole = [calm, fast].every(
    ({ sent, received }) =>
      received.distinct >= sent.accepted &&
      received.unverified === 0 &&
      Object.keys(sent.refused).every((status) => status === '503'),
  )
  return {
    perSecond: fast.received.distinct / ((fast.received.lastAt - fast.sent.startedAt) / 1_000),
    acceptMs: calm.sent.latenciesMs,
    endToEndMs: calm.received.latenciesMs,
    posthornMicros,
    postgresMicros,
    acceptStatementMs: meanOf('WITH input AS MATERIALIZED ( SELECT application_id'),
    recordStatementMs: meanOf('WITH input AS MATERIALIZED ( SELECT * FROM unnest'),
    isWhole,
  }
}

/** Prints a row a figure: the median of the turns on each, and the median of the ratios of the rounds. */
function printTurns(
  turns: Record<Schema, readonly Turn[]>,
  { messages, days: number, seconds }: { messages: number; days: number; seconds: number },
  print: (line: string) => void,
): boolean {
  const figures: readonly (readonly [string, (turn: Turn) => number, number])[] = [
    ['delivered a second, as fast as it takes them', ({ perSecond }) => perSecond, 0],
    [`accept p50 at ${SUSTAINED}/s, ms`, ({ acceptMs }) => percentile(acceptMs, 0.5), 2],
    ['accept p99, ms', ({ acceptMs }) => percentile(acceptMs, 0.99), 1],
    ['end to end p50, ms', ({ endToEndMs }) => percentile(endToEndMs, 0.5), 2],
    ['end to end p99, ms', ({ endToEndMs }) => percentile(endToEndMs, 0.99), 1],
    ['processor time of Posthorn a message, µs', ({ posthornMicros }) => posthornMicros, 0],
    ['processor time of PostgreSQL a message, µs', ({ postgresMicros }) => postgresMicros, 0],
    ['statement that accepts, mean, ms', ({ acceptStatementMs }) => acceptStatementMs, 3],
    ['statement that records, mean, ms', ({ recordStatementMs }) => recordStatementMs, 3],
  ]
  const rounds = turns.full.map((_, i) => i)
  const many = messages.toLocaleString('en')
  print(
    `| medians of ${rounds.length} turns of ${seconds} s | empty | ${many} in ${number} days | ratio, each round |`,
  )
  print('| --- | ---: | ---: | ---: |')
  let isFast = true
  for (const [i, [name, of, digits]] of figures.entries()) {
    const ratios = rounds.map((round) => of(turns.full[round]!) / of(turns.empty[round]!))
    const share = percentile(ratios, 0.5)
    if (i === 0) isFast = share >= LEAST_SHARE
    const [empty, full] = SCHEMAS.map((schema) => percentile(turns[schema].map(of), 0.5).toFixed(digits))
    const each = ratios
      .toSorted((a, b) => a - b)
      .map((ratio) => ratio.toFixed(2))
      .join(', ')
    print(`| ${name} | ${empty} | ${full} | ${share.toFixed(2)} (${each}) |`)
  }
  return isFast
}

/** Lets retention drop days one after the other beside a load. */
async function watchDrops(on: {
  readonly server: Server
  readonly load: Helper
  readonly sink: Helper
  readonly postgres: BenchPostgres
  readonly sendPath: string
  readonly days: number
  readonly print: (line: string) => void
}): Promise<boolean> {
  const { server, load, sink, postgres, sendPath, days: number, print } = on
  const store = postgresStore({
    url: postgres.url,
    schema: schemaOf('full'),
    encryptionKey: Buffer.from(postgres.env['POSTHORN_ENCRYPTION_KEY']!, 'base64'),
    isServer: false,
  })
  await store.start()
  try {
    const command = { port: server.port, token: server.token, paths: [sendPath], connections: CONNECTIONS }
    const send = async (durationMs: number) => {
      sink.tell({ kind: 'reset' })
      const sent = await load.ask<LoadReport>({ ...command, durationMs, perSecond: DURING_DROPS })
      return { sent, received: await awaitReceipt(sink, sent.accepted) }
    }
    await load.ask<LoadReport>({ ...command, durationMs: WARM_MS, perSecond: null })
    await awaitReceipt(sink, Infinity, 2_000)
    const before = await send((DROPS + 1) * 1_000)

    const during = send((DROPS + 1) * 1_000)
    const dropped: { messages: number; ms: number }[] = []
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS
    for (let i = 0; i < Math.min(DROPS, number - 5); i++) {
      const startedAt = performance.now()
      // As the server's own retention does.
      const end = today - (number - i - 1) * DAY_MS
      let deleted = 0
      let after: string | null = null
      do {
        const step: { deleted: number; next: string | null } = await store.deleteOldMessages({
          before: end,
          after,
          limit: 100,
        })
        deleted += step.deleted
        after = step.next
      } while (after !== null)
      dropped.push({ messages: deleted, ms: performance.now() - startedAt })
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    const { sent, received } = await during

    print(`\n| a day dropped beside ${DURING_DROPS}/s | |`)
    print('| --- | ---: |')
    for (const { messages, ms } of dropped) {
      print(`| ${messages.toLocaleString('en')} messages | ${Math.round(ms)} ms |`)
    }
    print(
      `| accept p50 / p99, at the most, without drops | ${spread(before.sent.latenciesMs)}, ${longest(before.sent)} |`,
    )
    print(`| accept p50 / p99, at the most, beside them | ${spread(sent.latenciesMs)}, ${longest(sent)} |`)
    print(`| received | ${received.distinct} of ${sent.accepted} |`)
    return received.distinct >= sent.accepted && dropped.every(({ ms }) => ms < MAX_DROP_MS)
  } finally {
    await store.stop()
  }
}

function longest({ latenciesMs }: LoadReport): string {
  return `${latenciesMs.reduce((most, ms) => Math.max(most, ms), 0).toFixed(0)} ms`
}
