/**
 * The search for messages in SQLite. Each search is driven by the index that leaves least to look at, and its other filters
 * are tried on what that finds:
 *
 *     id, event id          their unique indexes
 *     tag, channel          message_label
 *     status                the index of what stands so at each endpoint, merged; with event types, the one by type
 *     event types           message_event_type of each type, merged
 *     else                  message_id, newest or oldest first
 *
 * Success comes after the event types: it lets almost all messages through, so that these leave less.
 *
 * @module
 */

import type { DeliveryStatus } from '../../domain/delivery.ts'
import type { MessageSearch } from '../port/messages.ts'
import type { PageRequest } from '../port/page.ts'
import { messageOf } from '../rows/message.ts'
import { CHANNEL, TAG } from './few-messages.ts'
import { merged } from './merged.ts'
import { messageConditions, timeConditions } from './messages.ts'
import { STATUS_CONDITIONS, isIndexedByType, standingStatement } from './standings.ts'
import { type Condition, type Synchronous, pageClause, statementCache } from './tables.ts'
import type { DatabaseSync } from 'node:sqlite'

/** A message that was found. */
interface Found {
  readonly id: string
}

/** Messages that are looked at one by one for a success before the endpoints are asked for theirs. */
const NEXT = 1_000

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
    if (status !== undefined && status !== 'success') {
      return standing(status, applicationId, page, filter)
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
    conditions: readonly Condition[] = [],
  ): Found[] {
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
        ...conditions,
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

  /**
   * Most messages succeeded somewhere, so that a look at the next ones fills the page in most applications. In others it
   * does not, and the successes of each endpoint are merged.
   */
  function succeeded(applicationId: string, page: PageRequest, filter: MessageSearch): Found[] {
    const { sql, values } = pageClause('m.id', { ...page, limit: 1 }, [
      ['m.application_id = ?', applicationId],
      ...timeConditions(filter, 'm.id', 'message'),
    ])
    const end = prepared(`SELECT m.id FROM message m ${sql} OFFSET ${NEXT}`).get(...values)?.['id']
    const isAscending = page.order === 'ascending'
    const near: Condition[] = end === undefined ? [] : [[`m.id ${isAscending ? '<' : '>'} ?`, end]]
    const found = ordinary(applicationId, page, filter, near)
    if (end === undefined || found.length === page.limit) return found
    return standing('success', applicationId, page, filter)
  }

  /** Messages with a delivery in a status, at any of the endpoints, deleted ones too: their deliveries are still told of. */
  function standing(
    status: DeliveryStatus,
    applicationId: string,
    page: PageRequest,
    filter: Pick<MessageSearch, 'eventTypes' | 'before' | 'after'>,
  ): Found[] {
    const { eventTypes } = filter
    const endpoints = prepared('SELECT id FROM endpoint WHERE application_id = ?').all(applicationId)
    // A list by each type is in order; one of several types would look at all others between.
    const types =
      isIndexedByType(status) && eventTypes !== undefined ? eventTypes.map((type) => [type]) : [eventTypes]
    const parts = endpoints.flatMap((row) =>
      types.map((ofTypes) => ({ endpointId: row['id'] as string, eventTypes: ofTypes })),
    )
    return merged(page, parts, (part) => {
      const { sql, values } = standingStatement('d.message_id AS id', '', page, {
        applicationId,
        ...part,
        statuses: [status],
        conditions: timeConditions(filter, 'd.message_id', 'message'),
      })
      return prepared(sql).all(...values) as unknown[] as Found[]
    })
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
      const isSo = STATUS_CONDITIONS[filter.status]
      all.push([
        `EXISTS (SELECT 1 FROM delivery d WHERE d.application_id = ? AND d.message_id = m.id AND ${isSo})`,
        applicationId,
      ])
    }
    const { sql, values } = pageClause(key, page, all)
    return prepared(`SELECT ${key} AS id FROM ${from} ${sql}`).all(...values) as unknown[] as Found[]
  }
}
