/** The body of a request that another application's middleware may have read before. @module */

import type { IncomingMessage } from 'node:http'

/** Whose body it is still: to be read, read and kept as it was, or gone. */
export type BodyState =
  | { readonly kind: 'unread' }
  | { readonly kind: 'kept'; readonly bytes: Uint8Array }
  | { readonly kind: 'lost' }

const UNREAD: BodyState = { kind: 'unread' }

/**
 * Tells what is left of a request's body. A parser may keep its bytes as `rawBody`, or as `body`, as `express.raw()` does.
 * What was parsed is not written as JSON again: that would change numbers and order, and so the payloads that are signed.
 */
export function bodyStateOf(request: IncomingMessage): BodyState {
  if (!request.readableDidRead && !request.readableEnded) return UNREAD
  const { headers } = request
  const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
  // Parsers read it all the same: who waited for its end once more would wait for ever.
  if (isEmpty) return { kind: 'kept', bytes: new Uint8Array() }
  const { rawBody, body } = request as { rawBody?: unknown; body?: unknown }
  const bytes = [rawBody, body].find((each) => each instanceof Uint8Array)
  return bytes === undefined ? { kind: 'lost' } : { kind: 'kept', bytes }
}
