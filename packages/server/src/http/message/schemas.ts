/** The forms of a message. @module */

import { type Static, Type } from 'typebox'

import type { Message } from '../../domain/message.ts'
import { ApplicationIn } from '../application/schemas.ts'
import { writeJson } from '../json-body.ts'
import {
  Channel,
  EventTypeName,
  Flag,
  Instant,
  Maybe,
  NameList,
  Nullable,
  Uid,
  showInstant,
} from '../schemas.ts'

const Tag = Type.String({ minLength: 1, maxLength: 128 })

/** For how long a payload may be kept: 5 to 90 days, or 6 hours to 90 days where it is given in hours. */
const RetentionDays = Type.Integer({
  minimum: 5,
  maximum: 90,
  description: 'Days after which the payload is expunged.',
})
const RetentionHours = Type.Integer({
  minimum: 6,
  maximum: 2_160,
  description: 'Hours after which the payload is expunged, in place of days.',
})

/** What a message is made from. `payload` is taken as bytes from the text, so here only its kind is checked. */
export const MessageIn = Type.Object(
  {
    eventType: EventTypeName,
    payload: Type.Object({}),
    eventId: Maybe(Uid),
    channels: Maybe(Type.Array(Channel, { minItems: 1, maxItems: 5, uniqueItems: true })),
    tags: Maybe(Type.Array(Tag, { minItems: 1, maxItems: 8, uniqueItems: true })),
    deliverAt: Maybe(Instant),
    payloadRetentionPeriod: Maybe(RetentionDays),
    payloadRetentionHours: Maybe(RetentionHours),
    application: Maybe(ApplicationIn),
    transformationsParams: Maybe(
      Type.Object({
        rawPayload: Type.Optional(Type.String()),
        headers: Type.Optional(Type.Record(Type.String(), Type.String())),
      }),
    ),
  },
  { $id: 'MessageIn' },
)

/** A message as it is shown. */
export const MessageOut = Type.Object(
  {
    id: Type.String(),
    eventType: EventTypeName,
    eventId: Nullable(Type.String()),
    channels: Nullable(Type.Array(Channel)),
    tags: Nullable(Type.Array(Tag)),
    deliverAt: Nullable(Instant),
    timestamp: Instant,
    payload: Type.Object(
      {},
      {
        description:
          'The payload as it was sent. `{}` where content is not wanted, `{"expired": true}` once it is expunged, and ' +
          '`{"rawPayload": "…"}` where it is no JSON object.',
      },
    ),
  },
  { $id: 'MessageOut' },
)

/** Whether a message is shown with its payload. */
export const ContentQuery = Type.Object({
  with_content: Type.Optional(Flag),
})

/** The filters of every list that has to do with messages. */
export const MessageFilterQuery = Type.Object({
  channel: Type.Optional(Channel),
  tag: Type.Optional(Tag),
  event_types: Type.Optional(NameList),
  before: Type.Optional(Instant),
  after: Type.Optional(Instant),
  with_content: Type.Optional(Flag),
})

/** Shows a message without its payload, which {@link writeMessage} adds. */
function showEnvelope(message: Message): Omit<Static<typeof MessageOut>, 'payload'> {
  return {
    id: message.id,
    eventType: message.eventType,
    eventId: message.eventId,
    channels: message.channels === null ? null : [...message.channels],
    tags: message.tags === null ? null : [...message.tags],
    deliverAt: message.deliverAt === null ? null : showInstant(message.deliverAt),
    timestamp: showInstant(message.createdAt),
  }
}

/**
 * Writes a message as JSON. The payload stands in it as its own bytes; one that is no JSON object, which the API has no
 * form for, is a string under `rawPayload`; where content is not wanted it is `{}`, and where it is no more,
 * `{"expired": true}`.
 *
 * @param more - Further fields of the same object.
 */
export function writeMessage(message: Message, withContent: boolean, more: object = {}): string {
  const payload = !withContent
    ? '{}'
    : message.expungedAt === null
      ? payloadText(message)
      : '{"expired":true}'
  return writeJson({ ...showEnvelope(message), ...more }, { payload })
}

function payloadText({ payload }: Message): string {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8')
  return isJsonObject(text) ? text : JSON.stringify({ rawPayload: text })
}

function isJsonObject(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
