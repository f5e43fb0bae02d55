/** The forms of explanations and previews. @module */

import { Type } from 'typebox'

import { EXPLANATION_REASONS } from '../../domain/explanation.ts'
import { LastAttemptOut } from '../attempt/last-attempt.ts'
import { StatusNumber, StatusText } from '../delivery-status.ts'
import { Instant, Nullable, described } from '../schemas.ts'

const Reason = Type.Enum(EXPLANATION_REASONS)

const Endpoint = {
  endpointId: described(Type.String(), 'The endpoint.'),
  endpointUid: described(Nullable(Type.String()), 'Your own name for it.'),
  url: described(Type.String(), 'Where it is now.'),
}

/** Why one endpoint did or did not get a message. */
export const ExplanationOut = Type.Object(
  {
    ...Endpoint,
    reason: described(Reason, 'A code to act on.'),
    text: described(Type.String(), 'The same for people, in a sentence or two.'),
    status: described(
      Nullable(StatusNumber),
      'Where the delivery stands, as a number; `null` where there is none.',
    ),
    statusText: described(Nullable(StatusText), 'The same in a word.'),
    attempts: described(Type.Integer(), 'Attempts made so far.'),
    nextAttempt: described(Nullable(Instant), 'When the next is due; `null` where none is.'),
    waitsForMessageId: Nullable(
      Type.String({
        description: 'The first message in the line of an ordered endpoint, where this one waits behind it.',
      }),
    ),
    lastAttempt: described(Nullable(LastAttemptOut), 'The last attempt; `null` where none was made.'),
  },
  { $id: 'ExplanationOut' },
)

/** What would be sent to whom. */
export const MessagePreviewOut = Type.Object(
  {
    messageId: Type.String({ description: 'An example: the message would have another.' }),
    timestamp: described(Instant, 'That of the signatures.'),
    sent: Type.Array(
      Type.Object({
        ...Endpoint,
        headers: Type.Record(Type.String(), Type.String(), { description: 'With the signatures.' }),
        body: Type.String({ description: 'The bytes that would be sent, as text.' }),
      }),
      { description: 'The endpoints that would get it.' },
    ),
    notSent: Type.Array(Type.Object({ ...Endpoint, reason: Reason, text: Type.String() }), {
      description: 'The other endpoints, and why they would not.',
    }),
  },
  { $id: 'MessagePreviewOut' },
)
