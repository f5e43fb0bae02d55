/** The forms of explanations and previews. @module */

import { Type } from 'typebox'

import { EXPLANATION_REASONS } from '../../domain/explanation.ts'
import { LastAttemptOut } from '../attempt/last-attempt.ts'
import { StatusNumber, StatusText } from '../delivery-status.ts'
import { Instant, Nullable } from '../schemas.ts'

const Reason = Type.Enum(EXPLANATION_REASONS)

const Endpoint = {
  endpointId: Type.String(),
  endpointUid: Nullable(Type.String()),
  url: Type.String(),
}

/** Why one endpoint did or did not get a message. */
export const ExplanationOut = Type.Object(
  {
    ...Endpoint,
    reason: Reason,
    text: Type.String(),
    status: Nullable(StatusNumber),
    statusText: Nullable(StatusText),
    attempts: Type.Integer(),
    nextAttempt: Nullable(Instant),
    waitsForMessageId: Nullable(
      Type.String({ description: 'The first message in the line of an ordered endpoint, where this one waits behind it.' }),
    ),
    lastAttempt: Nullable(LastAttemptOut),
  },
  { $id: 'ExplanationOut' },
)

/** What would be sent to whom. */
export const MessagePreviewOut = Type.Object(
  {
    /** An example: the message would have another. */
    messageId: Type.String(),
    timestamp: Instant,
    sent: Type.Array(
      Type.Object({
        ...Endpoint,
        headers: Type.Record(Type.String(), Type.String()),
        body: Type.String(),
      }),
    ),
    notSent: Type.Array(Type.Object({ ...Endpoint, reason: Reason, text: Type.String() })),
  },
  { $id: 'MessagePreviewOut' },
)
