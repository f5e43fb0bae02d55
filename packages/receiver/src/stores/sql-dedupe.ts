/** The statements of a dedupe store, for SQLite and PostgreSQL. @module */

import type { Begun, RunTimes } from '../handle/dedupe-store.ts'
import { SWEEP_ROWS, numberOf, type RunSql, type SqlRow } from './sql.ts'

/** The statements over one table. A mark: `held_until` is the end of the lease, or of the window once done. */
export interface DedupeSql {
  /** Takes the key, and returns the token; or what stands in the way. */
  take(run: RunSql, key: string, times: RunTimes): Promise<string | Exclude<Begun<never>, { state: 'begun' }>>
  /** Marks as done what `token` has taken. */
  finish(run: RunSql, key: string, token: string, windowEndMs: number): Promise<boolean>
  /** Removes the mark that `token` has made. */
  drop(run: RunSql, key: string, token: string): Promise<void>
  /** Removes, once a minute, what nobody holds any more, and the oldest beyond `maxRows`. */
  sweep(run: RunSql, nowMs: number): Promise<void>
}

/** How often a process looks for rows to remove. */
const SWEEP_EVERY_MS = 60_000

/** Returns the statements over `table`, which keeps about `maxRows` at most. */
export function dedupeSql(table: string, maxRows: number): DedupeSql {
  let nextSweepMs = Number.NEGATIVE_INFINITY

  async function look(run: RunSql, key: string): Promise<SqlRow | undefined> {
    const [row] = await run(`SELECT is_done, held_until FROM ${table} WHERE key = $1`, [key])
    return row
  }

  return {
    async take(run, key, { nowMs, leaseEndMs }) {
      const token = crypto.randomUUID()
      // One statement decides: a row is taken if there is none, or nobody holds it any more.
      const [taken] = await run(
        `INSERT INTO ${table} AS mark (key, token, is_done, held_until) VALUES ($1, $2, 0, $3)
         ON CONFLICT (key) DO UPDATE SET token = excluded.token, is_done = 0, held_until = excluded.held_until
         WHERE mark.held_until <= $4
         RETURNING token`,
        [key, token, leaseEndMs, nowMs],
      )
      if (taken !== undefined) return token
      const row = await look(run, key)
      // It was released in between: not worth a second try, as the sender makes one.
      if (row === undefined) return { state: 'running', leaseEndMs: null }
      return numberOf(row, 'is_done') === 1
        ? { state: 'done' }
        : { state: 'running', leaseEndMs: numberOf(row, 'held_until') }
    },
    async finish(run, key, token, windowEndMs) {
      const rows = await run(
        `UPDATE ${table} SET is_done = 1, held_until = $1 WHERE key = $2 AND token = $3 AND is_done = 0 RETURNING key`,
        [windowEndMs, key, token],
      )
      return rows.length === 1
    },
    async drop(run, key, token) {
      await run(`DELETE FROM ${table} WHERE key = $1 AND token = $2 AND is_done = 0 RETURNING key`, [
        key,
        token,
      ])
    },
    async sweep(run, nowMs) {
      if (nowMs < nextSweepMs) return
      nextSweepMs = nowMs + SWEEP_EVERY_MS
      await run(
        `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE held_until <= $1 LIMIT ${SWEEP_ROWS}) RETURNING id`,
        [nowMs],
      )
      // Ids grow with each event, so this counts without counting. What is under way stays.
      await run(
        `DELETE FROM ${table} WHERE id IN (
           SELECT id FROM ${table} WHERE is_done = 1 AND id <= (SELECT max(id) FROM ${table}) - $1 ORDER BY id LIMIT ${SWEEP_ROWS}
         ) RETURNING id`,
        [maxRows],
      )
    },
  }
}
