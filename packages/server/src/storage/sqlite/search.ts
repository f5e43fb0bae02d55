/**
 * The search for messages in SQLite. Each search is driven by the index that leaves least to look at, and its other filters
 * are tried on what that finds:
 *
 *     id, event id          their unique indexes
 *     tag, channel          message_label
 *     status                delivery_status of each endpoint, merged; delivery_held for what is being sent
 *     event types           message_event_type of each type, merged
 *     else                  message_id, newest or oldest first
 *
 * `success` has no index, because almost every delivery would be in it: messages are tried in order.
 *
 * @module
 */

import type { DatabaseSync } from 'node:sqlite'

import type { DeliveryStatus } from '../../domain/delivery.ts'
import type { MessageSearch, PageRequest } from '../store.ts'
import { INDEXED_STATUS, statusCondition } from './deliveries.ts'
import { messageConditions, messageOf, timeConditions } from './messages.ts'
import { CHANNEL, TAG } from './few-messages.ts'
import { merged } from './merged.ts'
import { type Condition, type Synchronous, pageClause, statementCache } from './tables.ts'

/** A message that was found. */
interface Found {
  readonly id: string
}

/** Statuses for which a delivery is in `delivery_status`. */
const INDEXED: readonly DeliveryStatus[] = ['pending', 'fail', 'canceled']

/** The method that lists messages by any filters. */
export function searchMethods(database: DatabaseSync): Synchronous<'listMessages'> {
  const prepared = statementCache(database)

  return {
    listMessages: (applicationId, page, filter) =>
      // Ids first: of several lists that are merged, only what is left is read.
      search(applicationId, page, filter).map(({ id }) =>
        messageOf(
          prepared('SELECT * FROM message WHERE application_id = ? AND id = ?').get(applicationId, id)!,
        ),
      ),
  }

  function search(applicationId: string, page: PageRequest, filter: MessageSearch): Found[] {
    const { id, eventId, tag, channel, status, eventTypes } = filter
    if (id !== undefined || eventId !== undefined) return ordinary(applicationId, page, filter)
    if (tag !== undefined) return labelled(TAG, tag, applicationId, page, filter)
    if (channel !== undefined) return labelled(CHANNEL, channel, applicationId, page, filter)
    if (status === 'sending') return held(applicationId, page, filter)
    if (status !== undefined && INDEXED.includes(status)) {
      return merged(page, endpointsOf(applicationId), (endpointId) =>
        standing(endpointId, status, applicationId, page, filter),
      )
    }
    if (eventTypes !== undefined) {
      return merged(page, eventTypes, (type) =>
        ordinary(applicationId, page, { ...filter, eventTypes: [type] }),
      )
    }
    return ordinary(applicationId, page, filter)
  }

  function ordinary(applicationId: string, page: PageRequest, filter: MessageSearch): Found[] {
    const [eventType, ...others] = filter.eventTypes ?? []
    // One type is an equality, which the index by type serves in the order of the list.
    const isOne = eventType !== undefined && others.length === 0
    return read(
      applicationId,
      'message m',
      'm.id',
      page,
      { ...filter, eventTypes: isOne ? undefined : filter.eventTypes },
      [
        ['m.application_id = ?', applicationId],
        ...(isOne ? [['m.event_type = ?', eventType] as Condition] : []),
      ],
    )
  }

  function labelled(
    kind: number,
    name: string,
    applicationId: string,
    page: PageRequest,
    filter: MessageSearch,
  ): Found[] {
    const rest = kind === TAG ? { ...filter, tag: undefined } : { ...filter, channel: undefined }
    const from = `message_label l CROSS JOIN message m ON m.application_id = l.application_id AND m.id = +l.message_id`
    return read(applicationId, from, 'l.message_id', page, rest, [
      ['l.application_id = ? AND l.kind = ? AND l.name = ?', applicationId, kind, name],
    ])
  }

  function standing(
    endpointId: string,
    status: DeliveryStatus,
    applicationId: string,
    page: PageRequest,
    filter: MessageSearch,
  ): Found[] {
    const from = `delivery d INDEXED BY delivery_status
      CROSS JOIN message m ON m.application_id = d.application_id AND m.id = +d.message_id`
    return read(applicationId, from, 'd.message_id', page, { ...filter, status: undefined }, [
      ['d.application_id = ? AND d.endpoint_id = ?', applicationId, endpointId],
      INDEXED_STATUS,
      statusCondition(status),
    ])
  }

  /** What nodes hold is bounded by their memory, so it is gathered and put in order. */
  function held(applicationId: string, page: PageRequest, filter: MessageSearch): Found[] {
    const from = `(SELECT DISTINCT application_id, message_id FROM delivery INDEXED BY delivery_held
        WHERE lease IS NOT NULL AND status = 1) d
      CROSS JOIN message m ON m.application_id = d.application_id AND m.id = +d.message_id`
    return read(applicationId, from, 'd.message_id', page, { ...filter, status: undefined }, [
      ['d.application_id = ?', applicationId],
    ])
  }

  function read(
    applicationId: string,
    from: string,
    key: string,
    page: PageRequest,
    filter: MessageSearch,
    conditions: readonly Condition[],
  ): Found[] {
    // In the joins a plus keeps SQLite from taking the cursor's bound for one on the message, and reading all below it.
    const all = [...conditions, ...timeConditions(filter, key, 'message'), ...messageConditions(filter, 'm')]
    if (filter.id !== undefined) all.push(['m.id = ?', filter.id])
    if (filter.eventId !== undefined) all.push(['m.event_id = ?', filter.eventId])
    if (filter.status !== undefined) {
      const [sql, ...values] = statusCondition(filter.status)
      all.push([
        `EXISTS (SELECT 1 FROM delivery d WHERE d.application_id = ? AND d.message_id = m.id AND ${sql})`,
        applicationId,
        ...values,
      ])
    }
    const { sql, values } = pageClause(key, page, all)
    return prepared(`SELECT ${key} AS id FROM ${from} ${sql}`).all(...values) as unknown[] as Found[]
  }

  /** Also of endpoints that are deleted: their deliveries are still told of. */
  function endpointsOf(applicationId: string): string[] {
    return prepared('SELECT id FROM endpoint WHERE application_id = ?')
      .all(applicationId)
      .map((row) => row['id'] as string)
  }
}
