/** What is removed in SQLite: payloads, answers and whole old messages. @module */

import type { DatabaseSync } from 'node:sqlite'

import { firstIdAt, instantOf } from '../../domain/id.ts'
import { type PurgeWork, purgeProgress } from '../../domain/task.ts'
import { CANCEL_EXPUNGED, PENDING } from '../rows/delivery.ts'
import { taskOf } from '../rows/task.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

type RetentionMethods =
  | 'expungeContent'
  | 'expungeAttemptContent'
  | 'expungeExpired'
  | 'stepPurge'
  | 'deleteOldMessages'
  | 'trimEndpointHistory'

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

    stepPurge(taskId, limit, now) {
      const row = prepared(`SELECT * FROM task WHERE id = ? AND status = 'running'`).get(taskId)
      if (row === undefined) return null
      const task = taskOf(row)
      const work = task.work as PurgeWork
      const messages = prepared(
        'SELECT id, expunged_at FROM message WHERE application_id = ? AND id > ? AND id < ? ORDER BY id LIMIT ?',
      ).all(
        work.applicationId,
        (row['cursor'] as string | null) ?? '',
        firstIdAt('message', work.until),
        limit,
      ) as Row[]
      const full = messages.filter((message) => message['expunged_at'] === null)
      for (const message of full) expunge(work.applicationId, message['id'] as string, now)
      const last = messages.length < limit ? null : (messages.at(-1)!['id'] as string)
      const data = purgeProgress(
        { ...task, work },
        full.length,
        last === null ? null : instantOf('message', last),
      )
      const status = last === null ? 'finished' : 'running'
      prepared('UPDATE task SET status = ?, data = ?, cursor = ?, updated_at = ? WHERE id = ?').run(
        status,
        JSON.stringify(data),
        last,
        now,
        taskId,
      )
      return { ...task, status, data, updatedAt: now }
    },

    trimEndpointHistory({ before, after, limit }) {
      const owners = prepared(
        `SELECT application_id FROM endpoint_history WHERE application_id > ?
         GROUP BY application_id ORDER BY application_id LIMIT ?`,
      ).all(after ?? '', limit) as Row[]
      let deleted = 0
      for (const row of owners) {
        const applicationId = row['application_id'] as string
        // Ids sort as messages were made.
        const oldest = prepared(
          'SELECT created_at FROM message WHERE application_id = ? ORDER BY id LIMIT 1',
        ).get(applicationId)
        // What an endpoint was until an instant counts for the messages before it. Of what is older than all messages, an
        // explanation still asks when an endpoint that is there was last enabled.
        const until = Math.min(before, (oldest?.['created_at'] as number | undefined) ?? before)
        deleted += Number(
          prepared(
            `DELETE FROM endpoint_history AS h WHERE application_id = ?1 AND changed_at <= ?2
               AND (changed_at IS NOT (SELECT max(changed_at) FROM endpoint_history p
                   WHERE p.application_id = h.application_id AND p.endpoint_id = h.endpoint_id AND p.changed_at <= ?2
                     AND p.disabled = 0)
                 OR EXISTS (SELECT 1 FROM endpoint e
                   WHERE e.application_id = h.application_id AND e.id = h.endpoint_id AND e.deleted_at <= ?2))`,
          ).run(applicationId, until).changes,
        )
      }
      return { deleted, next: owners.length < limit ? null : (owners.at(-1)!['application_id'] as string) }
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
