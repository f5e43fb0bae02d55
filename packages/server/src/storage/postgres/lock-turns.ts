/** Locks on tables that are in use, taken so that nobody waits long behind who waits for one. @module */

import { setTimeout as pause } from 'node:timers/promises'

import type { Client } from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import { isTransient } from './faults.ts'

/**
 * For how long each try waits, in milliseconds, over and over. All that comes later waits behind who waits for a lock on a
 * whole table, so it is short; but an autovacuum gives way only to who has waited for `deadlock_timeout`, a second, so one of
 * the tries waits longer than that.
 */
const TIMEOUTS_MS = [300, 300, 300, 1_500] as const

/** The traffic has this time to itself before the next try. */
const PAUSE_MS = 1_000

/** For how long locks are tried for, by default: longer than any statement of a node, shorter than a dump. */
export const LOCK_PATIENCE_MS = 120_000

/**
 * Runs a transaction that locks tables; again, after a pause, where it did not get one of its locks in time.
 *
 * @throws {PosthornError} `data_in_use`: others have had the tables for all of that time.
 */
export async function inTurns(
  client: Client,
  what: string,
  patienceMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  for (let tries = 0; ; tries++) {
    try {
      await client.query('BEGIN')
      await client.query(`SET LOCAL lock_timeout = ${TIMEOUTS_MS[tries % TIMEOUTS_MS.length]!}`)
      await work()
      await client.query('COMMIT')
      return
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      if (!isTransient(error)) throw error
      if (performance.now() + PAUSE_MS >= giveUpAt) throw await inUse(client, what, error)
      await pause(PAUSE_MS)
    }
  }
}

async function inUse(client: Client, what: string, cause: unknown): Promise<PosthornError> {
  const { rows } = await client.query<{ pid: number; name: string | null }>(
    `SELECT a.pid, a.application_name AS name
     FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation
     WHERE l.granted AND a.pid <> pg_backend_pid() AND c.relnamespace = current_schema()::regnamespace
     ORDER BY a.xact_start LIMIT 1`,
  )
  const [first] = rows
  const who = first === undefined ? '' : ` (the longest: "${first.name}", process ${first.pid} of PostgreSQL)`
  return new PosthornError('data_in_use', `${what} got no lock: others have had its tables all the time`, {
    hint: `Wait for their transactions${who}, or end them; then run "posthorn migrate" again. Nodes that run go on meanwhile`,
    cause,
  })
}
