/** Removes from SQLite what tokens, idempotency and the audit log no longer need. @module */

import type { DatabaseSync } from 'node:sqlite'

import { firstIdAt } from '../../domain/id.ts'
import { IDEMPOTENCY_MS, epochOf } from '../../domain/idempotency.ts'
import { type Synchronous, statementCache } from './tables.ts'

/** The method that purges: each statement reads the start of an index, and no more than its limit. */
export function purgeMethods(database: DatabaseSync): Synchronous<'purgeAccess'> {
  const prepared = statementCache(database)
  return {
    purgeAccess({ now, auditBefore, limit }) {
      const removed = [
        prepared(
          `DELETE FROM message_key WHERE (epoch, key) IN
             (SELECT epoch, key FROM message_key WHERE epoch < ? ORDER BY epoch, key LIMIT ?)`,
        ).run(epochOf(now - IDEMPOTENCY_MS), limit),
        prepared(
          'DELETE FROM answer WHERE key IN (SELECT key FROM answer WHERE created_at <= ? ORDER BY created_at LIMIT ?)',
        ).run(now - IDEMPOTENCY_MS, limit),
        prepared(
          'DELETE FROM login_key WHERE hash IN (SELECT hash FROM login_key WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
        ).run(now, limit),
        prepared(
          `DELETE FROM token WHERE id IN
             (SELECT id FROM token WHERE scope = 'portal' AND expires_at <= ? ORDER BY expires_at LIMIT ?)`,
        ).run(now, limit),
        // Over all organisations: ids begin with their instant, so this is the start of the table.
        prepared('DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?)').run(
          firstIdAt('audit', auditBefore),
          limit,
        ),
      ]
      return removed.reduce((sum, { changes }) => sum + Number(changes), 0)
    },
  }
}
