/** What is removed in SQLite: payloads, answers and whole old messages. @module */

import type { DatabaseSync } from 'node:sqlite'

import { CANCEL_EXPUNGED, PENDING } from './delivery-status.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

type RetentionMethods = 'expungeContent' | 'expungeAttemptContent' | 'expungeExpired' | 'deleteOldMessages'

/** What stands where an answer was. */
const EXPUNGED_ANSWER = 'EXPUNGED'

/** The methods that remove content and old messages. */
export function retentionMethods(database: DatabaseSync): Synchronous<RetentionMethods> {
  const prepared = statementCache(database)

  const expunge = (applicationId: string, messageId: string, now: number): boolean => {
    const { changes } = prepared(
      `UPDATE message SET payload = x'', expunged_at = coalesce(expunged_at, ?) WHERE application_id = ? AND id = ?`,
    ).run(now, applicationId, messageId)
    if (changes === 0) return false
    prepared(
      `UPDATE delivery SET ${CANCEL_EXPUNGED}
       WHERE application_id = ? AND message_id = ? AND status = ${PENDING} AND lease IS NULL`,
    ).run(applicationId, messageId)
    return true
  }

  return {
    expungeContent: expunge,

    expungeAttemptContent: (applicationId, messageId, attemptId) =>
      prepared('UPDATE attempt SET response = ? WHERE application_id = ? AND message_id = ? AND id = ?').run(
        EXPUNGED_ANSWER,
        applicationId,
        messageId,
        attemptId,
      ).changes !== 0,

    expungeExpired(now, limit) {
      const expired = prepared(
        `SELECT application_id, id FROM message INDEXED BY message_expiry
         WHERE expires_at IS NOT NULL AND expunged_at IS NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?`,
      ).all(now, limit) as Row[]
      for (const row of expired) expunge(row['application_id'] as string, row['id'] as string, now)
      return expired.length
    },

    deleteOldMessages({ before, after, limit }) {
      // Rows are numbered as they were made, so the oldest are found without an index on time.
      const oldest = prepared(
        `SELECT m.rowid AS number, m.application_id, m.id, m.created_at, m.tags, m.channels,
           EXISTS (SELECT 1 FROM delivery d WHERE d.application_id = m.application_id AND d.message_id = m.id
             AND d.status = ${PENDING}) AS is_pending
         FROM message m WHERE m.rowid > ? ORDER BY m.rowid LIMIT ?`,
      ).all(Number(after ?? 0), limit) as Row[]
      const old = oldest.filter((row) => (row['created_at'] as number) < before)
      const done = old.filter((row) => row['is_pending'] === 0)
      for (const row of done) deleteMessage(row)
      const isAll = old.length < limit
      return { deleted: done.length, next: isAll ? null : String(old.at(-1)!['number']) }
    },
  }

  function deleteMessage(row: Row): void {
    const key = [row['application_id'] as string, row['id'] as string] as const
    prepared('DELETE FROM attempt WHERE application_id = ? AND message_id = ?').run(...key)
    prepared('DELETE FROM delivery WHERE application_id = ? AND message_id = ?').run(...key)
    for (const [kind, names] of [row['tags'], row['channels']].entries()) {
      if (names === null) continue
      prepared(
        `DELETE FROM message_label
         WHERE application_id = ? AND message_id = ? AND kind = ? AND name IN (SELECT value FROM json_each(?))`,
      ).run(...key, kind, names as string)
    }
    prepared('DELETE FROM message WHERE rowid = ?').run(row['number'] as number)
  }
}
