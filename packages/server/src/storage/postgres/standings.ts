/**
 * An endpoint's deliveries, by where they stand. Each is in exactly one of three partial indexes, by message id in each:
 *
 *     delivery_success          success
 *     delivery_status           pending, fail, canceled: what waits, and what ended otherwise
 *     delivery_held             sending
 *
 * `delivery_status_type` has those of the second by event type too. A list of several statuses merges what each index has,
 * in one statement: a delivery moves from index to index while lists are read, and two statements could miss it in both.
 *
 * @module
 */

import type { DeliveryStatus } from '../../domain/delivery.ts'
import type { PageRequest } from '../port/page.ts'
import { CANCELED, FAIL, PENDING, SUCCESS } from '../rows/delivery.ts'
import { type Sql, arrayText, joined, raw, sql } from './sql.ts'
import { all, cursorConditions, pageOrder } from './tables.ts'

/** All statuses of a delivery. */
export const STATUSES: readonly DeliveryStatus[] = ['success', 'pending', 'fail', 'canceled', 'sending']

/** Statuses whose deliveries are indexed by event type too. */
const TYPED: readonly DeliveryStatus[] = ['pending', 'fail', 'canceled']

/** Tells whether an index finds the deliveries of this status by their event type. */
export function isIndexedByType(status: DeliveryStatus | undefined): boolean {
  return status !== undefined && TYPED.includes(status)
}

/** The conditions on a delivery's status, which the query knows as `d`: said as the partial indexes say them. */
export const STATUS_CONDITIONS: Readonly<Record<DeliveryStatus, Sql>> = {
  success: raw(`d.status = ${SUCCESS}`),
  pending: raw(`d.status <> 0 AND d.lease IS NULL AND d.status = ${PENDING}`),
  fail: raw(`d.status <> 0 AND d.lease IS NULL AND d.status = ${FAIL}`),
  canceled: raw(`d.status <> 0 AND d.lease IS NULL AND d.status = ${CANCELED}`),
  sending: raw('d.lease IS NOT NULL'),
}

/** Which deliveries of an endpoint are wanted. */
export interface StandingQuery {
  readonly applicationId: string
  readonly endpointId: string
  /** One or more. */
  readonly statuses: readonly DeliveryStatus[]
  /** Event types; absent, all. */
  readonly eventTypes?: readonly string[] | undefined
  /** What else must be true, of the delivery `d` and of what is joined. */
  readonly conditions: readonly Sql[]
}

/**
 * Returns the statement for a page of an endpoint's deliveries in these statuses, by message id, each once.
 *
 * @param columns - What to select. The message id comes before these.
 * @param join - Tables to join with the delivery `d`.
 */
export function standingStatement(
  columns: string,
  join: string,
  page: PageRequest,
  { applicationId, endpointId, statuses, eventTypes, conditions }: StandingQuery,
): Sql {
  const parts = statuses.map((status) => {
    const where = all([
      sql`d.application_id = ${applicationId} AND d.endpoint_id = ${endpointId}`,
      STATUS_CONDITIONS[status],
      ...eventTypeConditions(eventTypes),
      ...conditions,
      ...cursorConditions('d.message_id', page),
    ])
    // Each with the limit, so that none reads on to its end.
    return sql`(SELECT d.message_id, ${raw(columns)} FROM delivery d ${raw(join)}
      WHERE ${where} ${pageOrder('d.message_id', page)})`
  })
  if (parts.length === 1) return parts[0]!
  return sql`${joined(parts, ' UNION ALL ')} ${pageOrder('1', page)}`
}

/** The condition on the event type of a delivery `d`. One type is an equality, which an index by type serves in order. */
export function eventTypeConditions(eventTypes: readonly string[] | undefined): readonly Sql[] {
  if (eventTypes === undefined) return []
  const [first, ...others] = eventTypes
  if (first !== undefined && others.length === 0) return [sql`d.event_type = ${first}`]
  return [sql`d.event_type = ANY (${arrayText(eventTypes)}::text[])`]
}
