/** The last attempt of a delivery. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { Attempt } from '../../domain/attempt.ts'
import type { Delivery } from '../../domain/delivery.ts'
import { attemptOf } from '../rows/attempt.ts'
import type { Row } from './tables.ts'

/** Returns what finds the last attempt of a delivery, without more of its answer than a line. */
export function lastAttempts(
  database: DatabaseSync,
): (delivery: Pick<Delivery, 'applicationId' | 'messageId' | 'endpointId'>) => Attempt | null {
  const last = database.prepare(
    `SELECT application_id, message_id, id, endpoint_id, url, is_success, status_code,
       substr(response, 1, 200) AS response, duration_ms, failure, trigger, created_at
     FROM attempt WHERE application_id = ? AND message_id = ? AND +endpoint_id = ? ORDER BY id DESC LIMIT 1`,
  )
  return ({ applicationId, messageId, endpointId }) => {
    const row = last.get(applicationId, messageId, endpointId) as Row | undefined
    return row === undefined ? null : attemptOf(row)
  }
}
