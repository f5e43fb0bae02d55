/** The lines of ordered endpoints in PostgreSQL. @module */

import { FRONT, PENDING } from '../rows/delivery.ts'
import type { Queries, Row } from './database.ts'
import { raw, sql } from './sql.ts'

/**
 * Takes places at the end of a line and returns the last of them. The line stays locked to the end of the transaction, so
 * the order of places is that of commits.
 */
export async function takePlaces(
  transaction: Queries,
  applicationId: string,
  endpointId: string,
  number: number,
): Promise<number> {
  const row = await transaction.row(
    sql`INSERT INTO endpoint_line AS l (application_id, endpoint_id, last)
        VALUES (${applicationId}, ${endpointId}, ${number}::bigint)
        ON CONFLICT (application_id, endpoint_id) DO UPDATE SET last = l.last + excluded.last RETURNING last`,
  )
  return row!['last'] as number
}

/** Gives places in the line to what waits for an endpoint that becomes ordered, the oldest message first. */
export async function lineUp(transaction: Queries, applicationId: string, endpointId: string): Promise<void> {
  const owner = sql`application_id = ${applicationId} AND endpoint_id = ${endpointId}`
  const before = await takePlaces(transaction, applicationId, endpointId, 0)
  const placed = await transaction.change(
    sql`UPDATE delivery SET ordinal = line.place FROM (
          SELECT message_id AS id, ${before}::bigint + row_number() OVER (ORDER BY message_id) AS place
          FROM delivery WHERE ${owner} AND status = ${raw(String(PENDING))}) AS line
        WHERE ${owner} AND message_id = line.id AND status = ${raw(String(PENDING))}`,
  )
  await takePlaces(transaction, applicationId, endpointId, placed)
}

/**
 * Places what waits for an ordered endpoint and has no place: it was accepted as to an endpoint without order, by a
 * transaction that was under way when that changed, or by a node that had not heard of it. Nobody would claim it.
 */
export async function placeStrays(
  transaction: Queries,
  applicationId: string,
  endpointId: string,
): Promise<void> {
  await transaction.change(
    sql`UPDATE delivery SET ordinal = ${FRONT}::bigint
        WHERE application_id = ${applicationId} AND endpoint_id = ${endpointId} AND status = ${raw(String(PENDING))}
          AND lease IS NULL AND ordinal IS NULL`,
  )
}

/** Returns the row of the delivery that is next in a line, or is being sent. */
export function headOfLine(
  queries: Queries,
  applicationId: string,
  endpointId: string,
): Promise<Row | undefined> {
  return queries.row(
    sql`SELECT * FROM delivery
        WHERE application_id = ${applicationId} AND endpoint_id = ${endpointId} AND ordinal IS NOT NULL
          AND status = ${raw(String(PENDING))} ORDER BY ordinal LIMIT 1`,
  )
}
