/** The forms of attempts, and of deliveries as the API shows them. @module */

import { type Static, Type } from 'typebox'

import type { Attempt, AttemptTrigger } from '../../domain/attempt.ts'
import type { Delivery } from '../../domain/delivery.ts'
import { STATUS_NUMBERS, StatusNumber, StatusText } from '../delivery-status.ts'
import { EndpointOut } from '../endpoint/schemas.ts'
import { MessageFilterQuery, MessageOut } from '../message/schemas.ts'
import { PageQuery } from '../pagination.ts'
import { Flag, Instant, Nullable, Uid, showInstant } from '../schemas.ts'

const TRIGGER_NUMBERS: Readonly<Record<AttemptTrigger, number>> = { scheduled: 0, manual: 1 }

/** The filters of attempts. */
export const AttemptQuery = Type.Object({
  ...PageQuery.properties,
  ...MessageFilterQuery.properties,
  status: Type.Optional(StatusNumber),
  status_code_class: Type.Optional(Type.Integer({ minimum: 0, maximum: 500, multipleOf: 100 })),
  endpoint_id: Type.Optional(Uid),
  with_msg: Type.Optional(Flag),
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
    id: Type.String(),
    msgId: Type.String(),
    endpointId: Type.String(),
    url: Type.String(),
    status: StatusNumber,
    statusText: StatusText,
    responseStatusCode: Type.Integer({ description: '0 where there was no answer' }),
    response: Type.String({
      description: 'The first 16 KiB of the answer, or what went wrong. Empty where content is not wanted.',
    }),
    responseDurationMs: Type.Integer(),
    failure: Nullable(Type.String({ description: 'Why there was no answer' })),
    triggerType: Type.Integer({ minimum: 0, maximum: 1, description: '0 scheduled, 1 manual' }),
    timestamp: Instant,
    msg: Type.Optional(Nullable(MessageOut)),
  },
  { $id: 'MessageAttemptOut' },
)

/** What became of a message at one endpoint. */
const Standing = {
  status: StatusNumber,
  statusText: StatusText,
  nextAttempt: Nullable(Instant),
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
