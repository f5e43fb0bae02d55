/** The queue in SQLite: what waits, claiming it and giving it back. @module */

import type { DatabaseSync } from 'node:sqlite'

import { PRIORITIES, type Priority } from '../../domain/delivery.ts'
import { type ClaimedDelivery, MOST_COUNTED, type WaitingEndpoint } from '../port/queue.ts'
import { CANCELED, CANCEL_EXPUNGED, PENDING, deliveryOf, manualOf } from '../rows/delivery.ts'
import { messageOf } from '../rows/message.ts'
import { lastAttempts } from './last-attempt.ts'
import { lineHeads } from './line-head.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

type QueueMethods =
  | 'joinAsNode'
  | 'findWaitingEndpoints'
  | 'claimDeliveries'
  | 'releaseDeliveries'
  | 'cancelDeliveries'
  | 'findQueue'
  | 'skipDelivery'

/** The methods of the queue. Each runs within a transaction that its caller opened. */
export function queueMethods(database: DatabaseSync): Synchronous<QueueMethods> {
  const prepared = statementCache(database)
  const lastAttemptOf = lastAttempts(database)
  const headOf = lineHeads(database)

  return {
    joinAsNode(now) {
      // The claim on the data folder proves that no other node lives, so every lease is a dead one's.
      prepared(`UPDATE delivery SET lease = NULL WHERE lease IS NOT NULL`).run()
      prepared('DELETE FROM node').run()
      return Number(prepared('INSERT INTO node (joined_at) VALUES (?)').run(now).lastInsertRowid)
    },

    findWaitingEndpoints(after, limit) {
      // A loose index scan: a few seeks find what is first of the next endpoint, and skip all its others.
      const next = prepared(
        `SELECT application_id, endpoint_id FROM delivery INDEXED BY delivery_due
         WHERE status = ${PENDING} AND lease IS NULL AND (application_id, endpoint_id) > (?, ?)
         ORDER BY application_id, endpoint_id LIMIT 1`,
      )
      const endpointState = prepared(
        `SELECT disabled, deleted_at, settings ->> 'ordering' = 'fifo' AS is_ordered FROM endpoint
         WHERE application_id = ? AND id = ?`,
      )
      const found: WaitingEndpoint[] = []
      let applicationId = after?.applicationId ?? ''
      let endpointId = after?.endpointId ?? ''
      while (found.length < limit) {
        const row = next.get(applicationId, endpointId) as Row | undefined
        if (row === undefined) break
        applicationId = row['application_id'] as string
        endpointId = row['endpoint_id'] as string
        const endpoint = endpointState.get(applicationId, endpointId) as Row | undefined
        const isDeleted = endpoint === undefined || endpoint['deleted_at'] !== null
        const isOrdered = !isDeleted && endpoint['is_ordered'] === 1
        const dueAt = isOrdered ? headDueAt(applicationId, endpointId) : firstDueAt(applicationId, endpointId)
        if (dueAt === null) continue
        const state = isDeleted ? 'deleted' : endpoint['disabled'] === 1 ? 'disabled' : 'open'
        found.push({ applicationId, endpointId, dueAt, state })
      }
      return found
    },

    claimDeliveries({ lease, applicationId, endpointId, limits, isOrdered, maxBytes, now }) {
      const sum = PRIORITIES.reduce((total, priority) => total + limits[priority], 0)
      const parts = isOrdered
        ? [dueInLine(applicationId, endpointId, now, sum)]
        : PRIORITIES.filter((priority) => limits[priority] > 0).map((priority) =>
            dueOf(applicationId, endpointId, priority, now, limits[priority]),
          )
      const claimed: ClaimedDelivery[] = []
      const expunged: string[] = []
      let bytes = 0
      // Read one at a time, so that payloads beyond the bound are never loaded.
      for (const rows of parts) {
        for (const row of rows) {
          const message = messageOf(row)
          if (message.expungedAt !== null) {
            expunged.push(message.id)
            continue
          }
          bytes += message.payload.byteLength
          if (claimed.length > 0 && bytes > maxBytes) break
          claimed.push({
            message,
            endpointId,
            attempts: row['attempts'] as number,
            priority: PRIORITIES[row['priority'] as number]!,
            ...manualOf(row['resumes_as']!),
          })
        }
      }
      const hold = prepared(
        'UPDATE delivery SET lease = ? WHERE application_id = ? AND message_id = ? AND endpoint_id = ?',
      )
      const cancel = prepared(
        `UPDATE delivery SET ${CANCEL_EXPUNGED}
         WHERE application_id = ? AND message_id = ? AND endpoint_id = ?`,
      )
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

    findQueue(applicationId, endpointId) {
      const key = [applicationId, endpointId] as const
      const isHeld = 'lease IS NOT NULL AND application_id = ? AND endpoint_id = ?'
      // As in `STATUS_CONDITIONS`, which is what the index says.
      const isWaiting = `status <> 0 AND lease IS NULL AND status = ${PENDING} AND application_id = ? AND endpoint_id = ?`
      const count = (index: string, where: string) =>
        prepared(
          `SELECT count(*) AS number FROM (
             SELECT 1 FROM delivery INDEXED BY ${index} WHERE ${where} LIMIT ${MOST_COUNTED})`,
        ).get(...key)!['number'] as number
      const row = isLine(...key) ? headOf(...key) : firstDue(...key)
      const head = row === undefined ? null : deliveryOf(row)
      const oldest = prepared(
        `SELECT min(created_at) AS at FROM message WHERE application_id = ?1 AND id IN (
           SELECT * FROM (SELECT message_id FROM delivery INDEXED BY delivery_status
             WHERE status <> 0 AND lease IS NULL AND status = ${PENDING} AND application_id = ?1 AND endpoint_id = ?2
             ORDER BY message_id LIMIT 1)
           UNION ALL
           SELECT * FROM (SELECT message_id FROM delivery INDEXED BY delivery_held
             WHERE lease IS NOT NULL AND application_id = ?1 AND endpoint_id = ?2 ORDER BY message_id LIMIT 1))`,
      ).get(...key)!['at']
      return {
        waiting: count('delivery_status', isWaiting),
        sending: count('delivery_held', isHeld),
        head: head === null ? null : { delivery: head, lastAttempt: lastAttemptOf(head) },
        oldestAt: oldest as number | null,
      }
    },

    skipDelivery({ applicationId, messageId, endpointId }) {
      const key = [applicationId, messageId, endpointId] as const
      const where = `application_id = ? AND message_id = ? AND endpoint_id = ? AND status = ${PENDING}`
      const row = prepared(`SELECT lease FROM delivery WHERE ${where}`).get(...key)
      if (row === undefined) return 'over'
      if (row['lease'] !== null) return 'held'
      prepared(
        `UPDATE delivery SET status = ${CANCELED}, due_at = NULL, resumes_as = NULL, resumes_at = NULL WHERE ${where}`,
      ).run(...key)
      return 'skipped'
    },
  }

  function holdsAny(applicationId: string, endpointId: string): boolean {
    const held = prepared(
      `SELECT 1 FROM delivery INDEXED BY delivery_held
       WHERE lease IS NOT NULL AND application_id = ? AND endpoint_id = ? LIMIT 1`,
    )
    return held.get(applicationId, endpointId) !== undefined
  }

  function isLine(applicationId: string, endpointId: string): boolean {
    const row = prepared(
      `SELECT settings ->> 'ordering' = 'fifo' AS is_ordered FROM endpoint WHERE application_id = ? AND id = ?`,
    ).get(applicationId, endpointId)
    return row?.['is_ordered'] === 1
  }

  /** When the first delivery of an endpoint is due, of whichever priority. */
  function firstDueAt(applicationId: string, endpointId: string): number {
    const rows = firstsDue('due_at', applicationId, endpointId)
    return Math.min(...rows.map((row) => row['due_at'] as number))
  }

  function firstDue(applicationId: string, endpointId: string): Row | undefined {
    return firstsDue('*', applicationId, endpointId).toSorted(
      (a, b) => (a['due_at'] as number) - (b['due_at'] as number),
    )[0]
  }

  /** The first that is due of each priority. */
  function firstsDue(columns: string, applicationId: string, endpointId: string): Row[] {
    const first = prepared(
      `SELECT ${columns} FROM delivery INDEXED BY delivery_due
       WHERE status = ${PENDING} AND lease IS NULL AND application_id = ? AND endpoint_id = ? AND priority = ?
       ORDER BY due_at LIMIT 1`,
    )
    return PRIORITIES.map((_, priority) => first.get(applicationId, endpointId, priority)).filter(
      (row) => row !== undefined,
    )
  }

  /** When the head of the line is due; `null` while it is being sent. */
  function headDueAt(applicationId: string, endpointId: string): number | null {
    const head = headOf(applicationId, endpointId)
    return head === undefined || head['lease'] !== null ? null : (head['due_at'] as number)
  }

  /** Reads only when it is asked: the statement serves one reader at a time. */
  function* dueOf(
    applicationId: string,
    endpointId: string,
    priority: Priority,
    now: number,
    limit: number,
  ): Generator<Row, void> {
    const due = prepared(
      `SELECT d.attempts, d.resumes_as, d.priority, m.* FROM delivery d INDEXED BY delivery_due
       JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
       WHERE d.status = ${PENDING} AND d.lease IS NULL
         AND d.application_id = ? AND d.endpoint_id = ? AND d.priority = ? AND d.due_at <= ?
       ORDER BY d.due_at LIMIT ?`,
    )
    yield* due.iterate(applicationId, endpointId, PRIORITIES.indexOf(priority), now, limit) as Iterable<Row>
  }

  /** The head of the line and what stands behind it, up to the first that is not due; nothing while any of it is held. */
  function* dueInLine(
    applicationId: string,
    endpointId: string,
    now: number,
    limit: number,
  ): Generator<Row, void> {
    const line = prepared(
      `SELECT d.attempts, d.resumes_as, d.priority, d.due_at, d.lease, m.*
       FROM delivery d INDEXED BY delivery_ordered
       CROSS JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
       WHERE d.application_id = ? AND d.endpoint_id = ? AND d.ordinal IS NOT NULL AND d.status = ${PENDING}
       ORDER BY d.ordinal LIMIT ?`,
    )
    // What is held may be under way, and the head must not overtake it.
    if (holdsAny(applicationId, endpointId)) return
    for (const row of line.iterate(applicationId, endpointId, limit) as Iterable<Row>) {
      if ((row['due_at'] as number) > now) return
      yield row
    }
  }
}
