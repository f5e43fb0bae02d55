/** Which payloads can stand inside JSON as their own bytes. @module */

import { JSON_CONTENT_TYPE, type Message } from '../domain/message.ts'

// A byte order mark is no JSON, and has no place within any.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Tells whether the payload is JSON, so that it may be a part of a larger document. What is declared as JSON may be any
 * text where it was sent as a raw payload.
 */
export function isJsonPayload({ contentType, payload }: Pick<Message, 'contentType' | 'payload'>): boolean {
  if (contentType !== JSON_CONTENT_TYPE) return false
  try {
    JSON.parse(decoder.decode(payload))
    return true
  } catch {
    return false
  }
}
