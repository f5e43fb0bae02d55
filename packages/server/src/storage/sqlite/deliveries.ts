/** Deliveries in SQLite, as the API asks for them. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { DeliveryFilter } from '../port/deliveries.ts'
import type { PageRequest } from '../port/page.ts'
import { deliveryOf } from '../rows/delivery.ts'
import { endpointOf } from '../rows/endpoint.ts'
import { messageOf } from '../rows/message.ts'
import type { SecretBox } from '../secret-box.ts'
import { fewMessages } from './few-messages.ts'
import { merged } from './merged.ts'
import { messageConditions, timeConditions } from './messages.ts'
import {
  STATUSES,
  STATUS_CONDITIONS,
  eventTypeConditions,
  isIndexedByType,
  standingStatement,
} from './standings.ts'
import { type Condition, type Row, type Synchronous, pageClause, statementCache } from './tables.ts'

type DeliveryMethods = 'listDeliveriesOfMessage' | 'listDeliveriesOfEndpoint'

/** A delivery and its message, whose `id` this is. */
type Listed = Row & { readonly id: string }

/** The methods that show deliveries. */
export function deliveryMethods(database: DatabaseSync, box: SecretBox): Synchronous<DeliveryMethods> {
  const prepared = statementCache(database)
  return {
    listDeliveriesOfMessage(applicationId, messageId, page) {
      const { sql, values } = pageClause('d.endpoint_id', page, [
        ['d.application_id = ? AND d.message_id = ? AND e.deleted_at IS NULL', applicationId, messageId],
      ])
      return prepared(
        `SELECT d.message_id, d.endpoint_id, d.status, d.attempts, d.due_at, d.lease, e.*
         FROM delivery d JOIN endpoint e ON e.application_id = d.application_id AND e.id = d.endpoint_id ${sql}`,
      )
        .all(...values)
        .map((row) => ({ delivery: deliveryOf(row as Row), endpoint: endpointOf(row as Row, box) }))
    },

    listDeliveriesOfEndpoint: (applicationId, endpointId, page, filter) =>
      rowsOfEndpoint(applicationId, endpointId, page, filter).map((row) => ({
        delivery: deliveryOf(row),
        message: messageOf(row),
      })),
  }

  function rowsOfEndpoint(
    applicationId: string,
    endpointId: string,
    page: PageRequest,
    filter: DeliveryFilter,
  ): Listed[] {
    const { status, eventTypes, ...rest } = filter
    if (isIndexedByType(status) && eventTypes !== undefined && eventTypes.length > 1) {
      // A message has one type, so what moves meanwhile is in one of these lists.
      return merged(page, [...new Set(eventTypes)], (eventType) =>
        rowsOfEndpoint(applicationId, endpointId, page, { ...filter, eventTypes: [eventType] }),
      )
    }
    const join = 'CROSS JOIN message m ON m.application_id = d.application_id AND m.id = +d.message_id'
    const columns = 'd.endpoint_id, d.status, d.attempts, d.due_at, d.lease, m.*'
    const conditions = [...timeConditions(filter, 'd.message_id', 'message'), ...messageConditions(rest, 'm')]
    // What an index finds by type is in order there, however few.
    const few = fewMessages(prepared, applicationId, isIndexedByType(status) ? rest : filter)
    const { sql, values } =
      few === null
        ? standingStatement(columns, join, page, {
            applicationId,
            endpointId,
            statuses: status === undefined ? STATUSES : [status],
            eventTypes,
            conditions,
          })
        : amongFew(few)
    return prepared(sql).all(...values) as Listed[]

    function amongFew([ids, ...idValues]: Condition): ReturnType<typeof pageClause> {
      const end = pageClause('d.message_id', page, [
        ['d.application_id = ? AND d.endpoint_id = ?', applicationId, endpointId],
        [`d.message_id IN (${ids})`, ...idValues],
        ...(status === undefined ? [] : [[STATUS_CONDITIONS[status]] as Condition]),
        ...eventTypeConditions(eventTypes),
        ...conditions,
      ])
      // By the key of the table, message and then endpoint: the other indexes would be read for all their messages.
      const from = `delivery d NOT INDEXED ${join}`
      return { sql: `SELECT d.message_id, ${columns} FROM ${from} ${end.sql}`, values: end.values }
    }
  }
}
