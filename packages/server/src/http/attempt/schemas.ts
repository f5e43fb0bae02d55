/** The forms of attempts, and of deliveries as the API shows them. @module */

import { type Static, Type } from 'typebox'

import type { Attempt, AttemptTrigger } from '../../domain/attempt.ts'
import type { Delivery } from '../../domain/delivery.ts'
import { STATUS_NUMBERS, StatusNumber, StatusText } from '../delivery-status.ts'
import { EndpointOut } from '../endpoint/schemas.ts'
import { MessageFilterQuery, MessageOut } from '../message/schemas.ts'
import { PageQuery } from '../pagination.ts'
import { Flag, Instant, Nullable, Uid, described, showInstant } from '../schemas.ts'

const TRIGGER_NUMBERS: Readonly<Record<AttemptTrigger, number>> = { scheduled: 0, manual: 1 }

/** The filters of attempts. */
export const AttemptQuery = Type.Object({
  ...PageQuery.properties,
  ...MessageFilterQuery.properties,
  status: Type.Optional(StatusNumber),
  status_code_class: described(
    Type.Optional(Type.Integer({ minimum: 0, maximum: 500, multipleOf: 100 })),
    'Class of the answers: 200 for 2xx, and so on; 0 for no answer.',
  ),
  endpoint_id: described(Type.Optional(Uid), 'Only attempts at this endpoint: its id or uid.'),
  with_msg: described(Type.Optional(Flag), 'Whether each comes with its message.'),
})

/** The filters of what went to an endpoint. */
export const EndpointMessageQuery = Type.Object({
  ...PageQuery.properties,
  ...MessageFilterQuery.properties,
  status: Type.Optional(StatusNumber),
})

/** An attempt as it is shown. */
export const MessageAttemptOut = Type.Object(
  {
    id: described(Type.String(), 'Begins with `atmpt_`.'),
    msgId: described(Type.String(), 'The message.'),
    endpointId: described(Type.String(), 'The endpoint.'),
    url: described(Type.String(), 'Where it was sent: the URL of that moment.'),
    status: StatusNumber,
    statusText: described(StatusText, 'The same in a word: `success` for an answer of 2xx.'),
    responseStatusCode: Type.Integer({ description: '0 where there was no answer' }),
    response: Type.String({
      description: 'The first 16 KiB of the answer, or what went wrong. Empty where content is not wanted.',
    }),
    responseDurationMs: described(
      Type.Integer(),
      'Milliseconds from the beginning of the attempt to its end.',
    ),
    failure: Nullable(Type.String({ description: 'Why there was no answer' })),
    triggerType: Type.Integer({ minimum: 0, maximum: 1, description: '0 scheduled, 1 manual' }),
    timestamp: described(Instant, 'When it was made.'),
    msg: described(Type.Optional(Nullable(MessageOut)), 'The message, where `with_msg` asks for it.'),
  },
  { $id: 'MessageAttemptOut' },
)

/** What became of a message at one endpoint. */
const Standing = {
  status: StatusNumber,
  statusText: described(StatusText, 'The same in a word.'),
  nextAttempt: described(
    Nullable(Instant),
    'When the next attempt is due; `null` where none is, or where it is under way.',
  ),
}
const DeliveryOut = Type.Object(Standing)

/** An endpoint with what became of a message there. */
export const MessageEndpointOut = Type.Object(
  { ...EndpointOut.properties, ...Standing },
  { $id: 'MessageEndpointOut' },
)

/** A message with what became of it at an endpoint. */
export const EndpointMessageOut = Type.Object(
  { ...MessageOut.properties, ...Standing },
  { $id: 'EndpointMessageOut' },
)

/** Shows where a delivery stands. */
export function showDelivery({ status, nextAttemptAt }: Delivery): Static<typeof DeliveryOut> {
  return {
    status: STATUS_NUMBERS[status],
    statusText: status,
    // Of one that is being sent, the attempt is now and not next.
    nextAttempt: nextAttemptAt === null || status === 'sending' ? null : showInstant(nextAttemptAt),
  }
}

/** Shows an attempt, without the answer's body where content is not wanted. */
export function showAttempt(attempt: Attempt, withContent: boolean): Static<typeof MessageAttemptOut> {
  const status = attempt.isSuccess ? 'success' : 'fail'
  return {
    id: attempt.id,
    msgId: attempt.messageId,
    endpointId: attempt.endpointId,
    url: attempt.url,
    status: STATUS_NUMBERS[status],
    statusText: status,
    responseStatusCode: attempt.responseStatusCode,
    response: withContent ? attempt.response : '',
    responseDurationMs: attempt.responseDurationMs,
    failure: attempt.failure,
    triggerType: TRIGGER_NUMBERS[attempt.trigger],
    timestamp: showInstant(attempt.createdAt),
  }
}
