/** The head of an ordered endpoint's line. @module */

import type { DatabaseSync } from 'node:sqlite'

import { PENDING } from '../rows/delivery.ts'
import type { Row } from './tables.ts'

/** Returns what finds the delivery that is first in an endpoint's line, held or not. */
export function lineHeads(
  database: DatabaseSync,
): (applicationId: string, endpointId: string) => Row | undefined {
  const head = database.prepare(
    `SELECT * FROM delivery INDEXED BY delivery_ordered
     WHERE application_id = ? AND endpoint_id = ? AND ordinal IS NOT NULL AND status = ${PENDING}
     ORDER BY ordinal LIMIT 1`,
  )
  return (applicationId, endpointId) => head.get(applicationId, endpointId)
}
