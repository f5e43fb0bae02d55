/** The API's numbers of where a delivery stands. @module */

import { Type } from 'typebox'

import type { DeliveryStatus } from '../domain/delivery.ts'

/** The API's numbers of a status. */
export const STATUS_NUMBERS: Readonly<Record<DeliveryStatus, number>> = {
  success: 0,
  pending: 1,
  fail: 2,
  sending: 3,
  canceled: 4,
}

/** A status by its number. */
export const StatusNumber = Type.Integer({
  minimum: 0,
  maximum: 4,
  description: '0 success, 1 pending, 2 fail, 3 sending, 4 canceled',
})

/** A status by its name. */
export const StatusText = Type.Enum(Object.keys(STATUS_NUMBERS) as DeliveryStatus[])

/** Returns the status of a number. */
export function statusOf(number: number): DeliveryStatus {
  return (Object.keys(STATUS_NUMBERS) as DeliveryStatus[]).find(
    (status) => STATUS_NUMBERS[status] === number,
  )!
}
