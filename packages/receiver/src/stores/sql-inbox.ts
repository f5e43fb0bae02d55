/** The statements of an inbox, for SQLite and PostgreSQL. @module */

import { concatBytes } from '../bytes.ts'
import type { ClaimedEvent, DeadLetter, InboxEvent, InboxStore } from '../inbox/inbox-store.ts'
import { SWEEP_ROWS, numberOf, textOf, type RunSql, type SqlRow } from './sql.ts'

/** The statements over one table. `due_at`: when it is due, when its lease ends, or when it is to be forgotten. */
export interface InboxSql extends Omit<InboxStore, 'begin'> {
  /** Marks as done what is still claimed by `event.token`. */
  readonly succeed: (run: RunSql, event: ClaimedEvent, forgetAtMs: number) => Promise<boolean>
  /** Makes due later, or dead, what is still claimed by `event.token`. */
  readonly fail: (event: ClaimedEvent, error: string, retryAtMs: number | null) => Promise<void>
}

const EVENT = 'id, key, source, event_id, event_type, signed_at, body, attempts'

/**
 * Returns the statements over `table`.
 *
 * @param skipLocked - What makes a claim pass by the rows that another process is claiming, where that is needed.
 */
export function inboxSql(table: string, run: RunSql, skipLocked: '' | 'FOR UPDATE SKIP LOCKED'): InboxSql {
  return {
    async add(event, nowMs) {
      const rows = await run(
        `INSERT INTO ${table} (key, source, event_id, event_type, signed_at, body, state, attempts, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'pending', 0, $7)
         ON CONFLICT (key) DO NOTHING RETURNING id`,
        [event.key, event.source, event.eventId, event.eventType, event.signedAtMs, event.body, nowMs],
      )
      return rows.length === 1
    },
    async claim(limit, nowMs, leaseEndMs) {
      const token = crypto.randomUUID()
      const rows = await run(
        `UPDATE ${table} SET token = $1, due_at = $2, attempts = attempts + 1 WHERE id IN (
           SELECT id FROM ${table} WHERE state = 'pending' AND due_at <= $3 ORDER BY due_at, id LIMIT $4 ${skipLocked}
         ) RETURNING ${EVENT}`,
        [token, leaseEndMs, nowMs, limit],
      )
      return rows
        .map((row) => ({
          ...eventOf(row),
          id: numberOf(row, 'id'),
          attempt: numberOf(row, 'attempts'),
          token,
        }))
        .toSorted((a, b) => a.id - b.id)
    },
    async succeed(within, event, forgetAtMs) {
      const rows = await within(
        `UPDATE ${table} SET state = 'done', token = NULL, body = NULL, error = NULL, due_at = $1
         WHERE id = $2 AND token = $3 AND state = 'pending' RETURNING id`,
        [forgetAtMs, event.id, event.token],
      )
      return rows.length === 1
    },
    async fail(event, error, retryAtMs) {
      await run(
        `UPDATE ${table} SET state = $1, token = NULL, error = $2, due_at = $3
         WHERE id = $4 AND token = $5 AND state = 'pending' RETURNING id`,
        [retryAtMs === null ? 'dead' : 'pending', error, retryAtMs ?? 0, event.id, event.token],
      )
    },
    async listDead(limit, afterId) {
      const rows = await run(
        `SELECT ${EVENT}, error FROM ${table} WHERE state = 'dead' AND id > $1 ORDER BY id LIMIT $2`,
        [afterId, limit],
      )
      return rows.map((row): DeadLetter => ({
        ...eventOf(row),
        id: numberOf(row, 'id'),
        attempts: numberOf(row, 'attempts'),
        error: textOf(row, 'error') ?? '',
      }))
    },
    async rerun(id, nowMs) {
      const rows = await run(
        `UPDATE ${table} SET state = 'pending', attempts = 0, due_at = $1 WHERE id = $2 AND state = 'dead' RETURNING id`,
        [nowMs, id],
      )
      return rows.length === 1
    },
    async discard(id, forgetAtMs) {
      const rows = await run(
        `UPDATE ${table} SET state = 'done', body = NULL, due_at = $1 WHERE id = $2 AND state = 'dead' RETURNING id`,
        [forgetAtMs, id],
      )
      return rows.length === 1
    },
    async sweep(nowMs) {
      await run(
        `DELETE FROM ${table} WHERE id IN (
           SELECT id FROM ${table} WHERE state = 'done' AND due_at <= $1 LIMIT ${SWEEP_ROWS}
         ) RETURNING id`,
        [nowMs],
      )
    },
  }
}

function eventOf(row: SqlRow): InboxEvent {
  const { body } = row
  return {
    key: textOf(row, 'key') ?? '',
    source: textOf(row, 'source') ?? '',
    eventId: textOf(row, 'event_id') ?? '',
    eventType: textOf(row, 'event_type'),
    signedAtMs: numberOf(row, 'signed_at'),
    body: concatBytes(
      ArrayBuffer.isView(body) ? [new Uint8Array(body.buffer, body.byteOffset, body.byteLength)] : [],
    ),
  }
}
