/** Makes a message of what a caller sends. @module */

import type { Static } from 'typebox'

import { newId } from '../../domain/id.ts'
import { JSON_CONTENT_TYPE, type Message } from '../../domain/message.ts'
import { memberBytes } from '../json-body.ts'
import { bodyFault, readInstant } from '../schemas.ts'
import type { MessageIn } from './schemas.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/**
 * Makes a new message.
 *
 * @param rawBody - The bytes of the request, out of which the payload is cut.
 * @param now - Epoch milliseconds.
 * @throws {ValidationError} What the schema cannot say.
 */
export function newMessage(
  input: Static<typeof MessageIn>,
  rawBody: Buffer,
  applicationId: string,
  now: number,
): Message {
  const raw = input.transformationsParams?.rawPayload
  if (raw?.isWellFormed() === false) {
    throw bodyFault('transformationsParams', 'rawPayload must not have half of a surrogate pair')
  }
  return messageOf(
    input,
    {
      // Its own memory: a small Buffer shares its memory with others, and would take them along to the store's thread.
      payload: raw === undefined ? memberBytes(rawBody, 'payload')! : new TextEncoder().encode(raw),
      contentType:
        raw === undefined ? JSON_CONTENT_TYPE : contentTypeOf(input.transformationsParams?.headers),
    },
    applicationId,
    now,
  )
}

/**
 * Makes a new message of a payload that has memory of its own.
 *
 * @param now - Epoch milliseconds.
 * @throws {ValidationError} What the schema cannot say.
 */
export function messageOf(
  input: Omit<Static<typeof MessageIn>, 'payload'>,
  content: Pick<Message, 'payload' | 'contentType'>,
  applicationId: string,
  now: number,
): Message {
  return {
    id: newId('message', now),
    applicationId,
    eventType: input.eventType,
    eventId: input.eventId ?? null,
    channels: input.channels ?? null,
    tags: input.tags ?? null,
    ...content,
    deliverAt: deliverAtOf(input.deliverAt, now),
    expiresAt: expiresAtOf(input, now),
    expungedAt: null,
    createdAt: now,
  }
}

/** @throws {ValidationError} The media type cannot stand in a header. */
function contentTypeOf(headers: Readonly<Record<string, string>> | undefined): string {
  const name = Object.keys(headers ?? {}).find((key) => key.toLowerCase() === 'content-type')
  const value = name === undefined ? JSON_CONTENT_TYPE : headers![name]!
  if (!isContentType(value)) {
    throw bodyFault(
      'transformationsParams',
      'headers.content-type must be printable ASCII, at most 256 characters',
    )
  }
  return value
}

/** Tells whether a text can stand in the header that names a payload's media type. */
export function isContentType(text: string): boolean {
  return /^[\x20-\x7e]{1,256}$/.test(text)
}

/** An instant that has passed is no delay. */
function deliverAtOf(text: string | null | undefined, now: number): number | null {
  if (text === null || text === undefined) return null
  const at = readInstant(text)
  return at > now ? at : null
}

/** @throws {ValidationError} Both days and hours are given. */
function expiresAtOf(
  input: Pick<Static<typeof MessageIn>, 'payloadRetentionPeriod' | 'payloadRetentionHours'>,
  now: number,
): number | null {
  const days = input.payloadRetentionPeriod ?? null
  const hours = input.payloadRetentionHours ?? null
  if (days !== null && hours !== null) {
    throw bodyFault('payloadRetentionHours', 'must not be given together with payloadRetentionPeriod')
  }
  if (days !== null) return now + days * DAY_MS
  return hours === null ? null : now + hours * HOUR_MS
}
