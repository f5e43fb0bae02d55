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
import { type Condition, conditionClause, cursorConditions } from './tables.ts'
import type { SQLInputValue } from 'node:sqlite'

/** All statuses of a delivery. */
export const STATUSES: readonly DeliveryStatus[] = ['success', 'pending', 'fail', 'canceled', 'sending']

/** Statuses whose deliveries are indexed by event type too. */
const TYPED: readonly DeliveryStatus[] = ['pending', 'fail', 'canceled']

/** Tells whether an index finds the deliveries of this status by their event type. */
export function isIndexedByType(status: DeliveryStatus | undefined): boolean {
  return status !== undefined && TYPED.includes(status)
}

/** The conditions on a delivery's status, which the query knows as `d`. SQLite uses a partial index only for a query that says the same. */
export const STATUS_CONDITIONS: Readonly<Record<DeliveryStatus, string>> = {
  success: `d.status = ${SUCCESS}`,
  pending: `d.status <> 0 AND d.lease IS NULL AND d.status = ${PENDING}`,
  fail: `d.status <> 0 AND d.lease IS NULL AND d.status = ${FAIL}`,
  canceled: `d.status <> 0 AND d.lease IS NULL AND d.status = ${CANCELED}`,
  sending: 'd.lease IS NOT NULL',
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
  readonly conditions: readonly Condition[]
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
): { sql: string; values: SQLInputValue[] } {
  const owner: Condition = ['d.application_id = ? AND d.endpoint_id = ?', applicationId, endpointId]
  const ofTypes = eventTypeConditions(eventTypes)
  const parts = statuses.map((status) => {
    const { sql, values } = conditionClause([
      owner,
      [STATUS_CONDITIONS[status]],
      ...ofTypes,
      ...conditions,
      ...cursorConditions('d.message_id', page),
    ])
    // Named, because the planner prefers the primary key, and would read the deliveries of all endpoints.
    const index = indexOf(status, eventTypes)
    return {
      sql: `SELECT d.message_id, ${columns} FROM delivery d INDEXED BY ${index} ${join} ${sql}`,
      values,
    }
  })
  return {
    sql: `${parts.map(({ sql }) => sql).join(' UNION ALL ')}
      ORDER BY 1 ${page.order === 'ascending' ? 'ASC' : 'DESC'} LIMIT ?`,
    values: [...parts.flatMap(({ values }) => values), page.limit],
  }
}

/** The condition on the event type of a delivery `d`. One type is an equality, which an index by type serves in order. */
export function eventTypeConditions(eventTypes: readonly string[] | undefined): readonly Condition[] {
  if (eventTypes === undefined) return []
  const [first, ...others] = eventTypes
  if (first !== undefined && others.length === 0) return [['d.event_type = ?', first]]
  return [['d.event_type IN (SELECT value FROM json_each(?))', JSON.stringify(eventTypes)]]
}

/** Returns the index that has the deliveries of this status, also by event type where one is named. */
export function indexOf(status: DeliveryStatus, eventTypes?: readonly string[]): string {
  if (status === 'success') return 'delivery_success'
  if (status === 'sending') return 'delivery_held'
  return eventTypes?.length === 1 ? 'delivery_status_type' : 'delivery_status'
}
