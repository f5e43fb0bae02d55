/** Claiming deliveries in PostgreSQL: the claims of one moment are one statement. @module */

import { randomInt } from 'node:crypto'

import { PRIORITIES, type Priority } from '../../domain/delivery.ts'
import type { ClaimedDelivery } from '../port/queue.ts'
import { CANCEL_EXPUNGED, PENDING, manualOf } from '../rows/delivery.ts'
import { messageOf } from '../rows/message.ts'
import type { Store } from '../store.ts'
import type { BatchStatement, Database, Queries, Row } from './database.ts'
import { type IdRange, inRanges, rangeValues } from './day-ranges.ts'
import { DELIVERY_KEY, arrayText, sameKey, sql } from './sql.ts'

/** What a node asks for. */
export type ClaimRequest = Parameters<Store['claimDeliveries']>[0]

/** A claim's share of one priority; `null` for the line of an ordered endpoint. */
interface Part {
  readonly n: number
  readonly claim: ClaimRequest
  readonly priority: Priority | null
  readonly limit: number
}

/** A number for a claim that no other has. */
export function newClaimId(): number {
  return randomInt(2 ** 47)
}

/**
 * Gives back what claims took whose answer was lost: nobody knows that this node holds it, and its lease lives. Returns how
 * many deliveries.
 */
export function giveBack(database: Database, claimIds: readonly number[]): Promise<number> {
  return database.writeByIndex((transaction) =>
    transaction.change(
      sql`UPDATE delivery SET lease = NULL, claim = NULL
          WHERE lease IS NOT NULL AND claim = ANY (${arrayText(claimIds)}::bigint[])`,
    ),
  )
}

/**
 * Runs claims; results in their order.
 *
 * @param ranges - Where deliveries may wait. Lines are looked for everywhere.
 */
export async function claimAll(
  database: Database,
  claims: readonly ClaimRequest[],
  claimId: number,
  ranges: readonly IdRange[],
): Promise<ClaimedDelivery[][]> {
  const results = new Map<ClaimRequest, ClaimedDelivery[]>()
  let left = claims
  while (left.length > 0) {
    const round = oneForEachEndpoint(left)
    for (const isOrdered of [false, true]) {
      const some = round.filter((claim) => claim.isOrdered === isOrdered)
      if (some.length === 0) continue
      const claimed = isOrdered
        ? await claimLines(database, some, claimId)
        : await claimDue(database, some, claimId, ranges)
      for (const [i, claim] of some.entries()) results.set(claim, claimed[i]!)
    }
    left = left.filter((claim) => !results.has(claim))
  }
  return claims.map((claim) => results.get(claim)!)
}

/** Within one statement two claims of one endpoint would be given the same deliveries. */
function oneForEachEndpoint(claims: readonly ClaimRequest[]): ClaimRequest[] {
  return [
    ...new Map(
      claims.toReversed().map((claim) => [`${claim.applicationId} ${claim.endpointId}`, claim]),
    ).values(),
  ]
}

async function claimDue(
  queries: Pick<Queries, 'batch'>,
  claims: readonly ClaimRequest[],
  claimId: number,
  ranges: readonly IdRange[],
): Promise<ClaimedDelivery[][]> {
  const parts = claims.flatMap((claim, i) =>
    PRIORITIES.filter((priority) => claim.limits[priority] > 0).map((priority): Part => ({
      n: i + 1,
      claim,
      priority,
      limit: claim.limits[priority],
    })),
  )
  const values = [...valuesOf(parts, claimId), ...rangeValues(ranges)]
  return byClaim(claims, await queries.batch(CLAIM_DUE, values))
}

/**
 * Lines are claimed in two statements under a lock: the second sees what the node before did, while one statement would see
 * the line as it was before it waited for the lock.
 */
function claimLines(
  database: Database,
  claims: readonly ClaimRequest[],
  claimId: number,
): Promise<ClaimedDelivery[][]> {
  const parts = claims.map((claim, i): Part => {
    const limit = PRIORITIES.reduce((total, priority) => total + claim.limits[priority], 0)
    return { n: i + 1, claim, priority: null, limit }
  })
  return database.writeBatch(async (transaction) => {
    await transaction.batch(LOCK_LINES, [
      arrayText(claims.map(({ applicationId }) => applicationId)),
      arrayText(claims.map(({ endpointId }) => endpointId)),
    ])
    return byClaim(claims, await transaction.batch(CLAIM_LINES, valuesOf(parts, claimId)))
  })
}

function valuesOf(parts: readonly Part[], claimId: number): unknown[] {
  return [
    arrayText(parts.map(({ n }) => n)),
    arrayText(parts.map(({ claim }) => claim.applicationId)),
    arrayText(parts.map(({ claim }) => claim.endpointId)),
    arrayText(parts.map(({ priority }) => (priority === null ? null : PRIORITIES.indexOf(priority)))),
    arrayText(parts.map(({ claim }) => claim.lease)),
    arrayText(parts.map(({ limit }) => limit)),
    arrayText(parts.map(({ claim }) => claim.maxBytes)),
    arrayText(parts.map(({ claim }) => claim.now)),
    claimId,
  ]
}

function byClaim(claims: readonly ClaimRequest[], rows: readonly Row[]): ClaimedDelivery[][] {
  const claimed: ClaimedDelivery[][] = claims.map(() => [])
  for (const row of rows) {
    const n = (row['n'] as number) - 1
    claimed[n]!.push({
      message: messageOf(row),
      endpointId: claims[n]!.endpointId,
      attempts: row['attempts'] as number,
      priority: PRIORITIES[row['priority'] as number]!,
      ...manualOf(row['resumes_as']),
    })
  }
  return claimed
}

const WANTED = `
  wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::integer[],
      $7::bigint[], $8::bigint[])
      AS w (n, application_id, endpoint_id, priority, lease, most, max_bytes, now))`

/** The ranges of a claim are its parameters from here on. */
const RANGES_AT = 10

/** Says of every table in days that the message's id is in the ranges, where a claim has some. */
const within = (column: string, hasRanges: boolean) => (hasRanges ? `AND ${inRanges(column, RANGES_AT)}` : '')

const MESSAGE_OF = (delivery: string, hasRanges: boolean) =>
  `m.application_id = ANY (ARRAY[${delivery}.application_id]) AND m.id = ANY (ARRAY[${delivery}.message_id])
    ${within('m.id', hasRanges)}`

/** Named, because a prepared statement breaks when what it returns gets a column more. */
const MESSAGE = [
  'application_id',
  'id',
  'event_type',
  'event_id',
  'channels',
  'tags',
  'payload',
  'content_type',
]
  .concat('deliver_at', 'created_at', 'expires_at', 'expunged_at')
  .map((column) => `m.${column}`)
  .join(', ')

/** What is left of the due ones once payloads are counted, and what becomes of them. */
const take = (hasRanges: boolean) => `
  sized AS MATERIALIZED (
    SELECT d.*, m.expunged_at IS NOT NULL AS is_expunged,
      count(*) FILTER (WHERE m.expunged_at IS NULL) OVER rank AS place,
      sum(octet_length(m.payload)) OVER rank AS bytes
    FROM due d JOIN message m ON ${MESSAGE_OF('d', hasRanges)}
    WINDOW rank AS (PARTITION BY d.n ORDER BY d.rank ROWS UNBOUNDED PRECEDING)),
  chosen AS MATERIALIZED (SELECT * FROM sized WHERE NOT is_expunged AND (place = 1 OR bytes <= max_bytes)),
  held AS (
    UPDATE delivery d SET lease = c.new_lease, claim = $9::bigint FROM chosen c
    WHERE ${sameKey('d', 'c', DELIVERY_KEY)} ${within('d.message_id', hasRanges)}),
  -- They were held when their payload was expunged, and nothing is left to send.
  canceled AS (
    UPDATE delivery d SET ${CANCEL_EXPUNGED.replaceAll(/\b(resumes_as)\b(?! =)/g, 'd.$1')} FROM sized s
    WHERE s.is_expunged AND ${sameKey('d', 's', DELIVERY_KEY)} ${within('d.message_id', hasRanges)})
  SELECT c.n, c.attempts, c.resumes_as, c.priority, ${MESSAGE}
  FROM chosen c JOIN message m ON ${MESSAGE_OF('c', hasRanges)} ORDER BY c.n, c.rank`

/** Takes of each priority the longest due; skips what another node is taking at this moment. */
const CLAIM_DUE: BatchStatement = {
  name: 'claim',
  text: `WITH ${WANTED},
  found AS MATERIALIZED (
    SELECT w.n, w.max_bytes, w.lease AS new_lease, d.* FROM wanted w CROSS JOIN LATERAL (
      SELECT application_id, message_id, endpoint_id, attempts, resumes_as, priority, due_at FROM delivery
      WHERE application_id = w.application_id AND endpoint_id = w.endpoint_id AND status = ${PENDING}
        AND lease IS NULL AND priority = w.priority AND due_at <= w.now ${within('message_id', true)}
      ORDER BY due_at LIMIT w.most FOR UPDATE SKIP LOCKED) d),
  due AS (SELECT *, row_number() OVER (PARTITION BY n ORDER BY priority, due_at, message_id) AS rank FROM found),
  ${take(true)}`,
}

/** One node at a time takes from a line. */
const LOCK_LINES: BatchStatement = {
  name: 'lock lines',
  text: `SELECT 1 FROM endpoint_line l
    JOIN unnest($1::text[], $2::text[]) AS w (application_id, endpoint_id) USING (application_id, endpoint_id)
    ORDER BY l.application_id, l.endpoint_id FOR UPDATE OF l`,
}

/** Takes the head of a line and what stands behind it, up to the first that is not due; nothing while any of it is held. */
const CLAIM_LINES: BatchStatement = {
  name: 'claim lines',
  text: `WITH ${WANTED},
  front AS MATERIALIZED (
    SELECT w.n, w.max_bytes, w.lease AS new_lease, w.now, d.* FROM wanted w CROSS JOIN LATERAL (
      SELECT application_id, message_id, endpoint_id, attempts, resumes_as, priority, due_at, ordinal,
        row_number() OVER (ORDER BY ordinal, message_id) AS rank
      FROM (
        SELECT * FROM delivery
        WHERE application_id = w.application_id AND endpoint_id = w.endpoint_id AND ordinal IS NOT NULL
          AND status = ${PENDING}
        ORDER BY ordinal LIMIT w.most) line) d),
  due AS (
    SELECT * FROM (
      SELECT *, bool_and(due_at <= now) OVER (PARTITION BY n ORDER BY rank) AS is_open FROM front
    ) front
    -- What is held may be under way, and the head must not overtake it.
    WHERE is_open AND NOT EXISTS (
      SELECT 1 FROM delivery h
      WHERE h.application_id = front.application_id AND h.endpoint_id = front.endpoint_id AND h.lease IS NOT NULL
        AND h.ordinal IS NOT NULL)),
  ${take(false)}`,
}
