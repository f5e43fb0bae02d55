/** Builds the request of an attempt: headers, body and signature. @module */

import type { Message } from '../domain/message.ts'
import { BATCH_CONTENT_TYPE, batchBody } from './batch.ts'
import type { Route } from './routing.ts'

/** What of a message is sent. */
export type SentMessage = Pick<Message, 'id' | 'eventType' | 'contentType' | 'payload' | 'createdAt'>

/** What is posted to an endpoint. */
export interface DeliveryRequest {
  readonly headers: Record<string, string>
  readonly body: Uint8Array
}

/**
 * Returns the request that is made at `at` (epoch ms) for these messages.
 *
 * @param messages - One; or one or more where the endpoint takes batches.
 */
export function requestFor(
  messages: readonly SentMessage[],
  route: Route,
  at: number,
  userAgent: string,
): DeliveryRequest {
  const { id, contentType, body } = contentOf(messages, route)
  return {
    headers: {
      // First, so that none of them could stand in the place of one of ours.
      ...route.endpoint.headers,
      'content-type': contentType,
      'user-agent': userAgent,
      ...route.sign(id, at, body, contentType),
    },
    body,
  }
}

function contentOf(messages: readonly SentMessage[], { lane }: Route) {
  if (lane.batch !== null) return { contentType: BATCH_CONTENT_TYPE, ...batchBody(messages) }
  const { id, contentType, payload } = messages[0]!
  return { id, contentType, body: payload }
}
