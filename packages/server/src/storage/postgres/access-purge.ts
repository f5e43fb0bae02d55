/** Removes from PostgreSQL what tokens, idempotency and the audit log no longer need. @module */

import { firstIdAt } from '../../domain/id.ts'
import { IDEMPOTENCY_MS, epochOf } from '../../domain/idempotency.ts'
import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

/** The method that purges: each statement reads the start of an index, and no more than its limit. */
export function purgeMethods(database: Database): Pick<Store, 'purgeAccess'> {
  return {
    async purgeAccess({ now, auditBefore, limit }) {
      const old = now - IDEMPOTENCY_MS
      const statements = [
        // By their place in the table, so that an index on the epoch alone finds them; nobody else writes these rows.
        sql`DELETE FROM message_key WHERE ctid IN
              (SELECT ctid FROM message_key WHERE epoch < ${epochOf(old)} ORDER BY epoch LIMIT ${limit})`,
        sql`DELETE FROM answer WHERE key IN
              (SELECT key FROM answer WHERE created_at <= ${old} ORDER BY created_at LIMIT ${limit})`,
        sql`DELETE FROM login_key WHERE hash IN
              (SELECT hash FROM login_key WHERE expires_at <= ${now} ORDER BY expires_at LIMIT ${limit})`,
        sql`DELETE FROM token WHERE id IN
              (SELECT id FROM token WHERE scope = 'portal' AND expires_at <= ${now} ORDER BY expires_at LIMIT ${limit})`,
        sql`DELETE FROM audit WHERE id IN
              (SELECT id FROM audit WHERE id < ${firstIdAt('audit', auditBefore)} ORDER BY id LIMIT ${limit})`,
      ]
      let removed = 0
      for (const statement of statements) removed += await database.change(statement)
      return removed
    },
  }
}
