/** Posthorn in Express 4 and 5, and in Node's own server. @module */

import type { IncomingMessage } from 'node:http'

import type { Place } from '../http/place.ts'

/** A request of Express, or of Node. */
export interface ExpressRequest extends IncomingMessage {
  /** What Express took off the URL: where the handler was mounted. */
  readonly baseUrl?: string
  /** As Express knows it, by its `trust proxy`. */
  readonly protocol?: string
}

/** Returns the place of a request, as far as it tells. */
export function expressPlace(request: ExpressRequest): Place {
  const isEncrypted = 'encrypted' in request.socket && request.socket.encrypted === true
  const protocol = request.protocol ?? (isEncrypted ? 'https' : 'http')
  return { origin: `${protocol}://${request.headers.host ?? 'localhost'}`, path: request.baseUrl ?? '' }
}
