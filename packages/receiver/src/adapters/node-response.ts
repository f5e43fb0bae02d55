/** Writing a web response to a Node response. @module */

import type { Receiver } from '../handle/receiver.ts'
import type { HeaderSource } from '../headers.ts'

/** The part of Node's `IncomingMessage` that is used. */
export interface NodeRequest extends AsyncIterable<unknown> {
  readonly headers: HeaderSource
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Whether the body was read to its end. */
  readonly complete: boolean
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/** The part of Node's `ServerResponse` that is used. */
export interface NodeResponse {
  statusCode: number
  readonly headersSent: boolean
  setHeader(name: string, value: string | readonly string[]): unknown
  end(body?: Uint8Array): unknown
}

/** Lets `receiver` answer a Node request. */
export async function answerNode(
  receiver: Receiver,
  request: NodeRequest,
  response: NodeResponse,
  bodyHint: string,
): Promise<void> {
  const remoteAddress = request.socket.remoteAddress ?? null
  const answer = await receiver(request, { remoteAddress, bodyHint })
  // Somebody else has answered meanwhile, such as a time-out of the server.
  if (response.headersSent) return
  response.statusCode = answer.status
  for (const [name, value] of answer.headers) {
    if (name !== 'set-cookie') response.setHeader(name, value)
  }
  const cookies = answer.headers.getSetCookie()
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  // A refusal may come before the body is read: a kept connection would have to be read to its end.
  if (!request.complete) response.setHeader('connection', 'close')
  response.end(new Uint8Array(await answer.arrayBuffer()))
}
