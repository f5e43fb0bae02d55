/** What endpoints were when a message was accepted, and what became of it there, in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { DisabledReason } from '../../domain/endpoint.ts'
import { type DisabledBy, type Situation, whoDisabled } from '../../domain/explanation.ts'
import { attemptOf } from '../rows/attempt.ts'
import { fromJson } from '../rows/cells.ts'
import { PENDING, deliveryOf } from '../rows/delivery.ts'
import { lastAttempts } from './last-attempt.ts'
import { lineHeads } from './line-head.ts'
import { type Row, type Synchronous, pageClause, statementCache } from './tables.ts'

/** The method behind explanations. */
export function explanationMethods(database: DatabaseSync): Synchronous<'listSituations'> {
  const prepared = statementCache(database)
  const headOf = lineHeads(database)
  const lastAttemptOf = lastAttempts(database)

  return {
    listSituations(message, page) {
      const { sql, values } = pageClause('e.id', page, [
        [
          'e.application_id = ? AND (e.deleted_at IS NULL OR e.deleted_at > ? OR d.message_id IS NOT NULL)',
          message.applicationId,
          message.createdAt,
        ],
      ])
      const endpoints = prepared(
        `SELECT e.id, e.uid, e.url, e.disabled, e.disabled_reason, e.event_types, e.channels, e.throttle_rate,
           e.failing_since, e.created_at, e.updated_at, e.deleted_at,
           e.application_id, d.message_id, d.endpoint_id, d.status, d.attempts, d.due_at, d.lease,
           d.ordinal IS NOT NULL AND e.settings ->> 'ordering' = 'fifo' AS is_in_line
         FROM endpoint e LEFT JOIN delivery d
           ON d.application_id = e.application_id AND d.message_id = ? AND d.endpoint_id = e.id ${sql}`,
      ).all(message.id, ...values) as Row[]
      const attempts = lastAttemptsOf(message.applicationId, message.id)
      return endpoints.map((row): Situation => {
        const wanted = settingsAt(row, message.createdAt)
        const since = row['disabled'] === 1 ? disabledSince(row, Infinity) : null
        const wasSince = wanted['disabled'] === 1 ? disabledSince(row, message.createdAt) : null
        return {
          endpoint: {
            id: row['id'] as string,
            uid: row['uid'] as string | null,
            url: row['url'] as string,
            createdAt: row['created_at'] as number,
            updatedAt: row['updated_at'] as number,
            deletedAt: row['deleted_at'] as number | null,
            throttleRate: row['throttle_rate'] as number | null,
            disabledSince: since,
            failingSince: row['failing_since'] as number | null,
            disabledBy: since === null ? null : disabledBy(row),
          },
          wanted: {
            disabledSince: wasSince,
            disabledBy: wasSince === null ? null : disabledBy(wanted),
            eventTypes: fromJson(wanted['event_types']),
            channels: fromJson(wanted['channels']),
          },
          delivery: row['message_id'] === null ? null : deliveryOf(row),
          lastAttempt: attempts.get(row['id'] as string) ?? null,
          ahead: aheadOf(row),
        }
      })
    },
  }

  /** The settings before the first change after that instant; today's where there was none. */
  function settingsAt(endpoint: Row, at: number): Row {
    const before = prepared(
      `SELECT disabled, disabled_reason, event_types, channels FROM endpoint_history
       WHERE application_id = ? AND endpoint_id = ? AND changed_at > ? ORDER BY changed_at LIMIT 1`,
    ).get(endpoint['application_id']!, endpoint['id']!, at)
    return (before as Row | undefined) ?? endpoint
  }

  /** When it was last switched off, as seen from that instant; when it was made, where it never was on. */
  function disabledSince(endpoint: Row, at: number): number {
    const enabled = prepared(
      `SELECT changed_at FROM endpoint_history
       WHERE application_id = ? AND endpoint_id = ? AND changed_at <= ? AND disabled = 0
       ORDER BY changed_at DESC LIMIT 1`,
    ).get(endpoint['application_id']!, endpoint['id']!, Math.min(at, Number.MAX_SAFE_INTEGER))
    return ((enabled as Row | undefined)?.['changed_at'] ?? endpoint['created_at']) as number
  }

  /** The head of the line that the delivery waits in; `null` where it is that itself, or waits in none. */
  function aheadOf(row: Row): Situation['ahead'] {
    if (row['is_in_line'] !== 1 || row['status'] !== PENDING || row['lease'] !== null) return null
    const head = headOf(row['application_id'] as string, row['endpoint_id'] as string)
    if (head === undefined || head['message_id'] === row['message_id']) return null
    const delivery = deliveryOf(head)
    return { delivery, lastAttempt: lastAttemptOf(delivery) }
  }

  /** The last attempt at each endpoint, without more of its answer than a line. */
  function lastAttemptsOf(applicationId: string, messageId: string) {
    const attempts = prepared(
      `SELECT application_id, message_id, id, endpoint_id, url, is_success, status_code,
         substr(response, 1, 200) AS response, duration_ms, failure, trigger, created_at
       FROM attempt WHERE application_id = ? AND message_id = ? ORDER BY id`,
    ).iterate(applicationId, messageId)
    const last = new Map<string, Row>()
    for (const row of attempts) last.set(row['endpoint_id'] as string, row)
    return new Map(Array.from(last, ([endpointId, row]) => [endpointId, attemptOf(row)]))
  }
}

/** By whom an endpoint was disabled that had these settings. */
function disabledBy(settings: Row): DisabledBy {
  return whoDisabled(settings['disabled_reason'] as DisabledReason | null)
}
