/** Receivers below HTTP: bare sockets, over TCP or TLS, and one that accepts nothing. @module */

import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'
import { type TlsOptions, createServer as createTlsServer } from 'node:tls'
import { Worker } from 'node:worker_threads'

/** What listens, until it is closed. */
export interface SocketServer {
  readonly port: number
  /** Connections so far. */
  readonly accepted: number
  close(): Promise<void>
}

/**
 * Listens on this machine; what is done with a connection is up to the caller.
 *
 * @param tls - Speaks TLS by these options; the handler gets a connection when TLS is agreed on.
 */
export async function serveSockets(
  handle: (socket: Socket) => unknown,
  tls: TlsOptions | null = null,
): Promise<SocketServer> {
  const sockets = new Set<Socket>()
  let accepted = 0
  const server: Server = tls === null ? createServer(handle) : createTlsServer(tls, handle)
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => socket.destroy()))
  server.on('connection', (socket: Socket) => {
    accepted += 1
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted
    },
    close: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** Calls back with each whole request on a connection: its head and a JSON object as its body. */
export function onRequest(socket: Socket, act: (request: string, turn: number) => unknown): void {
  let received = ''
  let turn = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
    const [head = '', body] = received.split(/\r\n\r\n(.*)/s)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
    if (body === undefined || body.length < length) return
    received = ''
    turn += 1
    act(`${head}\r\n\r\n${body}`, turn)
  })
}

/** Writes the same for as long as the connection takes it. */
export function flood(socket: Socket, bytes: string): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes)) continue
  }
  socket.on('drain', more)
  more()
}

/** Writes a text a byte at a time. */
export function drip(socket: Socket, text: string, intervalMs: number): void {
  let at = 0
  const timer = setInterval(() => {
    if (at < text.length && !socket.destroyed) socket.write(text[at++]!)
  }, intervalMs)
  socket.on('close', () => clearInterval(timer))
}

const NEVER_ACCEPTS = `
  const { parentPort } = require('node:worker_threads')
  const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    // The message leaves first. Then this thread does nothing any more, and accepts nothing.
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
  })`

/** Listens, accepts nothing and has its backlog full, so that the system answers no more requests for a connection. */
export async function neverAccepting(): Promise<SocketServer> {
  const worker = new Worker(NEVER_ACCEPTS, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  // A backlog of one holds two. Connected one after the other, lest one is lost while the other is being made.
  const fillers: Socket[] = []
  for (let i = 0; i < 2; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    fillers.push(socket)
  }
  return {
    port,
    accepted: 0,
    close: async () => {
      for (const socket of fillers) socket.destroy()
      await worker.terminate()
    },
  }
}
