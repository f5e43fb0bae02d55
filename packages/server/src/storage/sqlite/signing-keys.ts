/** The server's signing keys in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import { MAX_SIGNING_KEYS, type SigningKey } from '../../domain/signing-key.ts'
import { signingKeyOf } from '../rows/signing-key.ts'
import type { SecretBox } from '../secret-box.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

type SigningKeyMethods = 'listSigningKeys' | 'createSigningKey' | 'rotateSigningKey'

/** The methods on signing keys. */
export function signingKeyMethods(database: DatabaseSync, box: SecretBox): Synchronous<SigningKeyMethods> {
  const prepared = statementCache(database)

  const insert = ({ id, privateKey, createdAt, expiresAt }: SigningKey) =>
    void prepared('INSERT INTO signing_key VALUES (?, ?, ?, ?)').run(
      id,
      box.seal(privateKey),
      createdAt,
      expiresAt,
    )

  return {
    listSigningKeys: () =>
      // The newest is the one that has no end: two may be of one millisecond.
      prepared('SELECT * FROM signing_key ORDER BY expires_at IS NOT NULL, created_at DESC, id')
        .all()
        .map((row) => signingKeyOf(row as Row, box)),

    createSigningKey(key) {
      if (prepared('SELECT 1 FROM signing_key WHERE expires_at IS NULL').get() !== undefined) return false
      insert(key)
      return true
    },

    rotateSigningKey(key, graceMs, now) {
      const live = prepared('SELECT count(*) AS n FROM signing_key WHERE coalesce(expires_at > ?, 1)').get(
        now,
      )!
      if (graceMs > 0 && (live['n'] as number) >= MAX_SIGNING_KEYS) {
        throw new PosthornError('limit_reached', `${MAX_SIGNING_KEYS} keys of this server sign already`, {
          hint: 'Try again when the oldest has expired, or give no grace period',
        })
      }
      prepared('UPDATE signing_key SET expires_at = ? WHERE expires_at IS NULL').run(now + graceMs)
      prepared('DELETE FROM signing_key WHERE expires_at <= ?').run(now)
      insert(key)
    },
  }
}
