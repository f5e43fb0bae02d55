/** Several messages in one request. @module */

import { createHash } from 'node:crypto'

import { JSON_CONTENT_TYPE, type Message } from '../domain/message.ts'
import { isJsonPayload } from './json-payload.ts'

/** Media type of a batch. */
export const BATCH_CONTENT_TYPE = JSON_CONTENT_TYPE

/** Bytes of the hash that a batch's id has of its messages' ids. */
const ID_BYTES = 20

const encoder = new TextEncoder()

/**
 * Returns a batch as it is sent: a JSON array of envelopes, each with the payload's own bytes.
 *
 *     [{"id": "msg_…", "eventType": "invoice.paid", "timestamp": "2026-01-31T12:00:00.000Z", "payload": {…}}, …]
 *
 * A payload that is not JSON is there as `payloadBase64`, with its `contentType`. The batch's id comes of those of its
 * messages, so the same batch sent again has the same.
 */
export function batchBody(
  messages: readonly Pick<Message, 'id' | 'eventType' | 'contentType' | 'payload' | 'createdAt'>[],
): { readonly id: string; readonly body: Uint8Array } {
  const parts: Uint8Array[] = []
  for (const [i, message] of messages.entries()) {
    const isJson = isJsonPayload(message)
    const envelope = {
      id: message.id,
      eventType: message.eventType,
      timestamp: new Date(message.createdAt).toISOString(),
      ...(isJson ? {} : { contentType: message.contentType }),
    }
    const head = JSON.stringify(envelope).slice(0, -1)
    parts.push(encoder.encode(`${i === 0 ? '[' : ','}${head},${isJson ? '"payload":' : '"payloadBase64":'}`))
    parts.push(
      isJson
        ? message.payload
        : encoder.encode(JSON.stringify(Buffer.from(message.payload).toString('base64'))),
    )
    parts.push(encoder.encode('}'))
  }
  parts.push(encoder.encode(']'))
  return { id: batchId(messages.map(({ id }) => id)), body: Buffer.concat(parts) }
}

/** Returns the id of a batch of these messages, by which a repetition of it is known. */
export function batchId(messageIds: readonly string[]): string {
  const hash = createHash('sha256').update(messageIds.join(' ')).digest()
  return `batch_${hash.subarray(0, ID_BYTES).toString('hex')}`
}
