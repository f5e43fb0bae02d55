/** The exhausted deliveries of an application in PostgreSQL. @module */

import type { Attempt } from '../../domain/attempt.ts'
import type { ExhaustedDelivery, ExhaustedFilter } from '../port/deliveries.ts'
import type { PageRequest } from '../port/page.ts'
import { FAIL, deliveryOf } from '../rows/delivery.ts'
import type { Store } from '../store.ts'
import type { Database, Row } from './database.ts'
import { lastAttemptsOf } from './last-attempt.ts'
import { merged } from './merged.ts'
import { timeConditions } from './messages.ts'
import { type Sql, raw, sql } from './sql.ts'
import { STATUS_CONDITIONS } from './standings.ts'
import { all } from './tables.ts'

/** A row of the list, with its key as the `id` that lists are merged by. */
type Listed = Row & { readonly id: string }

/** The method that lists what is exhausted. */
export function exhaustedMethods(database: Database): Pick<Store, 'listExhausted'> {
  return {
    async listExhausted(applicationId, page, filter) {
      const types = filter.eventTypes === undefined ? [undefined] : [...new Set(filter.eventTypes)]
      // Each list by an index of its own; a message has one type, so it is in one of them.
      const rows = await merged(page, types, (eventType) => rowsOf(applicationId, page, filter, eventType))
      const attempts = await lastAttemptsOf(database, rows.map(deliveryOf))
      return rows.map((row, i) => shown(row, attempts[i]!))
    },
  }

  async function rowsOf(
    applicationId: string,
    page: PageRequest,
    filter: ExhaustedFilter,
    eventType: string | undefined,
  ): Promise<Listed[]> {
    const { endpointId } = filter
    const isAscending = page.order === 'ascending'
    const where = all([
      sql`d.application_id = ${applicationId}`,
      endpointId === undefined
        ? raw(`d.status = ${FAIL}`)
        : sql`d.endpoint_id = ${endpointId} AND ${STATUS_CONDITIONS.fail}`,
      ...(eventType === undefined ? [] : [sql`d.event_type = ${eventType}`]),
      ...timeConditions(filter, 'd.message_id', 'message'),
      ...afterKey(page, isAscending ? '>' : '<'),
    ])
    const order = raw(isAscending ? 'ASC' : 'DESC')
    const rows = await database.rows(
      sql`SELECT d.message_id || '.' || d.endpoint_id AS id, d.application_id, d.message_id, d.endpoint_id, d.status,
            d.attempts, d.due_at, d.lease, m.event_type, m.event_id, m.created_at, m.expunged_at, e.uid, e.url,
            e.deleted_at
          FROM delivery d
            JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
            JOIN endpoint e ON e.application_id = d.application_id AND e.id = d.endpoint_id
          WHERE ${where} ORDER BY d.message_id ${order}, d.endpoint_id ${order} LIMIT ${page.limit}`,
    )
    return rows as Listed[]
  }
}

function shown(row: Listed, lastAttempt: Attempt | null): ExhaustedDelivery {
  return {
    key: row.id,
    delivery: deliveryOf(row),
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
    lastAttempt,
  }
}

/** The condition that a page begins after its key: any text, of which what has no dot is a message. */
function afterKey({ after }: PageRequest, beyond: '>' | '<'): Sql[] {
  if (after === null) return []
  const [messageId = '', endpointId = ''] = after.split('.')
  return [sql`(d.message_id, d.endpoint_id) ${raw(beyond)} (${messageId}, ${endpointId})`]
}
