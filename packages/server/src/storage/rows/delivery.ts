/** Rows of `delivery`: how a status is stored, and how a row is read. @module */

import type { Delivery, DeliveryStatus } from '../../domain/delivery.ts'
import type { ClaimedDelivery } from '../port/queue.ts'
import type { Row } from './cells.ts'

/** Stored statuses; the numbers are those of the API. */
export const SUCCESS = 0
export const PENDING = 1
export const FAIL = 2
export const CANCELED = 4

/** Stored priorities: the places in `PRIORITIES`. */
export const RETRY = 1
export const REPLAY = 2

/** The place in a line before all others. */
export const FRONT = 0

/**
 * Cancels what has nothing left to send. A delivery that waits to be sent once more by hand goes back to what it was, if
 * that was settled.
 */
export const CANCEL_EXPUNGED = `status = CASE WHEN coalesce(resumes_as, ${PENDING}) = ${PENDING} THEN ${CANCELED}
    ELSE resumes_as END, due_at = NULL, resumes_as = NULL, resumes_at = NULL`

/** Reads a row of `delivery`. */
export function deliveryOf(row: Row): Delivery {
  return {
    applicationId: row['application_id'] as string,
    messageId: row['message_id'] as string,
    endpointId: row['endpoint_id'] as string,
    status: statusOf(row['status'], row['lease'] !== null),
    attempts: row['attempts'] as number,
    nextAttemptAt: row['due_at'] as number | null,
  }
}

/** Reads a stored status; what is pending and held is being sent. */
export function statusOf(stored: unknown, isHeld: boolean): DeliveryStatus {
  switch (stored) {
    case SUCCESS:
      return 'success'
    case FAIL:
      return 'fail'
    case CANCELED:
      return 'canceled'
    default:
      return isHeld ? 'sending' : 'pending'
  }
}

/** What tells of a claimed delivery that it is made by hand, and where it goes back to; nothing where it is not. */
export function manualOf(resumesAs: unknown): Pick<ClaimedDelivery, 'isManual' | 'resumesAs'> {
  return resumesAs === null ? {} : { isManual: true, resumesAs: statusOf(resumesAs, false) }
}
