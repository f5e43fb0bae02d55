/** The exhausted deliveries of an application in SQLite. @module */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'

import type { ExhaustedDelivery, ExhaustedFilter } from '../port/deliveries.ts'
import type { PageRequest } from '../port/page.ts'
import { FAIL, deliveryOf } from '../rows/delivery.ts'
import { lastAttempts } from './last-attempt.ts'
import { merged } from './merged.ts'
import { timeConditions } from './messages.ts'
import { STATUS_CONDITIONS } from './standings.ts'
import { type Condition, type Row, type Synchronous, conditionClause, statementCache } from './tables.ts'

/** A row of the list, with its key as the `id` that lists are merged by. */
type Listed = Row & { readonly id: string }

/** The method that lists what is exhausted. */
export function exhaustedMethods(database: DatabaseSync): Synchronous<'listExhausted'> {
  const prepared = statementCache(database)
  const lastAttemptOf = lastAttempts(database)

  return {
    listExhausted: (applicationId, page, filter) => {
      const types = filter.eventTypes === undefined ? [undefined] : [...new Set(filter.eventTypes)]
      // Each list by an index of its own; a message has one type, so it is in one of them.
      return merged(page, types, (eventType) => rowsOf(applicationId, page, filter, eventType)).map(shown)
    },
  }

  function rowsOf(
    applicationId: string,
    page: PageRequest,
    filter: ExhaustedFilter,
    eventType: string | undefined,
  ): Listed[] {
    const { endpointId } = filter
    const isAscending = page.order === 'ascending'
    const conditions: Condition[] = [
      ['d.application_id = ?', applicationId],
      endpointId === undefined
        ? [`d.status = ${FAIL}`]
        : [`d.endpoint_id = ? AND ${STATUS_CONDITIONS.fail}`, endpointId],
      ...(eventType === undefined ? [] : [['d.event_type = ?', eventType] satisfies Condition]),
      ...timeConditions(filter, 'd.message_id', 'message'),
      ...afterKey(page, isAscending ? '>' : '<'),
    ]
    const { sql, values } = conditionClause(conditions)
    const order = isAscending ? 'ASC' : 'DESC'
    return prepared(
      `SELECT d.message_id || '.' || d.endpoint_id AS id, d.application_id, d.message_id, d.endpoint_id, d.status,
         d.attempts, d.due_at, d.lease, m.event_type, m.event_id, m.created_at, m.expunged_at,
         e.uid, e.url, e.deleted_at
       FROM delivery d INDEXED BY ${indexFor(endpointId, eventType)}
       CROSS JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
       CROSS JOIN endpoint e ON e.application_id = d.application_id AND e.id = d.endpoint_id
       ${sql} ORDER BY d.message_id ${order}, d.endpoint_id ${order} LIMIT ?`,
    ).all(...values, page.limit) as Listed[]
  }

  function shown(row: Listed): ExhaustedDelivery {
    const delivery = deliveryOf(row)
    return {
      key: row.id,
      delivery,
      message: {
        eventType: row['event_type'] as string,
        eventId: row['event_id'] as string | null,
        createdAt: row['created_at'] as number,
        expungedAt: row['expunged_at'] as number | null,
      },
      endpoint: {
        uid: row['uid'] as string | null,
        url: row['url'] as string,
        deletedAt: row['deleted_at'] as number | null,
      },
      lastAttempt: lastAttemptOf(delivery),
    }
  }
}

/** The condition that a page begins after its key: any text, of which what has no dot is a message. */
function afterKey({ after }: PageRequest, beyond: '>' | '<'): Condition[] {
  if (after === null) return []
  const [messageId = '', endpointId = ''] = after.split('.')
  const values: SQLInputValue[] = [messageId, endpointId]
  return [[`(d.message_id, d.endpoint_id) ${beyond} (?, ?)`, ...values]]
}

function indexFor(endpointId: string | undefined, eventType: string | undefined): string {
  if (endpointId === undefined) return eventType === undefined ? 'delivery_failed' : 'delivery_failed_type'
  return eventType === undefined ? 'delivery_status' : 'delivery_status_type'
}
