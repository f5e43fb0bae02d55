/** The last attempt of a delivery. @module */

import type { Attempt } from '../../domain/attempt.ts'
import type { Delivery } from '../../domain/delivery.ts'
import { attemptOf } from '../rows/attempt.ts'
import type { Queries } from './database.ts'
import { arrayText, sql } from './sql.ts'

type Key = Pick<Delivery, 'applicationId' | 'messageId' | 'endpointId'>

/** Returns the last attempts of deliveries of one application, in their order, without more of the answers than a line. */
export async function lastAttemptsOf(queries: Queries, keys: readonly Key[]): Promise<(Attempt | null)[]> {
  if (keys.length === 0) return []
  const rows = await queries.rows(
    sql`SELECT DISTINCT ON (message_id, endpoint_id) application_id, message_id, id, endpoint_id, url, is_success,
          status_code, left(response, 200) AS response, duration_ms, failure, trigger, created_at
        FROM attempt WHERE application_id = ${keys[0]!.applicationId}
          AND message_id = ANY (${arrayText([...new Set(keys.map(({ messageId }) => messageId))])}::text[])
        ORDER BY message_id, endpoint_id, id DESC`,
  )
  const found = new Map(
    rows.map(attemptOf).map((attempt) => [`${attempt.messageId} ${attempt.endpointId}`, attempt]),
  )
  return keys.map(({ messageId, endpointId }) => found.get(`${messageId} ${endpointId}`) ?? null)
}

/** Returns the last attempt of one delivery. */
export async function lastAttemptOf(queries: Queries, key: Key): Promise<Attempt | null> {
  return (await lastAttemptsOf(queries, [key]))[0]!
}
