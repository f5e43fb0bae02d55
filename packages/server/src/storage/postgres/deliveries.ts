/** Deliveries in PostgreSQL, as the API asks for them. @module */

import type { DeliveryFilter } from '../port/deliveries.ts'
import type { PageRequest } from '../port/page.ts'
import { deliveryOf } from '../rows/delivery.ts'
import { endpointOf } from '../rows/endpoint.ts'
import { messageOf } from '../rows/message.ts'
import type { Store } from '../store.ts'
import type { Database, Row } from './database.ts'
import type { KeyRing } from './encryption-keys.ts'
import { fewMessages } from './few-messages.ts'
import { merged } from './merged.ts'
import { messageConditions, timeConditions } from './messages.ts'
import { arrayText, raw, sql } from './sql.ts'
import {
  STATUSES,
  STATUS_CONDITIONS,
  eventTypeConditions,
  isIndexedByType,
  standingStatement,
} from './standings.ts'
import { pageClause } from './tables.ts'

type DeliveryMethods = 'listDeliveriesOfMessage' | 'listDeliveriesOfEndpoint'

/** A delivery and its message, whose `id` this is. */
type Listed = Row & { readonly id: string }

const DELIVERY = 'd.endpoint_id, d.status, d.attempts, d.due_at, d.lease'

/** The methods that show deliveries. */
export function deliveryMethods(database: Database, keys: KeyRing): Pick<Store, DeliveryMethods> {
  return {
    async listDeliveriesOfMessage(applicationId, messageId, page) {
      const end = pageClause('d.endpoint_id', page, [
        sql`d.application_id = ${applicationId} AND d.message_id = ${messageId} AND e.deleted_at IS NULL`,
      ])
      const rows = await database.rows(
        sql`SELECT d.message_id, ${raw(DELIVERY)}, e.*
            FROM delivery d JOIN endpoint e ON e.application_id = d.application_id AND e.id = d.endpoint_id ${end}`,
      )
      return rows.map((row) => ({ delivery: deliveryOf(row), endpoint: endpointOf(row, keys) }))
    },

    async listDeliveriesOfEndpoint(applicationId, endpointId, page, filter) {
      const rows = await rowsOfEndpoint(applicationId, endpointId, page, filter)
      return rows.map((row) => ({ delivery: deliveryOf(row), message: messageOf(row) }))
    },
  }

  async function rowsOfEndpoint(
    applicationId: string,
    endpointId: string,
    page: PageRequest,
    filter: DeliveryFilter,
  ): Promise<Listed[]> {
    const { status, eventTypes, ...rest } = filter
    if (isIndexedByType(status) && eventTypes !== undefined && eventTypes.length > 1) {
      // A message has one type, so what moves meanwhile is in one of these lists.
      return merged(page, [...new Set(eventTypes)], (eventType) =>
        rowsOfEndpoint(applicationId, endpointId, page, { ...filter, eventTypes: [eventType] }),
      )
    }
    const join = 'JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id'
    const columns = `${DELIVERY}, m.*`
    const conditions = [...timeConditions(filter, 'd.message_id', 'message'), ...messageConditions(rest, 'm')]
    // What an index finds by type is in order there, however few.
    const few = await fewMessages(database, applicationId, isIndexedByType(status) ? rest : filter)
    if (few === null) {
      const statuses = status === undefined ? STATUSES : [status]
      const of = { applicationId, endpointId, statuses, eventTypes, conditions }
      return (await database.rows(standingStatement(columns, join, page, of))) as Listed[]
    }
    const end = pageClause('d.message_id', page, [
      sql`d.application_id = ${applicationId} AND d.endpoint_id = ${endpointId}`,
      sql`d.message_id = ANY (${arrayText(few)}::text[])`,
      ...(status === undefined ? [] : [STATUS_CONDITIONS[status]]),
      ...eventTypeConditions(eventTypes),
      ...conditions,
    ])
    const rows = await database.rows(
      sql`SELECT d.message_id, ${raw(columns)} FROM delivery d ${raw(join)} ${end}`,
    )
    return rows as Listed[]
  }
}
