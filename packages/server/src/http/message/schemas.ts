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
  described,
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
    eventType: described(EventTypeName, 'What happened: endpoints are chosen by it.'),
    payload: described(Type.Object({}), 'What is sent, byte for byte as it stands here.'),
    eventId: described(
      Maybe(Uid),
      'Your own id of the event, unique in the application: a second message with it is 409.',
    ),
    channels: described(
      Maybe(Type.Array(Channel, { minItems: 1, maxItems: 5, uniqueItems: true })),
      'Reaches endpoints with one of these channels, and those without channels.',
    ),
    tags: described(
      Maybe(Type.Array(Tag, { minItems: 1, maxItems: 8, uniqueItems: true })),
      'To find it by; they are not sent.',
    ),
    deliverAt: described(
      Maybe(Instant),
      'When the first attempt is to be made. One that has passed is no delay.',
    ),
    payloadRetentionPeriod: Maybe(RetentionDays),
    payloadRetentionHours: Maybe(RetentionHours),
    application: described(
      Maybe(ApplicationIn),
      'Made first where no application has the id or uid of the path.',
    ),
    transformationsParams: Maybe(
      Type.Object(
        {
          rawPayload: Type.Optional(
            Type.String({ description: 'Sent in place of `payload`: any text, as it is.' }),
          ),
          headers: Type.Optional(
            Type.Record(Type.String(), Type.String(), {
              description:
                'Only `content-type`, that of `rawPayload`; `application/json` where it is left out.',
            }),
          ),
        },
        { description: 'For a payload that is no JSON object.' },
      ),
    ),
  },
  { $id: 'MessageIn' },
)

/** A message as it is shown. */
export const MessageOut = Type.Object(
  {
    id: described(Type.String(), 'Begins with `msg_`; sent as `webhook-id`, the same on every attempt.'),
    eventType: described(EventTypeName, 'What happened.'),
    eventId: described(Nullable(Type.String()), 'Your own id of the event.'),
    channels: described(Nullable(Type.Array(Channel)), 'Channels that it was sent to; `null` for none.'),
    tags: described(Nullable(Type.Array(Tag)), 'To find it by.'),
    deliverAt: described(Nullable(Instant), 'When the first attempt was to be made; `null` for at once.'),
    timestamp: described(Instant, 'When it was accepted.'),
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
  with_content: described(
    Type.Optional(Flag),
    'Whether payloads and answers are shown; `true` where it is left out.',
  ),
})

/** The filters of every list that has to do with messages. */
export const MessageFilterQuery = Type.Object({
  channel: described(Type.Optional(Channel), 'Only messages with this channel.'),
  tag: described(Type.Optional(Tag), 'Only messages with this tag.'),
  event_types: described(Type.Optional(NameList), 'Only messages of these types, with commas between them.'),
  before: described(Type.Optional(Instant), 'Only what was made before then.'),
  after: described(Type.Optional(Instant), 'Only what was made after then.'),
  with_content: described(
    Type.Optional(Flag),
    'Whether payloads and answers are shown; `true` where it is left out.',
  ),
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
