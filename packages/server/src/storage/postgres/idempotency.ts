/** Idempotency keys in PostgreSQL. @module */

import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import type { KeyRing } from './encryption-keys.ts'
import { sql } from './sql.ts'

/** The methods on what other POSTs answered. */
export function idempotencyMethods(
  database: Database,
  keys: KeyRing,
): Pick<Store, 'findAnswer' | 'saveAnswer'> {
  return {
    async findAnswer(key, after) {
      const row = await database.row(sql`SELECT * FROM answer WHERE key = ${key} AND created_at > ${after}`)
      if (row === undefined) return null
      return {
        key,
        body: row['body'] as string,
        status: row['status'] as number,
        content: keys.open(row['content'] as Uint8Array),
        createdAt: row['created_at'] as number,
      }
    },

    saveAnswer: ({ key, body, status, content, createdAt }) =>
      database.write(async (transaction) => {
        const box = await keys.sealer(transaction)
        await transaction.change(
          sql`INSERT INTO answer (key, body, status, content, created_at)
              VALUES (${key}, ${body}, ${status}, ${box.seal(content)}, ${createdAt})
              ON CONFLICT (key) DO UPDATE SET
                body = excluded.body, status = excluded.status, content = excluded.content,
                created_at = excluded.created_at`,
        )
      }),
  }
}
