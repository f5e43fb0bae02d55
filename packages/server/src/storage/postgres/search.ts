/**
 * The search for messages in PostgreSQL. Each search is driven by the index that leaves least to look at, and its other
 * filters are tried on what that finds:
 *
 *     id                    its key
 *     event id              message_event
 *     tag, channel          message_label
 *     status                the index of what stands so at each endpoint, merged; with event types, the one by type
 *     event types           message_event_type of each type, merged
 *     else                  the key, newest or oldest first
 *
 * Success comes after the event types: it lets almost all messages through, so that these leave less.
 *
 * @module
 */

import type { DeliveryStatus } from '../../domain/delivery.ts'
import type { MessageSearch } from '../port/messages.ts'
import type { PageRequest } from '../port/page.ts'
import { messageOf } from '../rows/message.ts'
import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import { CHANNEL, TAG } from './few-messages.ts'
import { merged } from './merged.ts'
import { messageConditions, timeConditions } from './messages.ts'
import { type Sql, arrayText, raw, sql } from './sql.ts'
import { STATUS_CONDITIONS, isIndexedByType, standingStatement } from './standings.ts'
import { pageClause } from './tables.ts'

/** A message that was found. */
interface Found {
  readonly id: string
}

/** Messages that are looked at one by one for a success before the endpoints are asked for theirs. */
const NEXT = 1_000

/** The method that lists messages by any filters. */
export function searchMethods(database: Database): Pick<Store, 'listMessages'> {
  return {
    async listMessages(applicationId, page, filter) {
      // Ids first: of several lists that are merged, only what is left is read.
      const ids = (await search(applicationId, page, filter)).map(({ id }) => id)
      if (ids.length === 0) return []
      const order = page.order === 'ascending' ? 'ASC' : 'DESC'
      const rows = await database.rows(
        sql`SELECT * FROM message WHERE application_id = ${applicationId} AND id = ANY (${arrayText(ids)}::text[])
            ORDER BY id ${raw(order)}`,
      )
      return rows.map(messageOf)
    },
  }

  async function search(applicationId: string, page: PageRequest, filter: MessageSearch): Promise<Found[]> {
    const { id, eventId, tag, channel, status, eventTypes } = filter
    if (id !== undefined) return ordinary(applicationId, page, filter)
    if (eventId !== undefined) return ofEvent(eventId, applicationId, page, filter)
    if (tag !== undefined) return labelled(TAG, tag, applicationId, page, filter)
    if (channel !== undefined) return labelled(CHANNEL, channel, applicationId, page, filter)
    if (status !== undefined && status !== 'success') {
      return standing(status, eventTypes, applicationId, page, filter)
    }
    if (eventTypes !== undefined) {
      return merged(page, eventTypes, (type) =>
        ordinary(applicationId, page, { ...filter, eventTypes: [type] }),
      )
    }
    if (status === 'success') return succeeded(applicationId, page, filter)
    return ordinary(applicationId, page, filter)
  }

  function ordinary(
    applicationId: string,
    page: PageRequest,
    filter: MessageSearch,
    conditions: readonly Sql[] = [],
  ): Promise<Found[]> {
    const [eventType, ...others] = filter.eventTypes ?? []
    // One type is an equality, which the index by type serves in the order of the list.
    const isOne = eventType !== undefined && others.length === 0
    const rest = { ...filter, eventTypes: isOne ? undefined : filter.eventTypes }
    return read(applicationId, raw('message m'), 'm.id', page, rest, [
      sql`m.application_id = ${applicationId}`,
      ...conditions,
      ...(isOne ? [sql`m.event_type = ${eventType}`] : []),
    ])
  }

  function ofEvent(
    eventId: string,
    applicationId: string,
    page: PageRequest,
    filter: MessageSearch,
  ): Promise<Found[]> {
    const from = raw(
      'message_event e JOIN message m ON m.application_id = e.application_id AND m.id = e.message_id',
    )
    return read(applicationId, from, 'm.id', page, filter, [
      sql`e.application_id = ${applicationId} AND e.event_id = ${eventId}`,
    ])
  }

  function labelled(
    kind: number,
    name: string,
    applicationId: string,
    page: PageRequest,
    filter: MessageSearch,
  ): Promise<Found[]> {
    const rest = kind === TAG ? { ...filter, tag: undefined } : { ...filter, channel: undefined }
    const from = raw(
      'message_label l JOIN message m ON m.application_id = l.application_id AND m.id = l.message_id',
    )
    return read(applicationId, from, 'l.message_id', page, rest, [
      sql`l.application_id = ${applicationId} AND l.kind = ${kind} AND l.name = ${name}`,
    ])
  }

  /**
   * Most messages succeeded somewhere, so that a look at the next ones fills the page in most applications. In others it
   * does not, and the successes of each endpoint are merged.
   */
  async function succeeded(
    applicationId: string,
    page: PageRequest,
    filter: MessageSearch,
  ): Promise<Found[]> {
    const next = pageClause('m.id', { ...page, limit: 1 }, [
      sql`m.application_id = ${applicationId}`,
      ...timeConditions(filter, 'm.id', 'message'),
    ])
    const end = (await database.row(sql`SELECT m.id FROM message m ${next} OFFSET ${NEXT}`))?.['id']
    const near = end === undefined ? [] : [sql`m.id ${raw(page.order === 'ascending' ? '<' : '>')} ${end}`]
    const found = await ordinary(applicationId, page, filter, near)
    if (end === undefined || found.length === page.limit) return found
    return standing('success', undefined, applicationId, page, filter)
  }

  /** Messages with a delivery in a status, at any of the endpoints. */
  async function standing(
    status: DeliveryStatus,
    eventTypes: readonly string[] | undefined,
    applicationId: string,
    page: PageRequest,
    filter: MessageSearch,
  ): Promise<Found[]> {
    const endpoints = await database.rows(
      sql`SELECT id FROM endpoint WHERE application_id = ${applicationId}`,
    )
    // A list by each type is in order; one of several types would look at all others between.
    const types =
      isIndexedByType(status) && eventTypes !== undefined ? eventTypes.map((type) => [type]) : [eventTypes]
    // Also of endpoints that are deleted: their deliveries are still told of.
    const parts = endpoints.flatMap((row) =>
      types.map((ofTypes) => ({ endpointId: row['id'] as string, eventTypes: ofTypes })),
    )
    return merged(page, parts, async (part) => {
      const statement = standingStatement('d.message_id AS id', '', page, {
        applicationId,
        ...part,
        statuses: [status],
        conditions: timeConditions(filter, 'd.message_id', 'message'),
      })
      return (await database.rows(statement)) as unknown as Found[]
    })
  }

  async function read(
    applicationId: string,
    from: Sql,
    key: string,
    page: PageRequest,
    filter: MessageSearch,
    conditions: readonly Sql[],
  ): Promise<Found[]> {
    const all = [...conditions, ...timeConditions(filter, key, 'message'), ...messageConditions(filter, 'm')]
    if (filter.id !== undefined) all.push(sql`m.id = ${filter.id}`)
    if (filter.eventId !== undefined) all.push(sql`m.event_id = ${filter.eventId}`)
    if (filter.status !== undefined) {
      const isSo = STATUS_CONDITIONS[filter.status]
      all.push(
        sql`EXISTS (SELECT 1 FROM delivery d
              WHERE d.application_id = ${applicationId} AND d.message_id = m.id AND ${isSo})`,
      )
    }
    const rows = await database.rows(sql`SELECT ${raw(key)} AS id FROM ${from} ${pageClause(key, page, all)}`)
    return rows as unknown as Found[]
  }
}
