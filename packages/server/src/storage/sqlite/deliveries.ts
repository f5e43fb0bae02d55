/** The queue in SQLite: accepting, claiming and recording, and the deliveries as the API asks for them. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { Delivery, DeliveryStatus } from '../../domain/delivery.ts'
import type { SecretBox } from '../secret-box.ts'
import type { WaitingEndpoint } from '../store.ts'
import { endpointOf } from './endpoints.ts'
import { messageKeys } from './idempotency.ts'
import { CHANNEL, TAG, fewMessages } from './few-messages.ts'
import { messageConditions, messageOf, timeConditions } from './messages.ts'
import { type Condition, type Row, type Synchronous, pageClause, statementCache, toJson } from './tables.ts'

/** Stored statuses; the numbers are those of the API. */
export const SUCCESS = 0
export const PENDING = 1
export const FAIL = 2
export const CANCELED = 4

/**
 * Cancels what has nothing left to send. A delivery that waits to be sent once more by hand goes back to what it was, if
 * that was settled.
 */
export const CANCEL_EXPUNGED = `status = iif(coalesce(resumes_as, ${PENDING}) = ${PENDING}, ${CANCELED}, resumes_as),
  due_at = NULL, resumes_as = NULL, resumes_at = NULL`

type QueueMethods =
  | 'acceptMessage'
  | 'joinAsNode'
  | 'findWaitingEndpoints'
  | 'claimDeliveries'
  | 'releaseDeliveries'
  | 'cancelDeliveries'
  | 'recordAttempt'

/** The methods of the queue. Each runs within a transaction that its caller opened. */
export function queueMethods(database: DatabaseSync): Synchronous<QueueMethods> {
  const prepared = statementCache(database)
  const keys = messageKeys(database)

  const insertMessage = database.prepare(
    `INSERT INTO message (application_id, id, event_type, event_id, channels, tags, payload, content_type, deliver_at,
       created_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const insertLabel = database.prepare('INSERT OR IGNORE INTO message_label VALUES (?, ?, ?, ?)')
  const insertDelivery = database.prepare(
    `INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, due_at, lease)
     VALUES (?, ?, ?, ${PENDING}, 0, ?, ?)`,
  )
  const settleDelivery = database.prepare(
    `UPDATE delivery SET status = ?, attempts = ?, due_at = ?, lease = NULL
     WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND lease = ?`,
  )
  const settleManual = database.prepare(
    `UPDATE delivery SET status = coalesce(?1, resumes_as), due_at = iif(?1 IS NULL, resumes_at, NULL),
       resumes_as = NULL, resumes_at = NULL, lease = NULL
     WHERE application_id = ?2 AND message_id = ?3 AND endpoint_id = ?4 AND lease = ?5`,
  )
  const insertAttempt = database.prepare('INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')

  return {
    acceptMessage({ message, deliveries, dueAt, idempotency }) {
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
      for (const { endpointId, lease } of deliveries) {
        insertDelivery.run(
          message.applicationId,
          message.id,
          endpointId,
          lease === null ? dueAt : message.createdAt,
          lease,
        )
      }
      return { kind: 'accepted' }
    },

    joinAsNode(now) {
      // The claim on the data folder proves that no other node lives, so every lease is a dead one's.
      prepared(`UPDATE delivery SET lease = NULL WHERE lease IS NOT NULL`).run()
      prepared('DELETE FROM node').run()
      return Number(prepared('INSERT INTO node (joined_at) VALUES (?)').run(now).lastInsertRowid)
    },

    findWaitingEndpoints(after, limit) {
      // A loose index scan: one seek finds the first delivery due of the next endpoint, and skips all its others.
      const next = prepared(
        `SELECT application_id, endpoint_id, due_at FROM delivery INDEXED BY delivery_due
         WHERE status = ${PENDING} AND lease IS NULL AND (application_id, endpoint_id) > (?, ?)
         ORDER BY application_id, endpoint_id, due_at LIMIT 1`,
      )
      const state = prepared('SELECT disabled, deleted_at FROM endpoint WHERE application_id = ? AND id = ?')
      const found: WaitingEndpoint[] = []
      let applicationId = after?.applicationId ?? ''
      let endpointId = after?.endpointId ?? ''
      while (found.length < limit) {
        const row = next.get(applicationId, endpointId) as Row | undefined
        if (row === undefined) break
        applicationId = row['application_id'] as string
        endpointId = row['endpoint_id'] as string
        const endpoint = state.get(applicationId, endpointId) as Row | undefined
        found.push({
          applicationId,
          endpointId,
          dueAt: row['due_at'] as number,
          state:
            endpoint === undefined || endpoint['deleted_at'] !== null
              ? 'deleted'
              : endpoint['disabled'] === 1
                ? 'disabled'
                : 'open',
        })
      }
      return found
    },

    claimDeliveries({ lease, applicationId, endpointId, limit, maxBytes, now }) {
      const due = prepared(
        `SELECT d.attempts, d.resumes_as, m.* FROM delivery d INDEXED BY delivery_due
         JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
         WHERE d.status = ${PENDING} AND d.lease IS NULL
           AND d.application_id = ? AND d.endpoint_id = ? AND d.due_at <= ?
         ORDER BY d.due_at LIMIT ?`,
      )
      const hold = prepared(
        'UPDATE delivery SET lease = ? WHERE application_id = ? AND message_id = ? AND endpoint_id = ?',
      )
      const cancel = prepared(
        `UPDATE delivery SET ${CANCEL_EXPUNGED}
         WHERE application_id = ? AND message_id = ? AND endpoint_id = ?`,
      )
      let bytes = 0
      const claimed = []
      const expunged = []
      // Read one at a time, so that payloads beyond the bound are never loaded.
      for (const row of due.iterate(applicationId, endpointId, now, limit)) {
        const message = messageOf(row)
        if (message.expungedAt !== null) {
          expunged.push(message.id)
          continue
        }
        bytes += message.payload.byteLength
        if (claimed.length > 0 && bytes > maxBytes) break
        const attempts = row['attempts'] as number
        const isManual = row['resumes_as'] !== null
        claimed.push({ message, endpointId, attempts, ...(isManual ? { isManual } : {}) })
      }
      // They were held when their payload was expunged, and nothing is left to send.
      for (const messageId of expunged) cancel.run(applicationId, messageId, endpointId)
      for (const { message } of claimed) hold.run(lease, applicationId, message.id, endpointId)
      return claimed
    },

    releaseDeliveries(lease, deliveries, now) {
      const release = prepared(
        `UPDATE delivery SET lease = NULL, due_at = ?
         WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND lease = ?`,
      )
      for (const key of deliveries) release.run(now, key.applicationId, key.messageId, key.endpointId, lease)
    },

    cancelDeliveries: (applicationId, endpointId, limit) =>
      Number(
        prepared(
          `UPDATE delivery SET status = ${CANCELED}, due_at = NULL
           WHERE (application_id, message_id, endpoint_id) IN (
             SELECT application_id, message_id, endpoint_id FROM delivery INDEXED BY delivery_due
             WHERE status = ${PENDING} AND lease IS NULL AND application_id = ? AND endpoint_id = ? LIMIT ?)`,
        ).run(applicationId, endpointId, limit).changes,
      ),

    recordAttempt({ attempt, lease, attempts, verdict }) {
      const status = verdict.kind === 'success' ? SUCCESS : verdict.kind === 'retry' ? PENDING : FAIL
      const key = [attempt.applicationId, attempt.messageId, attempt.endpointId] as const
      const { changes } =
        attempt.trigger === 'manual'
          ? settleManual.run(verdict.kind === 'resume' ? null : status, ...key, lease)
          : settleDelivery.run(status, attempts, verdict.kind === 'retry' ? verdict.at : null, ...key, lease)
      if (changes === 0) return false
      insertAttempt.run(
        attempt.applicationId,
        attempt.messageId,
        attempt.id,
        attempt.endpointId,
        attempt.url,
        Number(attempt.isSuccess),
        attempt.responseStatusCode,
        attempt.response,
        attempt.responseDurationMs,
        attempt.failure,
        attempt.trigger,
        attempt.createdAt,
      )
      if ('disableEndpoint' in verdict && verdict.disableEndpoint) {
        prepared('UPDATE endpoint SET disabled = 1, updated_at = ? WHERE application_id = ? AND id = ?').run(
          attempt.createdAt,
          attempt.applicationId,
          attempt.endpointId,
        )
      }
      return true
    },
  }
}

type DeliveryMethods = 'listDeliveriesOfMessage' | 'listDeliveriesOfEndpoint'

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

    listDeliveriesOfEndpoint(applicationId, endpointId, page, filter) {
      const { index, conditions } = byStatus(filter.status)
      const few = fewMessages(prepared, applicationId, filter)
      const { sql, values } = pageClause('d.message_id', page, [
        ['d.application_id = ? AND d.endpoint_id = ?', applicationId, endpointId],
        ...conditions,
        ...(few === null ? [] : [[`d.message_id IN (${few[0]})`, ...few.slice(1)] as unknown as Condition]),
        ...timeConditions(filter, 'd.message_id', 'message'),
        ...messageConditions(filter, 'm'),
      ])
      // Named, because the planner prefers the primary key, and would read the deliveries of all endpoints.
      return prepared(
        `SELECT d.message_id, d.endpoint_id, d.status, d.attempts, d.due_at, d.lease, m.*
         FROM delivery d INDEXED BY ${index}
         CROSS JOIN message m ON m.application_id = d.application_id AND m.id = +d.message_id ${sql}`,
      )
        .all(...values)
        .map((row) => ({ delivery: deliveryOf(row as Row), message: messageOf(row as Row) }))
    },
  }
}

/** Returns the index that finds an endpoint's deliveries of a status, and the conditions without which it may not be used. */
function byStatus(status: DeliveryStatus | undefined): { index: string; conditions: readonly Condition[] } {
  switch (status) {
    case undefined:
      return { index: 'delivery_endpoint', conditions: [] }
    case 'success':
      return { index: 'delivery_endpoint', conditions: [statusCondition(status)] }
    case 'sending':
      // What nodes hold is bounded by their memory, so it is gathered and put in order.
      return { index: 'delivery_held', conditions: [statusCondition(status)] }
    case 'pending':
    case 'fail':
    case 'canceled':
      return { index: 'delivery_status', conditions: [INDEXED_STATUS, statusCondition(status)] }
  }
}

/** The condition of the partial index `delivery_status`: SQLite uses it only for a query that says the same. */
export const INDEXED_STATUS: Condition = ['d.status <> 0 AND d.lease IS NULL']

/** The condition on a delivery's status, which the query knows as `d`. */
export function statusCondition(status: DeliveryStatus): Condition {
  switch (status) {
    case 'pending':
      return [`d.status = ${PENDING} AND d.lease IS NULL`]
    case 'sending':
      return [`d.status = ${PENDING} AND d.lease IS NOT NULL`]
    case 'success':
      return ['d.status = ?', SUCCESS]
    case 'fail':
      return ['d.status = ?', FAIL]
    case 'canceled':
      return ['d.status = ?', CANCELED]
  }
}

/** Reads a row of `delivery`. */
export function deliveryOf(row: Row): Delivery {
  const isHeld = row['lease'] !== null
  const status: DeliveryStatus =
    row['status'] === SUCCESS
      ? 'success'
      : row['status'] === FAIL
        ? 'fail'
        : row['status'] === CANCELED
          ? 'canceled'
          : isHeld
            ? 'sending'
            : 'pending'
  return {
    applicationId: row['application_id'] as string,
    messageId: row['message_id'] as string,
    endpointId: row['endpoint_id'] as string,
    status,
    attempts: row['attempts'] as number,
    nextAttemptAt: row['due_at'] as number | null,
  }
}
