/** `posthorn serve --workers N`: several processes that share the port, each a node. @module */

import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'

import type { Logger } from 'pino'

/** A worker that dies sooner after its start is replaced after a pause, in milliseconds. */
const SHORT_LIFE_MS = 5_000
const RESTART_PAUSE_MS = 1_000

/** Tells a worker the port that the first one listens on. */
const PORT = 'POSTHORN_WORKER_PORT'

/**
 * Whether each worker has a socket of its own on the port, among which the system divides connections. Elsewhere the first
 * process hands them out; one that it hands to a worker which has just died is never answered.
 */
const HAS_SHARED_PORTS = process.platform === 'linux' || process.platform === 'freebsd'

/** What the first process tells a worker, and a worker the first process. */
type Word = { readonly kind: 'stop' } | { readonly kind: 'listening'; readonly url: string }

/**
 * Starts workers and replaces those that die, until a signal stops them in order; a second one stops them at once.
 *
 *     first worker ─listening─▶ the others ─listening─▶ announced ─▶ … one dies ─▶ a new one
 *
 * The first one alone makes what a new database needs. Where it cannot start, nothing does, and it has said why.
 */
export async function superviseWorkers(
  number: number,
  log: Logger,
  announce: (url: string) => void,
): Promise<void> {
  let isStopping = false
  const startedAt = new Map<number, number>()
  let port: string | null = null
  const start = async (): Promise<string | null> => {
    const worker = cluster.fork(port === null ? {} : { [PORT]: port })
    startedAt.set(worker.id, performance.now())
    return urlOf(worker)
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
      if (isStopping) for (const worker of workers) worker.process.kill('SIGKILL')
      if (isStopping || workers.length === 0) process.exit(isStopping ? 1 : 0)
      isStopping = true
      log.info({ signal }, 'stopping all workers')
      for (const worker of workers) tell(worker, { kind: 'stop' })
    })
  }

  const url = await start()
  if (url === null) return
  port = new URL(url).port
  cluster.on('exit', (worker, code, signal) => {
    const lifeMs = performance.now() - startedAt.get(worker.id)!
    startedAt.delete(worker.id)
    if (isStopping) {
      if (startedAt.size === 0) process.exit(0)
      return
    }
    log.error({ worker: worker.process.pid, code, signal }, 'a worker died, and another takes its place')
    setTimeout(() => void (isStopping || start()), lifeMs < SHORT_LIFE_MS ? RESTART_PAUSE_MS : 0)
  })
  await Promise.all(Array.from({ length: number - 1 }, start))
  if (!isStopping) announce(url)
}

/** Returns how a worker listens: where the first one does. */
export function workerPort(given: number): { readonly port: number; readonly isPortShared: boolean } {
  return { port: Number(process.env[PORT] ?? given), isPortShared: HAS_SHARED_PORTS }
}

/** Tells the first process that this worker listens, and calls `stop` when that one says so, or is gone. */
export function followSupervisor(url: string, stop: () => void): void {
  process.on('message', (word: Word) => {
    if (word.kind === 'stop') stop()
  })
  process.on('disconnect', stop)
  // The terminal sends it to all; the first process says what is to be done.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', stop)
  process.send!({ kind: 'listening', url } satisfies Word)
}

/** Resolves with where a worker listens, or `null` where it ends instead; then this process ends as it did. */
async function urlOf(worker: Worker): Promise<string | null> {
  const told = Promise.withResolvers<string>()
  worker.on('message', (word: Word) => {
    if (word.kind === 'listening') told.resolve(word.url)
  })
  const ended = once(worker, 'exit').then(([code]) => {
    process.exitCode = (code as number | null) ?? 1
    return null
  })
  return Promise.race([told.promise, ended])
}

function tell(worker: Worker, word: Word): void {
  if (worker.isConnected()) worker.send(word)
}
