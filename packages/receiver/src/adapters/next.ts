/** A receiver in Next.js: the app router and the pages router. @module */

import type { Receiver } from '../handle/receiver.ts'
import { answerNode, type NodeRequest, type NodeResponse } from './node-response.ts'

export type { NodeRequest, NodeResponse }

/** Options of `nextRoute`. */
export interface NextRouteOptions {
  /**
   * Returns the sender's address, from a header that your platform sets and a client cannot. Next.js has no other
   * way to know it, so without this `allow` refuses everybody and `limit` counts all as one.
   */
  readonly remoteAddress?: (request: Request) => string | null
  /** `waitUntil` of your platform, such as `after` of `next/server` wraps it. */
  readonly waitUntil?: (promise: Promise<unknown>) => void
}

const ROUTE_HINT =
  'The body was read before the receiver had it. Export the handler itself, or give it request.clone().'
const API_HINT =
  'Next.js has parsed the body before the receiver had it, and its bytes are lost. Export `const config = { api: { bodyParser: false } }` from the file of the API route.'

/**
 * Returns a handler for `app/…/route.ts`: `export const POST = nextRoute(receiver)`, and `GET` where there is a handshake by
 * GET.
 *
 * @param receiver - Returns the receiver, the same each time. Asked for with each request: `next build` loads the file too,
 *   where there may be no secrets.
 */
export function nextRoute(
  receiver: () => Receiver,
  options: NextRouteOptions = {},
): (request: Request) => Promise<Response> {
  const { remoteAddress, waitUntil } = options
  return async (request) =>
    receiver()(request, {
      remoteAddress: remoteAddress?.(request) ?? null,
      bodyHint: ROUTE_HINT,
      ...(waitUntil === undefined ? {} : { waitUntil }),
    })
}

/**
 * Returns a handler for `pages/api/….ts`: `export default nextApi(receiver)`. Beside it, `export const config = { api:
 * { bodyParser: false } }`, which Next.js reads from the file's own text; without it the body is refused with a hint.
 */
export function nextApi(
  receiver: () => Receiver,
): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return async (request, response) => answerNode(receiver(), request, response, API_HINT)
}
