/** The queue in PostgreSQL: what waits, giving it back, canceling it. @module */

import { MOST_COUNTED, type WaitingEndpoint } from '../port/queue.ts'
import { CANCELED, PENDING, deliveryOf } from '../rows/delivery.ts'
import type { Store } from '../store.ts'
import type { BatchStatement, Database, Row } from './database.ts'
import { inRanges, rangeOver, rangeValues } from './day-ranges.ts'
import { lastAttemptOf } from './last-attempt.ts'
import { headOfLine, placeStrays } from './lines.ts'
import { DELIVERY_KEY, arrayText, raw, sameKey, sql } from './sql.ts'
import { STATUS_CONDITIONS } from './standings.ts'
import type { WaitingDays } from './waiting-days.ts'

type QueueMethods =
  'findWaitingEndpoints' | 'releaseDeliveries' | 'cancelDeliveries' | 'findQueue' | 'skipDelivery'

/** What waits, as the index `delivery_due` says it. */
const DUE = `d.status = ${PENDING} AND d.lease IS NULL`
const IS_DUE = raw(DUE)

/** The methods of the queue, save claims. */
export function queueMethods(database: Database, waitingDays: WaitingDays): Pick<Store, QueueMethods> {
  return {
    async findWaitingEndpoints(after, limit) {
      if (after === null) await waitingDays.look()
      const ranges = rangeValues(waitingDays.ranges())
      const found: WaitingEndpoint[] = []
      let [applicationId, endpointId] = [after?.applicationId ?? '', after?.endpointId ?? '']
      while (found.length < limit) {
        const asked = limit - found.length
        const rows = await database.readByIndex(WAITING, [applicationId, endpointId, asked, ...ranges])
        for (const row of rows.filter((each) => each['has_strays'] === true)) {
          await database.writeByIndex((transaction) =>
            placeStrays(transaction, row['application_id'] as string, row['endpoint_id'] as string),
          )
        }
        found.push(...rows.flatMap(waitingOf))
        const last = rows.at(-1)
        if (last === undefined || rows.length < asked) break
        applicationId = last['application_id'] as string
        endpointId = last['endpoint_id'] as string
      }
      return found
    },

    async releaseDeliveries(lease, deliveries, now) {
      if (deliveries.length === 0) return
      const ids = deliveries.map(({ messageId }) => messageId)
      const values = [
        arrayText(deliveries.map(({ applicationId }) => applicationId)),
        arrayText(deliveries.map(({ messageId }) => messageId)),
        arrayText(deliveries.map(({ endpointId }) => endpointId)),
        lease,
        now,
        ...rangeValues([rangeOver(ids)]),
      ]
      await database.writeByIndex((transaction) => transaction.batch(RELEASE, values))
    },

    cancelDeliveries: (applicationId, endpointId, limit) =>
      database.change(
        sql`UPDATE delivery SET status = ${raw(String(CANCELED))}, due_at = NULL
            WHERE (application_id, message_id, endpoint_id) IN (
              SELECT application_id, message_id, endpoint_id FROM delivery d
              WHERE ${IS_DUE} AND d.application_id = ${applicationId} AND d.endpoint_id = ${endpointId}
              LIMIT ${limit} FOR UPDATE SKIP LOCKED)`,
      ),

    async findQueue(applicationId, endpointId) {
      const owner = sql`d.application_id = ${applicationId} AND d.endpoint_id = ${endpointId}`
      const count = (status: 'pending' | 'sending') =>
        sql`(SELECT count(*) FROM (
              SELECT 1 FROM delivery d WHERE ${owner} AND ${STATUS_CONDITIONS[status]} LIMIT ${MOST_COUNTED}) counted)`
      const first = (status: 'pending' | 'sending') =>
        sql`(SELECT d.message_id FROM delivery d WHERE ${owner} AND ${STATUS_CONDITIONS[status]}
             ORDER BY d.message_id LIMIT 1)`
      const row = await database.row(
        sql`SELECT ${count('pending')} AS waiting, ${count('sending')} AS sending,
              EXISTS (SELECT 1 FROM endpoint e
                WHERE e.application_id = ${applicationId} AND e.id = ${endpointId} AND e.deleted_at IS NULL
                  AND e.settings ->> 'ordering' = 'fifo') AS is_ordered,
              (SELECT min(created_at) FROM message
               WHERE application_id = ${applicationId} AND id IN (${first('pending')}, ${first('sending')})) AS oldest_at`,
      )
      const firstDue = sql`SELECT due.* FROM (VALUES (0), (1), (2)) AS p (priority) CROSS JOIN LATERAL (
          SELECT * FROM delivery d WHERE ${owner} AND ${IS_DUE} AND d.priority = p.priority ORDER BY d.due_at LIMIT 1) due
        ORDER BY due.due_at LIMIT 1`
      const headRow =
        row!['is_ordered'] === true
          ? await headOfLine(database, applicationId, endpointId)
          : await database.row(firstDue)
      const head = headRow === undefined ? null : deliveryOf(headRow)
      return {
        waiting: row!['waiting'] as number,
        sending: row!['sending'] as number,
        head: head === null ? null : { delivery: head, lastAttempt: await lastAttemptOf(database, head) },
        oldestAt: row!['oldest_at'] as number | null,
      }
    },

    skipDelivery: ({ applicationId, messageId, endpointId }) =>
      database.write(async (transaction) => {
        const where = sql`application_id = ${applicationId} AND message_id = ${messageId}
          AND endpoint_id = ${endpointId} AND status = ${raw(String(PENDING))}`
        const row = await transaction.row(sql`SELECT lease FROM delivery WHERE ${where} FOR UPDATE`)
        if (row === undefined) return 'over'
        if (row['lease'] !== null) return 'held'
        await transaction.change(
          sql`UPDATE delivery SET status = ${raw(String(CANCELED))}, due_at = NULL, resumes_as = NULL, resumes_at = NULL
              WHERE ${where}`,
        )
        return 'skipped'
      }),
  }
}

const RELEASE: BatchStatement = {
  name: 'release',
  text: `UPDATE delivery d SET lease = NULL, due_at = $5::bigint
    FROM unnest($1::text[], $2::text[], $3::text[]) AS given (application_id, message_id, endpoint_id)
    WHERE ${sameKey('d', 'given', DELIVERY_KEY)} AND d.lease IS NOT DISTINCT FROM $4::bigint
      AND ${inRanges('d.message_id', 6)}`,
}

const IN_RANGES = inRanges('d.message_id', 4)

const nextAfter = (place: string) =>
  `SELECT d.application_id, d.endpoint_id FROM delivery d
   WHERE ${DUE} AND (d.application_id, d.endpoint_id) > (${place}) AND ${IN_RANGES}
   ORDER BY d.application_id, d.endpoint_id LIMIT 1`

/**
 * A loose index scan: one seek in each day finds the next endpoint for which something waits, and skips all its others. The
 * head of a line may be held, so it is looked for in all days. Where there is no head, all that waits has no place in it.
 *
 * Prepared, because it is asked each second, and a plan for three months of days takes ten times as long as its run.
 */
const WAITING: BatchStatement = {
  name: 'waiting',
  text: `
    WITH RECURSIVE walk AS (
      (SELECT *, 1 AS place FROM (${nextAfter('$1::text, $2::text')}) first)
      UNION ALL
      SELECT following.*, w.place + 1 FROM walk w
        CROSS JOIN LATERAL (${nextAfter('w.application_id, w.endpoint_id')}) following
        WHERE w.place < $3::integer),
    known AS (
      SELECT w.*, e.id IS NULL OR e.deleted_at IS NOT NULL AS is_deleted, e.disabled,
        e.deleted_at IS NULL AND e.settings ->> 'ordering' = 'fifo' AS is_ordered
      FROM walk w LEFT JOIN endpoint e ON e.application_id = w.application_id AND e.id = w.endpoint_id)
    SELECT k.*, is_ordered AND head.ordinal IS NULL AS has_strays,
      CASE WHEN head.lease IS NOT NULL THEN NULL WHEN head.ordinal IS NOT NULL THEN head.due_at ELSE
        (SELECT min(due_at) FROM (VALUES (0), (1), (2)) AS p (priority) CROSS JOIN LATERAL (
          SELECT due_at FROM delivery d
          WHERE d.application_id = k.application_id AND d.endpoint_id = k.endpoint_id AND ${DUE}
            AND d.priority = p.priority AND ${IN_RANGES} ORDER BY due_at LIMIT 1) soonest)
      END AS due_at
    FROM known k LEFT JOIN LATERAL (
      SELECT d.ordinal, d.lease, d.due_at FROM delivery d
      WHERE is_ordered AND d.application_id = k.application_id AND d.endpoint_id = k.endpoint_id
        AND d.ordinal IS NOT NULL AND d.status = ${PENDING}
      ORDER BY d.ordinal LIMIT 1) head ON true
    ORDER BY k.application_id, k.endpoint_id`,
}

/** Nothing for a line whose head is being sent. */
function waitingOf(row: Row): WaitingEndpoint[] {
  if (row['due_at'] === null) return []
  const state = row['is_deleted'] === true ? 'deleted' : row['disabled'] === true ? 'disabled' : 'open'
  return [
    {
      applicationId: row['application_id'] as string,
      endpointId: row['endpoint_id'] as string,
      dueAt: row['due_at'] as number,
      state,
    },
  ]
}
