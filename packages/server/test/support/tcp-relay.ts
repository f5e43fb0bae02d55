/** A way to a server on this machine that can be cut, or swallow what is sent. @module */

import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

import { onTestFinished } from 'vitest'

/** What becomes of bytes: they go on, connections are cut and refused, or what is sent disappears without a word. */
export type Way = 'open' | 'cut' | 'silent'

/** A relay that listens. */
export interface TcpRelay {
  readonly port: number
  set(way: Way): void
}

/** Starts a relay to a port. The end of the test stops it. */
export async function startTcpRelay(to: number): Promise<TcpRelay> {
  let way: Way = 'open'
  const sockets = new Set<Socket>()
  const add = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const server = createServer((near) => {
    add(near)
    if (way === 'cut') return near.destroy()
    const far = connect(to, '127.0.0.1')
    add(far)
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => way === 'open' && into.write(bytes))
      from.on('close', () => into.destroy())
    }
    return undefined
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    set(next) {
      // What was swallowed is missing from the stream: such a connection is of no use any more.
      if (next === 'cut' || way === 'silent') for (const socket of sockets) socket.destroy()
      way = next
    },
  }
}
