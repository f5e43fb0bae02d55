/**
 * What is removed in PostgreSQL: payloads, answers and whole old messages. Of these a day goes at once, with its partitions,
 * when all of it is old enough: so a message may stay up to a day longer than it has to. A day with something pending is
 * gone through message by message.
 *
 * @module
 */

import { firstIdAt, instantOf } from '../../domain/id.ts'
import { type PurgeWork, purgeProgress } from '../../domain/task.ts'
import { toJson } from '../rows/cells.ts'
import { CANCEL_EXPUNGED, PENDING } from '../rows/delivery.ts'
import { taskOf } from '../rows/task.ts'
import type { Store } from '../store.ts'
import type { Database, Queries, Row } from './database.ts'
import { type Day, dayNamed, dropDay, listDays } from './partitions.ts'
import { arrayText, joined, raw, sql } from './sql.ts'

type RetentionMethods =
  | 'expungeContent'
  | 'expungeAttemptContent'
  | 'expungeExpired'
  | 'stepPurge'
  | 'deleteOldMessages'
  | 'trimEndpointHistory'

/** What stands where an answer was. */
const EXPUNGED_ANSWER = 'EXPUNGED'

/** Event ids of a day that are deleted in one step before the day is dropped. */
const EVENT_IDS = 10_000

/** Where the walk over a table begins. */
const START = '(0,0)'

type Step = Awaited<ReturnType<Store['deleteOldMessages']>>

/** The methods that remove content and old messages. */
export function retentionMethods(database: Database): Pick<Store, RetentionMethods> {
  return {
    expungeContent: (applicationId, messageId, now) =>
      database.write((transaction) => expunge(transaction, applicationId, messageId, now)),

    expungeAttemptContent: async (applicationId, messageId, attemptId) =>
      (await database.change(
        sql`UPDATE attempt SET response = ${EXPUNGED_ANSWER}
            WHERE application_id = ${applicationId} AND message_id = ${messageId} AND id = ${attemptId}`,
      )) !== 0,

    expungeExpired: (now, limit) =>
      database.write(async (transaction) => {
        const expired = await transaction.rows(
          sql`SELECT application_id, id FROM message
              WHERE expires_at IS NOT NULL AND expunged_at IS NULL AND expires_at <= ${now}
              ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
        )
        for (const row of expired) {
          await expunge(transaction, row['application_id'] as string, row['id'] as string, now)
        }
        return expired.length
      }),

    stepPurge: (taskId, limit, now) =>
      database.write(async (transaction) => {
        // Held to the end of the step, so that of two nodes one takes it and the other goes on from there.
        const row = await transaction.row(
          sql`SELECT * FROM task WHERE id = ${taskId} AND status = 'running' FOR UPDATE`,
        )
        if (row === undefined) return null
        const task = taskOf(row)
        const work = task.work as PurgeWork
        const cursor = (row['cursor'] as string | null) ?? ''
        const messages = await transaction.rows(
          sql`SELECT id, expunged_at FROM message
              WHERE application_id = ${work.applicationId} AND id > ${cursor} AND id < ${firstIdAt('message', work.until)}
              ORDER BY id LIMIT ${limit}`,
        )
        const full = messages.filter((message) => message['expunged_at'] === null)
        for (const message of full)
          await expunge(transaction, work.applicationId, message['id'] as string, now)
        const last = messages.length < limit ? null : (messages.at(-1)!['id'] as string)
        const data = purgeProgress(
          { ...task, work },
          full.length,
          last === null ? null : instantOf('message', last),
        )
        const status = last === null ? 'finished' : 'running'
        await transaction.change(
          sql`UPDATE task SET status = ${status}, data = ${toJson(data)}, cursor = ${last}, updated_at = ${now}
              WHERE id = ${taskId}`,
        )
        return { ...task, status, data, updatedAt: now }
      }),

    trimEndpointHistory: ({ before, after, limit }) =>
      database.write(async (transaction) => {
        const owners = await transaction.rows(
          sql`SELECT application_id FROM endpoint_history WHERE application_id > ${after ?? ''}
              GROUP BY application_id ORDER BY application_id LIMIT ${limit}`,
        )
        let deleted = 0
        for (const row of owners) {
          const applicationId = row['application_id'] as string
          // Ids sort as messages were made.
          const oldest = await transaction.row(
            sql`SELECT created_at FROM message WHERE application_id = ${applicationId} ORDER BY id LIMIT 1`,
          )
          // What an endpoint was until an instant counts for the messages before it. Of what is older than all messages, an
          // explanation still asks when an endpoint that is there was last enabled.
          const until = Math.min(before, (oldest?.['created_at'] as number | undefined) ?? before)
          deleted += await transaction.change(
            sql`DELETE FROM endpoint_history h WHERE application_id = ${applicationId} AND changed_at <= ${until}
                  AND (changed_at IS DISTINCT FROM (SELECT max(changed_at) FROM endpoint_history p
                      WHERE p.application_id = h.application_id AND p.endpoint_id = h.endpoint_id
                        AND p.changed_at <= ${until} AND NOT p.disabled)
                    OR EXISTS (SELECT 1 FROM endpoint e
                      WHERE e.application_id = h.application_id AND e.id = h.endpoint_id AND e.deleted_at <= ${until}))`,
          )
        }
        return { deleted, next: owners.length < limit ? null : (owners.at(-1)!['application_id'] as string) }
      }),

    async deleteOldMessages({ before, after, limit }) {
      const [stage, dayName = '', place = START] = (after ?? 'day').split(' ')
      if (stage === 'refused') return { deleted: 0, next: await deleteRefused(before, limit) }
      if (stage === 'walk') {
        const { deleted, next } = await walk(`message_${dayName}`, before, place, limit)
        return { deleted, next: next === null ? `day ${dayName}` : `walk ${dayName} ${next}` }
      }
      const day = stage === 'day' ? await nextDay(dayName, before) : null
      if (day !== null) return deleteDay(day)
      const { deleted, next } = await walk('message_default', before, place, limit)
      return { deleted, next: next === null ? await deleteRefused(before, limit) : `rest - ${next}` }
    },
  }

  /** Of what the outbox could not make a message of, and nobody has sent again since. Returns where to go on. */
  async function deleteRefused(before: number, limit: number): Promise<string | null> {
    const gone = await database.change(
      sql`DELETE FROM outbox_refused WHERE ctid IN (
            SELECT ctid FROM outbox_refused WHERE refused_at < to_timestamp(${before}::bigint / 1000.0) LIMIT ${limit})`,
    )
    return gone < limit ? null : 'refused'
  }

  /** The first day beyond another of which all messages are old enough. */
  async function nextDay(beyond: string, before: number): Promise<Day | null> {
    const end = firstIdAt('message', before)
    const names = await listDays(database)
    return (
      names
        .filter((name) => name > beyond)
        .map(dayNamed)
        .find(({ to }) => to <= end) ?? null
    )
  }

  async function deleteDay(day: Day): Promise<Step> {
    const events = await database.change(
      sql`DELETE FROM message_event WHERE ctid IN (
            SELECT ctid FROM message_event WHERE message_id >= ${day.from} AND message_id < ${day.to}
              AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.application_id = message_event.application_id
                AND d.message_id = message_event.message_id AND d.status = ${raw(String(PENDING))}
                AND d.message_id >= ${day.from} AND d.message_id < ${day.to})
            LIMIT ${EVENT_IDS})`,
    )
    // The cursor is the day before: the next step goes on with this one.
    if (events === EVENT_IDS) return { deleted: 0, next: `day ${Number(day.name) - 1}` }
    const deleted = await dropDay(database, day)
    if (deleted === 'pending') return { deleted: 0, next: `walk ${day.name} ${START}` }
    // Where others have the tables for long, as a dump does, the next sweep drops it.
    return { deleted: deleted === 'busy' ? 0 : deleted, next: `day ${day.name}` }
  }

  /** Looks at messages in the order in which they lie in a table, which is about that in which they were made. */
  function walk(table: string, before: number, place: string, limit: number): Promise<Step> {
    return database.write(async (transaction) => {
      const exists = await transaction.row(sql`SELECT to_regclass(${table}) AS found`)
      if (exists!['found'] === null) return { deleted: 0, next: null }
      const old = await transaction.rows(
        sql`SELECT m.ctid::text AS place, m.application_id, m.id,
              EXISTS (SELECT 1 FROM delivery d WHERE d.application_id = m.application_id AND d.message_id = m.id
                AND d.status = ${raw(String(PENDING))}) AS is_pending
            FROM ${raw(table)} m WHERE m.ctid > ${place}::tid AND m.created_at < ${before} LIMIT ${limit}`,
      )
      const done = old.filter((row) => row['is_pending'] === false)
      await deleteMessages(transaction, done)
      return { deleted: done.length, next: old.length < limit ? null : (old.at(-1)!['place'] as string) }
    })
  }
}

async function expunge(
  transaction: Queries,
  applicationId: string,
  messageId: string,
  now: number,
): Promise<boolean> {
  const changes = await transaction.change(
    sql`UPDATE message SET payload = '', expunged_at = coalesce(expunged_at, ${now})
        WHERE application_id = ${applicationId} AND id = ${messageId}`,
  )
  if (changes === 0) return false
  await transaction.change(
    sql`UPDATE delivery SET ${raw(CANCEL_EXPUNGED)}
        WHERE application_id = ${applicationId} AND message_id = ${messageId}
          AND status = ${raw(String(PENDING))} AND lease IS NULL`,
  )
  return true
}

async function deleteMessages(transaction: Queries, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return
  const columns = ['application_id', 'id'].map(
    (column) => sql`${arrayText(rows.map((row) => row[column] as string))}::text[]`,
  )
  const gone = sql`unnest(${joined(columns, ', ')}) AS gone (application_id, message_id)`
  for (const table of ['attempt', 'delivery', 'message_label', 'message_event']) {
    await transaction.change(
      sql`DELETE FROM ${raw(table)} t USING ${gone}
          WHERE t.application_id = gone.application_id AND t.message_id = gone.message_id`,
    )
  }
  await transaction.change(
    sql`DELETE FROM message t USING ${gone} WHERE t.application_id = gone.application_id AND t.id = gone.message_id`,
  )
}
