/** A port of this machine on which nobody listens. @module */

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** No system gives out ports below this by itself: Linux begins here, others at 49,152. */
const FIRST_GIVEN_OUT = 32_768

/**
 * Returns a port on which nobody listens, and that nobody comes to have by chance: other tests, and connections, get theirs
 * from the system.
 */
export async function closedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, FIRST_GIVEN_OUT)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
