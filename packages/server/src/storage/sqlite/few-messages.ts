/** The filters that look into messages, for lists of something else. @module */

import type { StatementSync } from 'node:sqlite'

import type { MessageFilter } from '../port/messages.ts'
import type { Condition } from './tables.ts'

/** Kinds of labels in `message_label`. */
export const TAG = 0
export const CHANNEL = 1

/** Messages that are worth looking at one by one, in place of all that an endpoint got. */
const FEW = 2_000

/**
 * Returns the query for the ids of the messages that one of the filters lets through, if they are few: then a list starts
 * from these. `null` where they are many, and a list in its own order soon meets the next.
 */
export function fewMessages(
  prepared: (sql: string) => StatementSync,
  applicationId: string,
  { tag, channel, eventTypes }: MessageFilter,
): Condition | null {
  const labelled = 'SELECT message_id FROM message_label WHERE application_id = ? AND kind = ? AND name = ?'
  const candidates: Condition[] = []
  if (tag !== undefined) candidates.push([labelled, applicationId, TAG, tag])
  if (channel !== undefined) candidates.push([labelled, applicationId, CHANNEL, channel])
  if (eventTypes !== undefined) {
    candidates.push([
      `SELECT id FROM message INDEXED BY message_event_type
       WHERE application_id = ? AND event_type IN (SELECT value FROM json_each(?))`,
      applicationId,
      JSON.stringify(eventTypes),
    ])
  }
  const isFew = ([sql, ...values]: Condition) =>
    (prepared(`SELECT count(*) AS number FROM (${sql} LIMIT ${FEW + 1})`).get(...values)![
      'number'
    ] as number) <= FEW
  return candidates.find(isFew) ?? null
}
