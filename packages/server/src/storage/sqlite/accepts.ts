/** Accepting messages in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { Turn } from '../../domain/operational-event.ts'
import type { AcceptRequest, AcceptResult, EventRequest } from '../port/accepts.ts'
import { toJson } from '../rows/cells.ts'
import { PENDING } from '../rows/delivery.ts'
import { CHANNEL, TAG } from './few-messages.ts'
import { messageKeys } from './idempotency.ts'
import { type Synchronous, statementCache } from './tables.ts'

/** The method that accepts messages. */
export function acceptMethods(database: DatabaseSync): Synchronous<'acceptMessage'> {
  return { acceptMessage: messageAccepter(database) }
}

/** Returns what accepts a message within the transaction of its caller. */
function messageAccepter(database: DatabaseSync): (request: AcceptRequest) => AcceptResult {
  const prepared = statementCache(database)
  const keys = messageKeys(database)
  const nextPlace = linePlaces(database)
  const insertMessage = database.prepare(
    `INSERT INTO message (application_id, id, event_type, event_id, channels, tags, payload, content_type, deliver_at,
       created_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const insertLabel = database.prepare('INSERT OR IGNORE INTO message_label VALUES (?, ?, ?, ?)')
  const insertDelivery = database.prepare(
    `INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, due_at, lease, ordinal,
       event_type)
     VALUES (?, ?, ?, ${PENDING}, 0, ?, ?, ?, ?)`,
  )

  return ({ message, deliveries, dueAt, idempotency }) => {
    const now = message.createdAt
    const earlier = idempotency === undefined ? null : keys.find(idempotency, now)
    if (earlier !== null) return earlier
    const { changes } = insertMessage.run(
      message.applicationId,
      message.id,
      message.eventType,
      message.eventId,
      toJson(message.channels),
      toJson(message.tags),
      message.payload,
      message.contentType,
      message.deliverAt,
      message.createdAt,
      message.expiresAt,
    )
    if (changes === 0) {
      const first = prepared('SELECT id FROM message WHERE application_id = ? AND event_id = ?').get(
        message.applicationId,
        message.eventId,
      )
      return { kind: 'duplicate', messageId: first!['id'] as string }
    }
    for (const tag of message.tags ?? []) insertLabel.run(message.applicationId, TAG, tag, message.id)
    for (const channel of message.channels ?? []) {
      insertLabel.run(message.applicationId, CHANNEL, channel, message.id)
    }
    if (idempotency !== undefined) keys.keep(idempotency, message.id, now)
    for (const { endpointId, lease, isOrdered = false } of deliveries) {
      insertDelivery.run(
        message.applicationId,
        message.id,
        endpointId,
        lease === null ? dueAt : message.createdAt,
        lease,
        isOrdered || becameOrdered(message.applicationId, endpointId)
          ? nextPlace(message.applicationId, endpointId)
          : null,
        message.eventType,
      )
    }
    return { kind: 'accepted' }
  }

  /**
   * Tells whether an endpoint became ordered after the sender had read what it was. What has no place in a line is never
   * claimed from it. For most endpoints this is one look for a row that is not there.
   */
  function becameOrdered(applicationId: string, endpointId: string): boolean {
    return (
      prepared(
        `SELECT 1 FROM endpoint_line l JOIN endpoint e ON e.application_id = l.application_id AND e.id = l.endpoint_id
         WHERE l.application_id = ? AND l.endpoint_id = ? AND e.settings ->> 'ordering' = 'fifo'`,
      ).get(applicationId, endpointId) !== undefined
    )
  }
}

/**
 * Returns what accepts operational events within the transaction of the change that they tell of.
 *
 * It takes what the change makes of the endpoint: `null` where it neither enables nor disables it.
 */
export function eventAccepter(
  database: DatabaseSync,
): (events: readonly EventRequest[] | undefined, turn: Turn | null) => void {
  const accept = messageAccepter(database)
  return (events = [], turn) => {
    for (const event of events) if (event.onlyIf === undefined || event.onlyIf === turn) accept(event)
  }
}

/**
 * Returns what gives out the places in the lines of ordered endpoints. They are taken in the transaction that needs them,
 * and there is one at a time, so the order of places is that of commits.
 */
export function linePlaces(database: DatabaseSync): (applicationId: string, endpointId: string) => number {
  const prepared = statementCache(database)
  return (applicationId, endpointId) =>
    prepared(
      `INSERT INTO endpoint_line VALUES (?, ?, 1)
       ON CONFLICT (application_id, endpoint_id) DO UPDATE SET last = last + 1 RETURNING last`,
    ).get(applicationId, endpointId)!['last'] as number
}
