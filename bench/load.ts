/** The load: a process that sends events over HTTP and remembers which were acknowledged. @module */

import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'

import { eventBody } from './event.ts'
import { onWireMessage } from './wire.ts'

/** What to send. */
export interface LoadCommand {
  readonly port: number
  readonly token: string
  /** Paths that take turns. */
  readonly paths: readonly string[]
  readonly durationMs: number
  /** Events a second; `null` sends the next as soon as one is answered. */
  readonly perSecond: number | null
  readonly connections: number
  /** Gives each event an idempotency key of its own, as the SDKs do. */
  readonly hasKeys?: boolean
}

/** What came of it. */
export interface LoadReport {
  /** Acknowledged with 202. */
  readonly accepted: number
  /** Answered otherwise, by status. */
  readonly refused: Readonly<Record<string, number>>
  readonly startedAt: number
  readonly endedAt: number
  /** From the send to the answer, in milliseconds. With a rate, from when it was due: a late send counts. */
  readonly latenciesMs: readonly number[]
}

process.on('message', (command: LoadCommand) => {
  void run(command).then((report) => process.send!(report))
})
process.on('disconnect', () => process.exit(0))

async function run(command: LoadCommand): Promise<LoadReport> {
  const latenciesMs: number[] = []
  const refused: Record<string, number> = {}
  const startedAt = Date.now()
  const start = performance.now()
  let sent = 0
  let accepted = 0

  const dueAt = (turn: number) =>
    command.perSecond === null ? performance.now() : start + (turn * 1_000) / command.perSecond

  const connection = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(command.port, '127.0.0.1')
      let since = 0
      socket.setNoDelay(true)
      const next = () => {
        if (performance.now() - start >= command.durationMs) {
          socket.end()
          return resolve()
        }
        const turn = sent++
        since = dueAt(turn)
        const waitMs = since - performance.now()
        return waitMs > 0 ? setTimeout(write, waitMs, turn) : write(turn)
      }
      const write = (turn: number) => {
        socket.write(requestOf(command, command.paths[turn % command.paths.length]!))
      }
      onWireMessage(socket, ({ head }) => {
        const status = head.slice(9, 12)
        if (status === '202') {
          accepted += 1
          latenciesMs.push(performance.now() - since)
        } else refused[status] = (refused[status] ?? 0) + 1
        next()
      })
      socket.once('connect', next)
      socket.once('error', reject)
    })

  await Promise.all(Array.from({ length: command.connections }, connection))
  return { accepted, refused, startedAt, endedAt: Date.now(), latenciesMs }
}

function requestOf({ token, hasKeys }: LoadCommand, path: string): string {
  const key = hasKeys ? `idempotency-key: auto_${randomUUID()}\r\n` : ''
  const body = `{"eventType":"bench.event","payload":${eventBody()}}`
  return (
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n` +
    `${key}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  )
}
