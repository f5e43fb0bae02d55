/** What endpoints were when a message was accepted, and what became of it there, in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { DisabledBy, Situation } from '../../domain/explanation.ts'
import { firstIdAt } from '../../domain/id.ts'
import { deliveryOf } from './deliveries.ts'
import { attemptOf } from './messages.ts'
import { type Row, type Synchronous, fromJson, pageClause, statementCache } from './tables.ts'

/** The method behind explanations. */
export function explanationMethods(database: DatabaseSync): Synchronous<'listSituations'> {
  const prepared = statementCache(database)

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
        `SELECT e.id, e.uid, e.url, e.disabled, e.event_types, e.channels, e.throttle_rate, e.created_at,
           e.updated_at, e.deleted_at,
           e.application_id, d.message_id, d.endpoint_id, d.status, d.attempts, d.due_at, d.lease
         FROM endpoint e LEFT JOIN delivery d
           ON d.application_id = e.application_id AND d.message_id = ? AND d.endpoint_id = e.id ${sql}`,
      ).all(message.id, ...values) as Row[]
      const lastAttempts = lastAttemptsOf(message.applicationId, message.id)
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
            disabledBy: since === null ? null : disabledBy(row, since),
          },
          wanted: {
            disabledSince: wasSince,
            disabledBy: wasSince === null ? null : disabledBy(row, wasSince),
            eventTypes: fromJson(wanted['event_types']),
            channels: fromJson(wanted['channels']),
          },
          delivery: row['message_id'] === null ? null : deliveryOf(row),
          lastAttempt: lastAttempts.get(row['id'] as string) ?? null,
        }
      })
    },
  }

  /** The settings before the first change after that instant; today's where there was none. */
  function settingsAt(endpoint: Row, at: number): Row {
    const before = prepared(
      `SELECT disabled, event_types, channels FROM endpoint_history
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

  /** A receiver disables its endpoint by answering 410: then an attempt of that very instant has that status. */
  function disabledBy(endpoint: Row, since: number): DisabledBy {
    const gone = prepared(
      `SELECT 1 FROM attempt WHERE application_id = ? AND endpoint_id = ? AND is_success = 0 AND status_code / 100 = 4
         AND id >= ? AND id < ? AND status_code = 410 AND created_at = ?`,
    ).get(
      endpoint['application_id']!,
      endpoint['id']!,
      firstIdAt('attempt', since),
      // The id of an attempt may be made a little after its instant, in a millisecond that has many.
      firstIdAt('attempt', since + 1_000),
      since,
    )
    return gone === undefined ? 'api' : 'receiver'
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
