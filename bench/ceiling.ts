/**
 * The limit to compare with: a bare loop that signs the same bodies and posts them by undici to the same sink. No database,
 * no API, no retries: what a delivery costs at the least. Run beside the load, as the server is.
 *
 * @module
 */

import { createHmac } from 'node:crypto'

import { Agent, type Dispatcher } from 'undici'

import { eventBody } from './event.ts'

/** What to post. */
export interface CeilingCommand {
  readonly origin: string
  readonly path: string
  readonly secret: string
  readonly durationMs: number
  /** Posts under way at once. */
  readonly concurrency: number
  /** Posts a second; `null` makes the next as soon as one is answered. */
  readonly perSecond: number | null
}

/** What it came to. */
export interface CeilingReport {
  readonly posted: number
  readonly elapsedMs: number
  readonly cpuMs: number
}

process.on('message', (command: CeilingCommand) => {
  void run(command).then((report) => process.send!(report))
})
process.on('disconnect', () => process.exit(0))

async function run({
  origin,
  path,
  secret,
  durationMs,
  concurrency,
  perSecond,
}: CeilingCommand): Promise<CeilingReport> {
  const agent = new Agent({ connections: concurrency, pipelining: 1 })
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const start = performance.now()
  const cpu = process.cpuUsage()
  let posted = 0

  const post = () =>
    new Promise<void>((resolve, reject) => {
      const body = Buffer.from(eventBody())
      const id = `msg_ceiling${posted++}`
      const timestamp = Math.floor(Date.now() / 1_000)
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': `v1,${signature}`,
      }
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd: () => resolve(),
        onResponseError: (_controller, error) => reject(error),
      }
      agent.dispatch({ origin, path, method: 'POST', headers, body }, handler)
    })
  const worker = async () => {
    while (performance.now() - start < durationMs) {
      const waitMs = perSecond === null ? 0 : start + (posted * 1_000) / perSecond - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      else await post()
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))

  const { user, system } = process.cpuUsage(cpu)
  await agent.destroy()
  return { posted, elapsedMs: performance.now() - start, cpuMs: (user + system) / 1_000 }
}
