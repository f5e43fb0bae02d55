/** What endpoints were when a message was accepted, and what became of it there, in PostgreSQL. @module */

import type { Attempt } from '../../domain/attempt.ts'
import type { DisabledReason } from '../../domain/endpoint.ts'
import { type Situation, whoDisabled } from '../../domain/explanation.ts'
import { attemptOf } from '../rows/attempt.ts'
import { PENDING, deliveryOf } from '../rows/delivery.ts'
import type { Store } from '../store.ts'
import type { Database, Row } from './database.ts'
import { lastAttemptOf } from './last-attempt.ts'
import { headOfLine } from './lines.ts'
import { type Sql, raw, sql } from './sql.ts'
import { pageClause } from './tables.ts'

/** The greatest instant that a bigint holds. */
const FOR_EVER = raw('9223372036854775807')

/** The method behind explanations. */
export function explanationMethods(database: Database): Pick<Store, 'listSituations'> {
  return {
    async listSituations({ applicationId, id: messageId, createdAt }, page) {
      const end = pageClause('e.id', page, [
        sql`e.application_id = ${applicationId}
            AND (e.deleted_at IS NULL OR e.deleted_at > ${createdAt} OR d.message_id IS NOT NULL)`,
      ])
      // Settings before the first change after an instant are those of that instant; today's where there was none.
      const rows = await database.rows(
        sql`SELECT e.id, e.uid, e.url, e.throttle_rate, e.failing_since, e.created_at, e.updated_at, e.deleted_at,
              e.disabled, e.disabled_reason, e.application_id,
              d.message_id, d.endpoint_id, d.status, d.attempts, d.due_at, d.lease,
              d.ordinal IS NOT NULL AND e.settings ->> 'ordering' = 'fifo' AS is_in_line,
              coalesce(h.disabled, e.disabled) AS was_disabled,
              CASE WHEN h.changed_at IS NULL THEN e.disabled_reason ELSE h.disabled_reason END AS was_disabled_reason,
              CASE WHEN h.changed_at IS NULL THEN e.event_types ELSE h.event_types END AS wanted_event_types,
              CASE WHEN h.changed_at IS NULL THEN e.channels ELSE h.channels END AS wanted_channels,
              ${enabledBefore(FOR_EVER)} AS enabled_at, ${enabledBefore(sql`${createdAt}`)} AS was_enabled_at
            FROM endpoint e
              LEFT JOIN delivery d
                ON d.application_id = e.application_id AND d.message_id = ${messageId} AND d.endpoint_id = e.id
              LEFT JOIN LATERAL (
                SELECT * FROM endpoint_history h
                WHERE h.application_id = e.application_id AND h.endpoint_id = e.id AND h.changed_at > ${createdAt}
                ORDER BY h.changed_at LIMIT 1) h ON true
            ${end}`,
      )
      const attempts = await attemptsOf(applicationId, messageId)
      const situations: Situation[] = []
      for (const row of rows) {
        const lastAttempt = attempts.get(row['id'] as string) ?? null
        situations.push({ ...situationOf(row), lastAttempt, ahead: await aheadOf(row) })
      }
      return situations
    },
  }

  /** The head of the line that the delivery waits in; `null` where it is that itself, or waits in none. */
  async function aheadOf(row: Row): Promise<Situation['ahead']> {
    if (row['is_in_line'] !== true || row['status'] !== PENDING || row['lease'] !== null) return null
    const head = await headOfLine(database, row['application_id'] as string, row['endpoint_id'] as string)
    if (head === undefined || head['message_id'] === row['message_id']) return null
    const delivery = deliveryOf(head)
    return { delivery, lastAttempt: await lastAttemptOf(database, delivery) }
  }

  /** The last attempt at each endpoint, without more of its answer than a line. */
  async function attemptsOf(applicationId: string, messageId: string): Promise<Map<string, Attempt>> {
    const rows = await database.rows(
      sql`SELECT DISTINCT ON (endpoint_id) application_id, message_id, id, endpoint_id, url, is_success, status_code,
            left(response, 200) AS response, duration_ms, failure, trigger, created_at
          FROM attempt WHERE application_id = ${applicationId} AND message_id = ${messageId}
          ORDER BY endpoint_id, id DESC`,
    )
    return new Map(rows.map((row) => [row['endpoint_id'] as string, attemptOf(row)]))
  }
}

function situationOf(row: Row): Omit<Situation, 'lastAttempt' | 'ahead'> {
  const madeAt = row['created_at'] as number
  // Disabled since it was last enabled; since it was made, where it never was.
  const since = row['disabled'] === true ? ((row['enabled_at'] as number | null) ?? madeAt) : null
  const wasSince = row['was_disabled'] === true ? ((row['was_enabled_at'] as number | null) ?? madeAt) : null
  return {
    endpoint: {
      id: row['id'] as string,
      uid: row['uid'] as string | null,
      url: row['url'] as string,
      createdAt: madeAt,
      updatedAt: row['updated_at'] as number,
      deletedAt: row['deleted_at'] as number | null,
      throttleRate: row['throttle_rate'] as number | null,
      failingSince: row['failing_since'] as number | null,
      disabledSince: since,
      disabledBy: since === null ? null : whoDisabled(row['disabled_reason'] as DisabledReason | null),
    },
    wanted: {
      disabledSince: wasSince,
      disabledBy: wasSince === null ? null : whoDisabled(row['was_disabled_reason'] as DisabledReason | null),
      eventTypes: row['wanted_event_types'] as string[] | null,
      channels: row['wanted_channels'] as string[] | null,
    },
    delivery: row['message_id'] === null ? null : deliveryOf(row),
  }
}

/** When the endpoint `e` was last seen enabled, as of an instant: then it was disabled. */
function enabledBefore(at: Sql): Sql {
  return sql`(SELECT max(changed_at) FROM endpoint_history p
    WHERE p.application_id = e.application_id AND p.endpoint_id = e.id AND p.changed_at <= ${at} AND NOT p.disabled)`
}
