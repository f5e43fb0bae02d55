/** An endpoint to deliver to: a real HTTP server that records what it gets and answers as it is told. @module */

import { once } from 'node:events'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { onTestFinished } from 'vitest'

/** One request as it arrived. */
export interface ReceivedRequest {
  /** The `webhook-id`. */
  readonly id: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The bytes of the body, untouched. */
  readonly body: Buffer
  /** Epoch milliseconds. */
  readonly receivedAt: number
}

/** What to answer: a response, none at all, a body without end, or a connection that is torn down. */
export type Answer =
  | {
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Buffer
    }
  | 'nothing'
  | 'endless body'
  | 'reset'

/** Decides what to answer. A promise holds the answer back until it is fulfilled. */
export type Answerer = (request: ReceivedRequest, turn: number) => Answer | Promise<Answer>

/** A receiver that listens. */
export interface Receiver {
  readonly url: string
  readonly port: number
  /** All requests so far, oldest first. */
  readonly requests: readonly ReceivedRequest[]
  /** Requests that have no answer yet. */
  readonly unanswered: number
  /** The ids of the messages that arrived, each once. */
  ids(): Set<string>
  /** Answers this way from now on. */
  answerWith(answerer: Answerer): void
  /** Resolves as soon as the predicate is true of all requests so far. */
  waitFor(predicate: (requests: readonly ReceivedRequest[]) => boolean): Promise<readonly ReceivedRequest[]>
  /** Tears down every connection and stops listening. */
  close(): Promise<void>
}

/**
 * Starts a receiver on this machine, which the end of the test closes.
 *
 * Start it after the server, so that it is closed before: a server that stops waits for the attempts under way.
 *
 * @param options.answer - By default 204 to everything.
 * @param options.port - By default any that is free.
 */
export async function startReceiver(
  options: { readonly answer?: Answerer; readonly port?: number } = {},
): Promise<Receiver> {
  let answerer: Answerer = options.answer ?? (() => ({}))
  const requests: ReceivedRequest[] = []
  const waiting = new Set<() => void>()
  let unanswered = 0

  const server = createServer((incoming, response) => {
    void (async () => {
      const request = await readRequest(incoming)
      requests.push(request)
      unanswered += 1
      response.once('finish', () => (unanswered -= 1))
      const turn = requests.length
      for (const check of waiting) check()
      give(response, await answerer(request, turn))
    })().catch(() => response.destroy())
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  onTestFinished(() => close(server))

  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    requests,
    get unanswered() {
      return unanswered
    },
    ids: () => new Set(requests.map(({ id }) => id)),
    answerWith(next) {
      answerer = next
    },
    waitFor: (predicate) =>
      new Promise((resolve) => {
        const check = () => {
          if (!predicate(requests)) return
          waiting.delete(check)
          resolve(requests)
        }
        waiting.add(check)
        check()
      }),
    close: () => close(server),
  }
}

/** A promise that somebody else fulfils. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

async function readRequest(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
  )
  return {
    id: headers['webhook-id'] ?? '',
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers,
    body: Buffer.concat(chunks),
    receivedAt: Date.now(),
  }
}

function give(response: ServerResponse, answer: Answer): void {
  if (answer === 'nothing') return
  if (answer === 'reset') return void response.destroy()
  if (answer === 'endless body') {
    response.writeHead(200)
    const more = () => {
      // The connection is cut in the end: that is what is waited for.
      while (!response.destroyed && response.write(Buffer.alloc(16_384, 'x')));
    }
    response.on('drain', more)
    return more()
  }
  response.writeHead(answer.status ?? 204, { ...answer.headers }).end(answer.body)
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}
