/** Idempotency keys in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { firstIdAt } from '../../domain/id.ts'
import { IDEMPOTENCY_MS, type IdempotencyKey, epochOf } from '../../domain/idempotency.ts'
import type { AcceptResult } from '../port/accepts.ts'
import type { SecretBox } from '../secret-box.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

/** The keys of messages, for the transaction that accepts them. */
export interface MessageKeys {
  /** Returns what the key was used for before, or `null`. */
  find(given: IdempotencyKey, now: number): AcceptResult | null
  keep(given: IdempotencyKey, messageId: string, now: number): void
}

/** Returns the keys of messages. */
export function messageKeys(database: DatabaseSync): MessageKeys {
  // One seek for each epoch, the present one first: a retry follows soon.
  const select = database.prepare(
    [0, 1]
      .map((back) => `SELECT body, message_id FROM message_key WHERE epoch = ?1 - ${back} AND key = ?2`)
      .join(' UNION ALL '),
  )
  const insert = database.prepare('INSERT INTO message_key VALUES (?, ?, ?, ?)')
  return {
    find({ key, body }, now) {
      const row = select.get(epochOf(now), key) as Row | undefined
      if (row === undefined) return null
      const messageId = row['message_id'] as string
      // Two epochs are up to 24 h. Ids begin with their instant, so this one tells its age.
      if (messageId < firstIdAt('message', now - IDEMPOTENCY_MS)) return null
      return { kind: row['body'] === body ? 'replayed' : 'key_reused', messageId }
    },
    keep: ({ key, body }, messageId, now) => void insert.run(epochOf(now), key, body, messageId),
  }
}

type IdempotencyMethods = 'findAnswer' | 'saveAnswer'

/** The methods on what other POSTs answered. */
export function idempotencyMethods(database: DatabaseSync, box: SecretBox): Synchronous<IdempotencyMethods> {
  const prepared = statementCache(database)
  return {
    findAnswer(key, after) {
      const row = prepared('SELECT * FROM answer WHERE key = ? AND created_at > ?').get(key, after) as
        Row | undefined
      if (row === undefined) return null
      return {
        key,
        body: row['body'] as string,
        status: row['status'] as number,
        content: box.open(row['content'] as Uint8Array),
        createdAt: row['created_at'] as number,
      }
    },

    saveAnswer: ({ key, body, status, content, createdAt }) =>
      void prepared('INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?)').run(
        key,
        body,
        status,
        box.seal(content),
        createdAt,
      ),
  }
}
