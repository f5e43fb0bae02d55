/** The filters that look into messages, for lists of something else. @module */

import type { MessageFilter } from '../port/messages.ts'
import type { Queries } from './database.ts'
import { type Sql, arrayText, raw, sql } from './sql.ts'

/** Kinds of labels in `message_label`. */
export const TAG = 0
export const CHANNEL = 1

/** Messages that are worth looking at one by one, in place of all that an endpoint got. */
const FEW = 2_000

/**
 * Returns the ids of the messages that one of the filters lets through, if they are few: then a list starts from these.
 * `null` where they are many, and a list in its own order soon meets the next.
 */
export async function fewMessages(
  queries: Queries,
  applicationId: string,
  { tag, channel, eventTypes }: MessageFilter,
): Promise<string[] | null> {
  const labelled = (kind: number, name: string) =>
    sql`SELECT message_id AS id FROM message_label
        WHERE application_id = ${applicationId} AND kind = ${raw(String(kind))} AND name = ${name}`
  const candidates: Sql[] = []
  if (tag !== undefined) candidates.push(labelled(TAG, tag))
  if (channel !== undefined) candidates.push(labelled(CHANNEL, channel))
  if (eventTypes !== undefined) {
    candidates.push(
      sql`SELECT id FROM message
          WHERE application_id = ${applicationId} AND event_type = ANY (${arrayText(eventTypes)}::text[])`,
    )
  }
  for (const candidate of candidates) {
    const rows = await queries.rows(sql`${candidate} LIMIT ${FEW + 1}`)
    if (rows.length <= FEW) return rows.map((row) => row['id'] as string)
  }
  return null
}
