/** An HTTP client that sends whatever bytes it is given, as a client with a fault would. @module */

import { connect } from 'node:net'

/** What came back over the socket. */
export interface RawReply {
  /** 0 where no status line came. */
  readonly status: number
  readonly body: unknown
  /** How the connection broke, such as `ECONNRESET`; `null` where it ended in order. */
  readonly brokenBy: string | null
}

/**
 * Sends these bytes on a new connection and reads until the server ends it. As many clients do, it reads nothing before
 * it has sent everything.
 */
export async function sendRaw(url: string, bytes: string | Buffer): Promise<RawReply> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let brokenBy: string | null = null
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', (error: NodeJS.ErrnoException) => (brokenBy = error.code ?? error.message))
  const chunks: Buffer[] = []
  socket.pause().on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.once('end', () => socket.end())
  socket.write(bytes, () => socket.resume())
  await closed

  const [head = '', ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  const text = rest.join('\r\n\r\n')
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text,
    brokenBy,
  }
}

/** Writes a request as text, with `connection: close` so that the server ends it. */
export function rawRequest(
  line: string,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer = '',
): Buffer {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return Buffer.concat([Buffer.from(`${line} HTTP/1.1\r\n${lines.join('')}\r\n`), Buffer.from(body)])
}
