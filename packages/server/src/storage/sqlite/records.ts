/** Recording attempts in SQLite. @module */

import type { DatabaseSync, StatementResultingChanges } from 'node:sqlite'

import type { AttemptRecord } from '../port/attempts.ts'
import { FAIL, RETRY, SUCCESS } from '../rows/delivery.ts'
import { eventAccepter } from './accepts.ts'
import { type Synchronous, statementCache } from './tables.ts'

/** The method that records attempts. */
export function recordMethods(database: DatabaseSync): Synchronous<'recordAttempt'> {
  const prepared = statementCache(database)
  const acceptEvents = eventAccepter(database)
  const settle = database.prepare(
    `UPDATE delivery SET status = ?, attempts = ?, due_at = ?, lease = NULL
     WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND lease = ?`,
  )
  const settleForRetry = database.prepare(
    `UPDATE delivery SET attempts = ?, due_at = ?, lease = NULL, priority = max(priority, ${RETRY}),
       replay_task = NULL
     WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND lease = ?`,
  )
  const settleManual = database.prepare(
    `UPDATE delivery SET status = coalesce(?1, resumes_as), due_at = iif(?1 IS NULL, resumes_at, NULL),
       resumes_as = NULL, resumes_at = NULL, lease = NULL
     WHERE application_id = ?2 AND message_id = ?3 AND endpoint_id = ?4 AND lease = ?5`,
  )
  const insertAttempt = database.prepare('INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')

  return {
    recordAttempt(record) {
      if (settleDelivery(record) === 0) return 'lost'
      const { attempt } = record
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
      const isFailingNoted = noteFailing(record)
      const isDisabled = disableEndpoint(record)
      acceptEvents(record.events, isDisabled ? 'disabled' : null)
      return isFailingNoted || isDisabled ? 'changed' : 'recorded'
    },
  }

  function settleDelivery({ attempt, lease, attempts, verdict }: AttemptRecord): number | bigint {
    const key = [attempt.applicationId, attempt.messageId, attempt.endpointId] as const
    if (verdict.kind === 'retry') return settleForRetry.run(attempts, verdict.at, ...key, lease).changes
    const status = verdict.kind === 'success' ? SUCCESS : FAIL
    if (attempt.trigger !== 'manual') return settle.run(status, attempts, null, ...key, lease).changes
    return settleManual.run(verdict.kind === 'resume' ? null : status, ...key, lease).changes
  }

  /** Writes how the endpoint does since the attempt; tells whether that is new. */
  function noteFailing({ attempt, failing }: AttemptRecord): boolean {
    const key = [attempt.applicationId, attempt.endpointId] as const
    if (failing === 'begins') {
      return isChange(
        prepared(
          'UPDATE endpoint SET failing_since = ? WHERE application_id = ? AND id = ? AND failing_since IS NULL',
        ).run(attempt.createdAt, ...key),
      )
    }
    if (failing === 'ends') {
      return isChange(
        prepared(
          'UPDATE endpoint SET failing_since = NULL WHERE application_id = ? AND id = ? AND failing_since IS NOT NULL',
        ).run(...key),
      )
    }
    return false
  }

  /** Disables the endpoint where the verdict says so; tells whether it was enabled until now. */
  function disableEndpoint({ attempt, verdict }: AttemptRecord): boolean {
    if (verdict.kind === 'success' || verdict.disable === undefined) return false
    return isChange(
      prepared(
        `UPDATE endpoint SET disabled = 1, disabled_reason = ?, updated_at = ?
         WHERE application_id = ? AND id = ? AND disabled = 0`,
      ).run(verdict.disable, attempt.createdAt, attempt.applicationId, attempt.endpointId),
    )
  }
}

function isChange({ changes }: StatementResultingChanges): boolean {
  return changes !== 0
}
