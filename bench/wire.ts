/** Just enough of HTTP/1.1 for a load and a sink that cost little beside what they measure. @module */

import type { Socket } from 'node:net'

/** One message on a connection: its head as text, its body as bytes. */
export interface WireMessage {
  readonly head: string
  readonly body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')

/**
 * Calls `receive` for each request or response on a socket. Understands bodies with a `content-length`, which is all that
 * Posthorn and this bench send.
 */
export function onWireMessage(socket: Socket, receive: (message: WireMessage) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    let buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const headEnd = buffer.indexOf(HEAD_END)
      if (headEnd === -1) break
      const head = buffer.toString('latin1', 0, headEnd)
      const bodyStart = headEnd + HEAD_END.length
      const bodyEnd = bodyStart + Number(headerOf(head, 'content-length') ?? 0)
      if (buffer.length < bodyEnd) break
      receive({ head, body: buffer.subarray(bodyStart, bodyEnd) })
      buffer = buffer.subarray(bodyEnd)
    }
    rest = buffer
  })
}

/** Returns a header's value. */
export function headerOf(head: string, name: string): string | null {
  const match = new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)
  return match === null ? null : match[1]!
}
