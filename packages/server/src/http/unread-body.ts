/** What is done with a body that a refused request still has to send. @module */

import type { IncomingMessage } from 'node:http'

/** Bytes of such a body that are read, at most: 32 MiB. */
const MAX_BYTES = 33_554_432

/**
 * Reads the rest of a request's body and keeps nothing of it.
 *
 * A connection that is closed on bytes which nobody has read is reset, and the reset can overtake the answer: a client
 * that reads only when it has sent everything would see a broken connection in the place of "too large". The server's
 * limit for the time of a whole request ends this too.
 */
export function discardBody(request: IncomingMessage): Promise<void> {
  // One that was never on a wire, as the request of an embedding application, is not told to be complete.
  if (request.complete || request.readableEnded || request.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_BYTES) resolve()
    })
    request.once('end', resolve)
    request.once('close', resolve)
    request.resume()
  })
}
