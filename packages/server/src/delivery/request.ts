/** Builds the request of an attempt: headers, body and signature. @module */

import type { Message } from '../domain/message.ts'
import { BATCH_CONTENT_TYPE, batchBody, batchId } from './batch.ts'
import {
  CLOUD_EVENT_BATCH_TYPE,
  CLOUD_EVENT_TYPE,
  binaryHeaders,
  sourceOf,
  structuredBatch,
  structuredEvent,
} from './cloud-event.ts'
import type { Route } from './routing.ts'

/** What of a message is sent. */
export type SentMessage = Pick<
  Message,
  'id' | 'applicationId' | 'eventType' | 'contentType' | 'payload' | 'createdAt'
>

/** What is posted to an endpoint. */
export interface DeliveryRequest {
  readonly headers: Record<string, string>
  readonly body: Uint8Array
}

/** What a request says of who sends it. */
export interface Sender {
  readonly userAgent: string
  /** Where the world reaches this server, without a slash at its end; `null` where nobody said. */
  readonly publicUrl: string | null
  /** The name under which owners of endpoints were asked for their consent; `null` where they are not asked by it. */
  readonly requestOrigin: string | null
}

/**
 * Returns the request that is made at `at` (epoch ms) for these messages, without what {@link authorizedPost} adds.
 *
 * @param messages - One; or one or more where the endpoint takes batches.
 */
export function requestFor(
  messages: readonly SentMessage[],
  route: Route,
  at: number,
  sender: Sender,
): DeliveryRequest {
  const { id, contentType, body, attributes } = contentOf(messages, route, sender)
  return {
    headers: {
      // First, so that none of them could stand in the place of one of ours.
      ...route.endpoint.headers,
      ...attributes,
      ...(sender.requestOrigin === null ? {} : { 'webhook-request-origin': sender.requestOrigin }),
      'content-type': contentType,
      'user-agent': sender.userAgent,
      ...route.sign(id, at, body, contentType),
    },
    body,
  }
}

/** The body in the form that the endpoint wants, and what it is signed as. */
interface Content {
  readonly id: string
  readonly contentType: string
  readonly body: Uint8Array
  /** Those of the event, where they go in headers. */
  readonly attributes?: Readonly<Record<string, string>>
}

function contentOf(messages: readonly SentMessage[], route: Route, { publicUrl }: Sender): Content {
  const { payloadMode } = route.endpoint.settings
  const message = messages[0]!
  const isBatch = route.lane.batch !== null
  if (payloadMode === 'as-is' || (isBatch && payloadMode === 'cloudevents-binary')) {
    if (isBatch) return { contentType: BATCH_CONTENT_TYPE, ...batchBody(messages) }
    const { id, contentType, payload } = message
    return { id, contentType, body: payload }
  }
  const { policy } = route
  const source = sourceOf(publicUrl, policy === null ? null : { id: message.applicationId, uid: policy.uid })
  if (isBatch) {
    const id = batchId(messages.map((each) => each.id))
    return { id, contentType: CLOUD_EVENT_BATCH_TYPE, body: structuredBatch(messages, source) }
  }
  if (payloadMode === 'cloudevents-structured') {
    return { id: message.id, contentType: CLOUD_EVENT_TYPE, body: structuredEvent(message, source) }
  }
  return {
    id: message.id,
    contentType: message.contentType,
    body: message.payload,
    attributes: binaryHeaders(message, source),
  }
}
