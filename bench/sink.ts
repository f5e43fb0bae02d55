/** The sink: a process that verifies every delivery, counts distinct ids, and keeps the latencies. @module */

import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:net'

import { headerOf, onWireMessage } from './wire.ts'

/** What the sink is told. */
export type SinkCommand =
  /** Verify what comes to this path with this secret. */
  | { readonly kind: 'secret'; readonly path: string; readonly secret: string }
  /** Never answer what comes to this path. */
  | { readonly kind: 'hang'; readonly path: string }
  /** Answer again what comes to this path. */
  | { readonly kind: 'heal'; readonly path: string }
  /** Answer what comes to this path, and leave it out of the count. */
  | { readonly kind: 'discount'; readonly path: string }
  | { readonly kind: 'report' }
  | { readonly kind: 'reset' }

/** What the sink has seen since the last reset. */
export interface SinkReport {
  readonly distinct: number
  readonly duplicates: number
  readonly unverified: number
  /** Receipt of the last new id: epoch ms. */
  readonly lastAt: number
  /** Receipts of new ids in each second since the first. */
  readonly perSecond: readonly number[]
  /** From the send to the receipt, in milliseconds, of each new id. */
  readonly latenciesMs: readonly number[]
}

const ANSWER = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n')

const keys = new Map<string, Buffer>()
const hanging = new Set<string>()
const discounted = new Set<string>()
let seen = new Set<string>()
let latenciesMs: number[] = []
let duplicates = 0
let unverified = 0
let firstAt = 0
let lastAt = 0
let perSecond: number[] = []

const server = createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  onWireMessage(socket, ({ head, body }) => {
    const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/1.1'))
    if (hanging.has(path)) return
    if (!discounted.has(path)) receive(path, head, body)
    socket.write(ANSWER)
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.send!({ port: address.port })
})

process.on('message', (command: SinkCommand) => {
  switch (command.kind) {
    case 'secret':
      keys.set(command.path, Buffer.from(command.secret.replace('whsec_', ''), 'base64'))
      break
    case 'hang':
      hanging.add(command.path)
      break
    case 'heal':
      hanging.delete(command.path)
      break
    case 'discount':
      discounted.add(command.path)
      break
    case 'report':
      process.send!({
        distinct: seen.size,
        duplicates,
        unverified,
        lastAt,
        perSecond,
        latenciesMs,
      } satisfies SinkReport)
      break
    case 'reset':
      seen = new Set()
      latenciesMs = []
      duplicates = 0
      unverified = 0
      firstAt = 0
      perSecond = []
  }
})
process.on('disconnect', () => process.exit(0))

function receive(path: string, head: string, body: Buffer): void {
  const id = headerOf(head, 'webhook-id') ?? ''
  if (!isSigned(path, id, head, body)) {
    unverified += 1
    return
  }
  if (seen.has(id)) {
    duplicates += 1
    return
  }
  seen.add(id)
  lastAt = Date.now()
  if (firstAt === 0) firstAt = lastAt
  const second = Math.floor((lastAt - firstAt) / 1_000)
  perSecond[second] = (perSecond[second] ?? 0) + 1
  // The load writes the instant at the start of each body.
  latenciesMs.push(performance.timeOrigin + performance.now() - Number(body.toString('latin1', 6, 22)))
}

function isSigned(path: string, id: string, head: string, body: Buffer): boolean {
  const signature = headerOf(head, 'webhook-signature')
  const key = keys.get(path)
  if (signature === null || key === undefined) return false
  const content = `${id}.${headerOf(head, 'webhook-timestamp')}.`
  const expected = createHmac('sha256', key).update(content).update(body).digest()
  const given = Buffer.from(signature.slice('v1,'.length), 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
