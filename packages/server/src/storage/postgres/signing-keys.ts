/** The server's signing keys in PostgreSQL. @module */

import { PosthornError } from '../../domain/errors.ts'
import { MAX_SIGNING_KEYS, type SigningKey } from '../../domain/signing-key.ts'
import { signingKeyOf } from '../rows/signing-key.ts'
import type { Store } from '../store.ts'
import { type Database, type Queries, lockOf } from './database.ts'
import type { KeyRing } from './encryption-keys.ts'
import type { Notices } from './notices.ts'
import { sql } from './sql.ts'

type SigningKeyMethods = 'listSigningKeys' | 'createSigningKey' | 'rotateSigningKey'

/** The methods on signing keys. */
export function signingKeyMethods(
  database: Database,
  notices: Notices,
  keys: KeyRing,
): Pick<Store, SigningKeyMethods> {
  const insert = async (transaction: Queries, { id, privateKey, createdAt, expiresAt }: SigningKey) => {
    const box = await keys.sealer(transaction)
    await transaction.change(
      sql`INSERT INTO signing_key (id, private_key, created_at, expires_at)
          VALUES (${id}, ${box.seal(privateKey)}, ${createdAt}, ${expiresAt})`,
    )
  }
  const lock = (transaction: Queries) => transaction.row(lockOf(database.options.schema, 'signing keys'))

  return {
    async listSigningKeys() {
      // The newest is the one that has no end: two may be of one millisecond.
      const rows = await database.rows(
        sql`SELECT * FROM signing_key ORDER BY expires_at IS NOT NULL, created_at DESC, id`,
      )
      return rows.map((row) => signingKeyOf(row, keys))
    },

    createSigningKey: (key) =>
      notices.writeTold(null, async (transaction) => {
        await lock(transaction)
        const present = await transaction.row(sql`SELECT 1 FROM signing_key WHERE expires_at IS NULL`)
        if (present !== undefined) return false
        await insert(transaction, key)
        return true
      }),

    rotateSigningKey: (key, graceMs, now) =>
      notices.writeTold(null, async (transaction) => {
        await lock(transaction)
        const row = await transaction.row(
          sql`SELECT count(*) AS live FROM signing_key WHERE coalesce(expires_at > ${now}, true)`,
        )
        if (graceMs > 0 && (row!['live'] as number) >= MAX_SIGNING_KEYS) {
          throw new PosthornError('limit_reached', `${MAX_SIGNING_KEYS} keys of this server sign already`, {
            hint: 'Try again when the oldest has expired, or give no grace period',
          })
        }
        await transaction.change(
          sql`UPDATE signing_key SET expires_at = ${now + graceMs} WHERE expires_at IS NULL`,
        )
        await transaction.change(sql`DELETE FROM signing_key WHERE expires_at <= ${now}`)
        await insert(transaction, key)
      }),
  }
}
