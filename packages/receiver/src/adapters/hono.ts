/** A receiver in Hono, on any of its runtimes. @module */

import type { Receiver } from '../handle/receiver.ts'

/** The part of a Hono context that is used. */
export interface HonoContext {
  readonly req: { readonly raw: Request }
  readonly env: unknown
}

/** Options of `honoHandler`. */
export interface HonoOptions<Context> {
  /** Returns the address of the connection's peer. Default: that of `@hono/node-server`, and elsewhere none. */
  readonly remoteAddress?: (context: Context) => string | null | undefined
}

const BODY_HINT =
  'The body was read before the receiver had it, by c.req.json() or a validator in a middleware, say. Mount the receiver before it.'

/** Returns a handler for `app.all(path, …)`. */
export function honoHandler<Context extends HonoContext>(
  receiver: Receiver,
  options: HonoOptions<Context> = {},
): (context: Context) => Promise<Response> {
  const { remoteAddress = nodeAddress } = options
  return async (context) =>
    receiver(context.req.raw, { remoteAddress: remoteAddress(context) ?? null, bodyHint: BODY_HINT })
}

function nodeAddress({ env }: HonoContext): string | undefined {
  const node = env as { incoming?: { socket?: { remoteAddress?: string } } } | null | undefined
  return node?.incoming?.socket?.remoteAddress
}
