/** What would be sent: the request of a message to each endpoint that wants it, without sending it. @module */

import { isSensitive } from '../domain/endpoint-headers.ts'
import { wantsMessage } from '../domain/endpoint.ts'
import type { Message } from '../domain/message.ts'
import { withMaskedAuth } from './authorized-post.ts'
import { type Sender, requestFor } from './request.ts'
import type { Routes } from './routing.ts'

/** A request as it would be made. */
export interface PreviewedRequest {
  readonly url: string
  /** Signed; values that are nobody's to see are masked. */
  readonly headers: Record<string, string>
  /** The payload as text. */
  readonly body: string
}

const MASK = '***'

/** Returns the requests that the message would make now, by endpoint id. */
export function previewRequests(
  message: Message,
  routes: Routes,
  sender: Sender,
): Map<string, PreviewedRequest> {
  const requests = new Map<string, PreviewedRequest>()
  for (const [endpointId, route] of routes) {
    if (!wantsMessage(route.endpoint, message)) continue
    const request = requestFor([message], route, message.createdAt, sender)
    const headers = withMaskedAuth(request.headers, route.endpoint.auth, MASK)
    for (const name of Object.keys(route.endpoint.headers)) {
      if (isSensitive(name)) headers[name] = MASK
    }
    requests.set(endpointId, { url: route.url.href, headers, body: new TextDecoder().decode(request.body) })
  }
  return requests
}
