/** What becomes of connections when the server stops. @module */

import type { Api } from './api.ts'

/** Time for the requests under way to arrive and be answered once the server stops, in milliseconds. */
export const DRAIN_MS = 5_000

/**
 * Ends each connection with the answer to the request that is under way when the server stops, and cuts off what has not
 * come to that in time.
 *
 * Node closes the connections that are idle at that moment, and no other: one that is kept alive by the answer to a later
 * request would hold the server up until its keep-alive ends, and one whose request never ends would do so for good, since
 * a server that is closing no longer looks at the age of requests.
 *
 * @param drainMs - How long the requests under way have.
 */
export function drainConnections(server: Api, drainMs: number): void {
  let isClosing = false
  let cutOff: NodeJS.Timeout | undefined
  server.addHook('preClose', (done) => {
    isClosing = true
    cutOff = setTimeout(() => server.server.closeAllConnections(), drainMs)
    done()
  })
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (isClosing) void reply.header('connection', 'close')
    done()
  })
  server.addHook('onClose', (_server, done) => {
    clearTimeout(cutOff)
    done()
  })
}
