/** Messages as CloudEvents 1.0. Source: the CloudEvents specification, its JSON format and its HTTP binding, 1.0.2. @module */

import type { Message } from '../domain/message.ts'
import { isJsonPayload } from './json-payload.ts'

/** Media types of a structured event, and of several. In small letters: the SDK for JavaScript compares them as text. */
export const CLOUD_EVENT_TYPE = 'application/cloudevents+json; charset=utf-8'
export const CLOUD_EVENT_BATCH_TYPE = 'application/cloudevents-batch+json; charset=utf-8'

/** What of a message its event has. */
type EventMessage = Pick<Message, 'id' | 'eventType' | 'contentType' | 'payload' | 'createdAt'>

const encoder = new TextEncoder()

/**
 * Returns the source of an application's events: with the message's id it names an event, the same on every attempt.
 *
 *     https://hooks.example.com/app/acme      with the server's public URL
 *     /app/acme                               without: a reference, as the specification allows
 *     /operational-webhook                    for what is told to the provider itself
 *
 * @param application - `null` where the events are no application's.
 */
export function sourceOf(
  publicUrl: string | null,
  application: { readonly id: string; readonly uid: string | null } | null,
): string {
  const base = publicUrl === null ? '' : new URL(publicUrl).href.replace(/\/+$/, '')
  return application === null
    ? `${base}/operational-webhook`
    : `${base}/app/${application.uid ?? application.id}`
}

/** Returns the attributes of the event as headers, for a body that is the payload as it is. Section 3.1.3 of the binding. */
export function binaryHeaders(message: EventMessage, source: string): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-id': headerEncoded(message.id),
    'ce-source': headerEncoded(source),
    'ce-type': headerEncoded(message.eventType),
    'ce-time': timeOf(message),
  }
}

/** Percent-encodes what may not stand in the value of a header. Section 3.1.3.2 of the binding. */
export function headerEncoded(text: string): string {
  return text.replace(/[^\x21-\x7e]|["%]/gu, (character) =>
    Array.from(
      encoder.encode(character),
      (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    ).join(''),
  )
}

/** Returns the event as JSON. A JSON payload is its `data`, with the bytes that it has; any other is `data_base64`. */
export function structuredEvent(message: EventMessage, source: string): Uint8Array {
  const isJson = isJsonPayload(message)
  const attributes = JSON.stringify({
    specversion: '1.0',
    id: message.id,
    source,
    type: message.eventType,
    time: timeOf(message),
    datacontenttype: message.contentType,
  })
  const head = `${attributes.slice(0, -1)},${isJson ? '"data":' : '"data_base64":"'}`
  const data = isJson ? message.payload : encoder.encode(Buffer.from(message.payload).toString('base64'))
  return Buffer.concat([encoder.encode(head), data, encoder.encode(isJson ? '}' : '"}')])
}

/** Returns several events as one JSON array. Source: the JSON format, section 4. */
export function structuredBatch(messages: readonly EventMessage[], source: string): Uint8Array {
  const parts = messages.flatMap((message, i) => [
    encoder.encode(i === 0 ? '[' : ','),
    structuredEvent(message, source),
  ])
  return Buffer.concat([...parts, encoder.encode(']')])
}

function timeOf({ createdAt }: EventMessage): string {
  return new Date(createdAt).toISOString()
}
