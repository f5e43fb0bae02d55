/** The processes of a bench: Posthorn, the sink and the load, each started and asked. @module */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import type { SinkReport } from './sink.ts'

const TOKEN = 'bench-token-of-the-organisation'
const CLI = fileURLToPath(new URL('../packages/server/src/cli/main.ts', import.meta.url))

/** A helper process that answers each message with one. */
export class Helper {
  readonly #child: ChildProcess

  /** @param name - File beside this one, without its ending. */
  constructor(name: string) {
    this.#child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), { serialization: 'advanced' })
  }

  tell(command: object): void {
    this.#child.send(command)
  }

  async answer<Answer>(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const died = () => reject(new Error('a process of the bench has died'))
      this.#child.once('exit', died)
      this.#child.once('message', (message) => {
        this.#child.off('exit', died)
        resolve(message as Answer)
      })
    })
  }

  async ask<Answer>(command: object): Promise<Answer> {
    const answer = this.answer<Answer>()
    this.tell(command)
    return answer
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

/** A Posthorn of its own process and data folder. */
export class Server {
  readonly token = TOKEN
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #samples: number[] = []
  readonly #sampler: NodeJS.Timeout
  readonly port: number

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child
    this.#folder = folder
    this.port = port
    this.#sampler = setInterval(() => this.#samples.push(this.#residentMiB()), 1_000)
  }

  /** @param folder - Of its data; by default a new one. It is removed when the server stops, unless it is to be kept. */
  static async start(
    folder = mkdtempSync(join(process.env['BENCH_TMP'] ?? tmpdir(), 'posthorn-bench-')),
    more: Readonly<Record<string, string>> = {},
  ): Promise<Server> {
    const args = ['--conditions=@posthorn/source', CLI, 'serve', '--dev', '--port', '0', '--data', folder]
    const flags = process.env['BENCH_NODE_FLAGS']?.split(' ') ?? []
    const child = spawn(process.execPath, [...flags, ...args], {
      env: { ...process.env, ...more, POSTHORN_BOOTSTRAP_TOKEN: TOKEN },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /"url":"http:\/\/[^"]*:(\d+)"/.exec(line)
      if (url !== null) {
        child.stdout.resume()
        return new Server(child, folder, Number(url[1]))
      }
    }
    throw new Error('Posthorn did not start')
  }

  /** Calls the API; returns what it answers. */
  async call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, unknown>
  }

  /** CPU time used so far by all its threads, in milliseconds. Linux alone tells. */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  }

  /** Memory resident, by the second since the start, in MiB. */
  memory(): { samplesMiB: readonly number[] } {
    return { samplesMiB: this.#samples }
  }

  async stop(keep: 'keep the data' | 'remove the data' = 'remove the data'): Promise<void> {
    clearInterval(this.#sampler)
    const exit = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await exit
    if (keep === 'remove the data') rmSync(this.#folder, { recursive: true, force: true })
  }

  #residentMiB(): number {
    const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))
    return Math.round(Number(line?.[1] ?? 0) / 1_024)
  }
}

/** Makes an application with one endpoint at a path of the sink; returns the path to send to. */
export async function makeRoute(
  server: Server,
  sink: Helper,
  sinkPort: number,
  name: string,
): Promise<{ sendPath: string; sinkPath: string }> {
  const sinkPath = `/${name}`
  await server.call('POST', '/app', { name, uid: name })
  const url = `http://127.0.0.1:${sinkPort}${sinkPath}`
  await server.call('POST', `/app/${name}/endpoint`, { url, uid: name })
  const { key } = await server.call('GET', `/app/${name}/endpoint/${name}/secret`)
  sink.tell({ kind: 'secret', path: sinkPath, secret: key })
  return { sendPath: `/api/v1/app/${name}/msg?with_content=false`, sinkPath }
}

const REPORT_MS = 250

/** Waits until the sink has so many, or nothing new has come for the time of patience. */
export async function awaitReceipt(sink: Helper, expected: number, patienceMs = 10_000): Promise<SinkReport> {
  let last = -1
  let idle = 0
  for (;;) {
    const report = await sink.ask<SinkReport>({ kind: 'report' })
    idle = report.distinct === last ? idle + 1 : 0
    last = report.distinct
    if (report.distinct >= expected || idle * REPORT_MS >= patienceMs) return report
    await new Promise((resolve) => setTimeout(resolve, REPORT_MS))
  }
}

/** Returns the value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).toSorted()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
