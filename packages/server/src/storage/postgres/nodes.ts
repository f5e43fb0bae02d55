/**
 * The nodes of a cluster, and what becomes of the work of those that die.
 *
 *     join ──▶ alive ──beat──▶ alive …
 *                └─ no beat, seen by another for as long as allowed ─▶ gone: its deliveries are free, its lease is dead
 *
 * A lease that is not in `node` is dead for good: none is given twice. A record needs the lease to be on its delivery still,
 * so that a node which was paused and taken for dead cannot record. What it accepted under its dead lease before it noticed
 * is found by a sweep.
 *
 * @module
 */

import type { Lease, Node, NodeState } from '../port/nodes.ts'
import { toJson } from '../rows/cells.ts'
import type { Store } from '../store.ts'
import { ClockOffset } from './clock-offset.ts'
import type { BatchStatement, Database, Queries } from './database.ts'
import { isLost, refusalOf } from './faults.ts'
import { MIGRATIONS } from './migrations.ts'
import { NodeWatch } from './node-watch.ts'
import type { Notices } from './notices.ts'
import { arrayText, raw, sql } from './sql.ts'

/** A node that beats each second has this time for two beats. */
const LONGEST_GAP_MS = 2_000

/** Beats from one sweep to the next. */
const SWEEP_EVERY = 60

/** What {@link Nodes} is made of. */
export interface NodesDeps {
  readonly database: Database
  readonly notices: Notices
  /** Epoch milliseconds of this machine, not corrected. */
  readonly clock: () => number
  /** Monotonic milliseconds. */
  readonly monotonic: () => number
  /** Silence after which another node is dead, in milliseconds. */
  readonly deadAfterMs: number
  /** The ids of the encryption keys that this node has, to be told with each beat. */
  readonly keyIds: () => Promise<readonly string[]>
}

/** This process as a node, and its view of the others. */
export class Nodes implements Pick<Store, 'joinAsNode' | 'listNodes'> {
  readonly #deps: NodesDeps
  readonly #watch: NodeWatch
  readonly #offset = new ClockOffset()
  #lease: Lease | null = null
  #beats = 0

  constructor(deps: NodesDeps) {
    this.#deps = deps
    this.#watch = new NodeWatch({ deadAfterMs: deps.deadAfterMs, longestGapMs: LONGEST_GAP_MS })
  }

  /** What to add to this machine's clock to have the database's, in milliseconds. */
  get clockOffsetMs(): number {
    return this.#offset.ms
  }

  async joinAsNode(now: number): Promise<Lease> {
    const keyIds = arrayText(await this.#deps.keyIds())
    const before = this.#lease
    const lease = await this.#deps.database.writeByIndex(async (transaction) => {
      // Who joins anew has given up what it held.
      if (before !== null) await transaction.change(sql`DELETE FROM node WHERE lease = ${before}`)
      const row = await transaction.row(
        sql`INSERT INTO node (beats, beaten_at, key_ids, joined_at)
            VALUES (0, clock_timestamp(), ${keyIds}::text[], ${now}) RETURNING lease`,
      )
      await freeOfTheDead(transaction)
      return row!['lease'] as Lease
    })
    this.#lease = lease
    return lease
  }

  async listNodes(): Promise<Node[]> {
    const rows = await this.#deps.database.rows(
      sql`SELECT lease, state, joined_at,
            greatest(0, extract(epoch FROM clock_timestamp() - beaten_at) * 1000)::float8 AS silent_ms
          FROM node ORDER BY lease`,
    )
    return rows.map((row) => ({
      lease: row['lease'] as Lease,
      state: stateOf(row['state']),
      joinedAt: row['joined_at'] as number,
      silentMs: Math.round(row['silent_ms'] as number),
    }))
  }

  /** As {@link Store.beat}. */
  async beat(lease: Lease, state: NodeState | null): Promise<boolean> {
    const { database, clock, monotonic } = this.#deps
    const keyIds = arrayText(await this.#deps.keyIds())
    const askedAt = clock()
    const rows = await database.batch(BEAT, [lease, keyIds, toldOf(state)]).catch((error: unknown) => {
      throw refusalOf(error)
    })
    const nodes = rows.map((row) => ({ lease: row['lease'] as Lease, beats: row['beats'] as number }))
    if (rows[0]?.['is_alive'] !== true) return false
    this.#offset.add({ askedAt, answeredAt: clock(), theirs: rows[0]['at'] as number })

    const dead = this.#watch.look(
      nodes.filter((node) => node.lease !== lease),
      monotonic(),
    )
    let freed = 0
    if (dead.length > 0) {
      freed += await database.writeByIndex((transaction) =>
        transaction.change(
          // A node that has beaten since is not dead: its row is another one now.
          sql`WITH gone AS (
                DELETE FROM node n
                USING unnest(${arrayText(dead.map((node) => node.lease))}::bigint[],
                  ${arrayText(dead.map((node) => node.beats))}::bigint[]) AS dead (lease, beats)
                WHERE n.lease = dead.lease AND n.beats = dead.beats RETURNING n.lease)
              UPDATE delivery SET lease = NULL
              WHERE lease IS NOT NULL AND lease = ANY (ARRAY(SELECT lease FROM gone))`,
        ),
      )
    }
    if (this.#beats++ % SWEEP_EVERY === 0) freed += await database.writeByIndex(freeOfTheDead)
    if (freed > 0) await this.#deps.notices.sayDue()
    return true
  }

  /** Gives up the lease and frees what it held. A database that is away learns it by the silence. */
  async leave(): Promise<void> {
    const lease = this.#lease
    if (lease === null) return
    this.#lease = null
    try {
      await this.#deps.database.writeByIndex(async (transaction) => {
        await transaction.change(sql`DELETE FROM node WHERE lease = ${lease}`)
        await freeOfTheDead(transaction)
      })
    } catch (error) {
      const refusal = refusalOf(error)
      if (!isLost(error) && !(refusal instanceof Error && 'code' in refusal && refusal.code === 'busy'))
        throw error
    }
  }
}

/** What a node tells of itself, with the schema that it knows: a step that would break it is not done while it lives. */
function toldOf(state: NodeState | null): string | null {
  return toJson(state === null ? null : { ...state, schema: MIGRATIONS.length })
}

function stateOf(told: unknown): NodeState | null {
  if (told === null) return null
  const { version, host, pid, held, inFlight } = told as NodeState
  return { version, host, pid, held, inFlight }
}

/** Frees what is held under leases of which there is no node; returns how many. */
function freeOfTheDead(transaction: Queries): Promise<number> {
  return transaction.change(
    raw(
      `UPDATE delivery SET lease = NULL
       WHERE lease IS NOT NULL AND lease = ANY (ARRAY(
         SELECT DISTINCT held.lease FROM delivery held
         WHERE held.lease IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node n WHERE n.lease = held.lease)))`,
    ),
  )
}

const BEAT: BatchStatement = {
  name: 'beat',
  text: `WITH mine AS (UPDATE node SET beats = beats + 1, beaten_at = clock_timestamp(),
      key_ids = $2::text[], state = coalesce($3::json, state) WHERE lease = $1 RETURNING lease)
    SELECT n.lease, n.beats, EXISTS (SELECT 1 FROM mine) AS is_alive,
      (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS at
    FROM node n`,
}
