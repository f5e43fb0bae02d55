/** The forms of attempts, and of deliveries as the API shows them. @module */

import { Type } from 'typebox'

import type { Attempt, AttemptTrigger } from '../../domain/attempt.ts'
import type { Delivery, DeliveryStatus } from '../../domain/delivery.ts'
import { Flag, Uid, showInstant } from '../schemas.ts'
import { MessageFilterQuery } from '../message/schemas.ts'
import { PageQuery } from '../pagination.ts'

/** The API's numbers of a status. */
const STATUS_NUMBERS: Readonly<Record<DeliveryStatus, number>> = {
  success: 0,
  pending: 1,
  fail: 2,
  sending: 3,
  canceled: 4,
}

const TRIGGER_NUMBERS: Readonly<Record<AttemptTrigger, number>> = { scheduled: 0, manual: 1 }

/** A status by its number. */
export const StatusNumber = Type.Integer({ minimum: 0, maximum: 4 })

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

/** Returns the status of a number. */
export function statusOf(number: number): DeliveryStatus {
  return (Object.keys(STATUS_NUMBERS) as DeliveryStatus[]).find(
    (status) => STATUS_NUMBERS[status] === number,
  )!
}

/** Shows where a delivery stands. */
export function showDelivery({ status, nextAttemptAt }: Delivery) {
  return {
    status: STATUS_NUMBERS[status],
    statusText: status,
    // Of one that is being sent, the attempt is now and not next.
    nextAttempt: nextAttemptAt === null || status === 'sending' ? null : showInstant(nextAttemptAt),
  }
}

/** Shows an attempt, without the answer's body where content is not wanted. */
export function showAttempt(attempt: Attempt, withContent: boolean) {
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
