/**
 * Which node paces what has a rate, in PostgreSQL: an endpoint, or all endpoints of an application together.
 *
 *     (nobody's) ──first claim──▶ a node's ──idle and nothing held, or the node is gone──▶ (nobody's)
 *
 * A pace is kept in the memory of one node, which gives out its instants one interval apart; so whoever sends at a rate has
 * to be one node. What it holds of it are claims only, never a delivery from birth.
 *
 * @module
 */

import type { Lease } from '../port/nodes.ts'
import type { ClaimRequest } from './claims.ts'
import type { BatchStatement, Database } from './database.ts'
import { arrayText } from './sql.ts'

/** For how long a pace is kept that nothing is claimed for: twice the longest interval, one start a minute. */
const KEPT_MS = 120_000

/** For how long a pace that is another's is not asked for again. */
const OTHERS_MS = 500

/** A pace that this node has, or had when it last asked. */
interface Kept {
  readonly lease: Lease
  readonly applicationId: string
  /** `''` for that of the application. */
  readonly endpointId: string
  claimedAt: number
  /** How often it was taken, as the database counts. */
  takes: number
}

/** What {@link Paces} is made of. */
export interface PacesDeps {
  readonly database: Database
  /** Monotonic milliseconds. */
  readonly monotonic: () => number
}

/** The paces of this node. */
export class Paces {
  readonly #deps: PacesDeps
  readonly #kept = new Map<string, Kept>()
  /** Until when those of other nodes are not asked for. */
  readonly #others = new Map<string, number>()

  constructor(deps: PacesDeps) {
    this.#deps = deps
  }

  /** Returns the claims that may be made: those that need no pace, and those whose pace is this node's, now or before. */
  async takeFor(claims: readonly ClaimRequest[]): Promise<readonly ClaimRequest[]> {
    const paced = claims.filter(({ pacedBy }) => pacedBy !== undefined)
    if (paced.length === 0) return claims
    const now = this.#deps.monotonic()
    const wanted = new Map<string, Kept>()
    for (const claim of paced) {
      const key = keyOf(claim)
      if ((this.#others.get(key) ?? 0) > now) continue
      const { lease, applicationId, endpointId, pacedBy } = claim
      const before = this.#kept.get(key)
      const owner = pacedBy === 'application' ? '' : endpointId
      wanted.set(key, { lease, applicationId, endpointId: owner, claimedAt: now, takes: before?.takes ?? 0 })
      // Before the answer: what is being taken is not given up.
      if (before !== undefined) before.claimedAt = now
    }
    const taken = await this.#take([...wanted.values()])
    for (const [key, until] of this.#others) if (until <= now) this.#others.delete(key)
    for (const [key, pace] of wanted) {
      const takes = taken.get(key)
      if (takes === undefined) {
        this.#kept.delete(key)
        this.#others.set(key, now + OTHERS_MS)
      } else {
        this.#kept.set(key, { ...pace, takes })
      }
    }
    return claims.filter((claim) => claim.pacedBy === undefined || taken.has(keyOf(claim)))
  }

  /** Gives up those that were idle for long and of which nothing is held. To be called now and then. */
  async giveUpIdle(): Promise<void> {
    const now = this.#deps.monotonic()
    const idle = [...this.#kept.entries()].filter(([, { claimedAt }]) => now - claimedAt >= KEPT_MS)
    if (idle.length === 0) return
    for (const [key] of idle) this.#kept.delete(key)
    const paces = idle.map(([, pace]) => pace)
    const rows = await this.#deps.database.batch(GIVE_UP, [
      ...columnsOf(paces),
      arrayText(paces.map((p) => p.takes)),
    ])
    const gone = new Set(rows.map((row) => textKey(row['application_id'], row['endpoint_id'])))
    for (const [key, pace] of idle) if (!gone.has(key) && !this.#kept.has(key)) this.#kept.set(key, pace)
  }

  async #take(paces: readonly Kept[]): Promise<Map<string, number>> {
    if (paces.length === 0) return new Map()
    const rows = await this.#deps.database.batch(TAKE, columnsOf(paces))
    return new Map(
      rows.map((row) => [textKey(row['application_id'], row['endpoint_id']), row['takes'] as number]),
    )
  }
}

function columnsOf(paces: readonly Kept[]): string[] {
  return [
    arrayText(paces.map(({ applicationId }) => applicationId)),
    arrayText(paces.map(({ endpointId }) => endpointId)),
    arrayText(paces.map(({ lease }) => lease)),
  ]
}

function keyOf({ applicationId, endpointId, pacedBy }: ClaimRequest): string {
  return textKey(applicationId, pacedBy === 'application' ? '' : endpointId)
}

function textKey(applicationId: unknown, endpointId: unknown): string {
  return `${String(applicationId)} ${String(endpointId)}`
}

/** Takes what is nobody's. A node that is gone has none: its rows go with it, and a dead lease takes nothing. */
const TAKE: BatchStatement = {
  name: 'take paces',
  text: `INSERT INTO pace AS p (application_id, endpoint_id, lease, takes)
    SELECT w.application_id, w.endpoint_id, w.lease, 1
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS w (application_id, endpoint_id, lease)
    WHERE EXISTS (SELECT 1 FROM node n WHERE n.lease = w.lease)
    ORDER BY w.application_id, w.endpoint_id
    ON CONFLICT (application_id, endpoint_id) DO UPDATE SET takes = p.takes + 1 WHERE p.lease = excluded.lease
    RETURNING application_id, endpoint_id, takes`,
}

/** Not where it was taken once more meanwhile. */
const GIVE_UP: BatchStatement = {
  name: 'give up paces',
  text: `DELETE FROM pace p
    USING unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS w (application_id, endpoint_id, lease, takes)
    WHERE p.application_id = w.application_id AND p.endpoint_id = w.endpoint_id AND p.lease = w.lease
      AND p.takes = w.takes
      AND NOT EXISTS (SELECT 1 FROM delivery d
        WHERE d.application_id = p.application_id AND (p.endpoint_id = '' OR d.endpoint_id = p.endpoint_id)
          AND d.lease IS NOT NULL AND d.lease = p.lease)
    RETURNING p.application_id, p.endpoint_id`,
}
