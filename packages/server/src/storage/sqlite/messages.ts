/** Messages and attempts in SQLite, as the API asks for them. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { Attempt } from '../../domain/attempt.ts'
import { type IdKind, firstIdAt } from '../../domain/id.ts'
import type { AttemptFilter } from '../port/attempts.ts'
import type { MessageFilter } from '../port/messages.ts'
import { attemptOf } from '../rows/attempt.ts'
import { messageOf } from '../rows/message.ts'
import { fewMessages } from './few-messages.ts'
import { merged } from './merged.ts'
import { type Condition, type Row, type Synchronous, pageClause, statementCache } from './tables.ts'

type MessageMethods = 'findMessage' | 'findAttempt' | 'listAttemptsOfMessage' | 'listAttemptsOfEndpoint'

/** The methods that read messages and attempts. */
export function messageMethods(database: DatabaseSync): Synchronous<MessageMethods> {
  const prepared = statementCache(database)

  const listAttempts = (
    owner: Condition,
    page: Parameters<Synchronous<'listAttemptsOfMessage'>['listAttemptsOfMessage']>[2],
    filter: AttemptFilter,
    index?: 'attempt_failed',
  ): Attempt[] => {
    const ofMessage = messageConditions(filter, 'm')
    // The message is read only for a filter that looks into it.
    const join =
      ofMessage.length === 0
        ? ''
        : 'CROSS JOIN message m ON m.application_id = a.application_id AND m.id = +a.message_id'
    const { sql, values } = pageClause('a.id', page, [
      owner,
      ...timeConditions(filter, 'a.id', 'attempt'),
      ...attemptConditions(filter),
      ...ofMessage,
    ])
    const by = index === undefined ? '' : `INDEXED BY ${index}`
    return prepared(`SELECT a.* FROM attempt a ${by} ${join} ${sql}`)
      .all(...values)
      .map((row) => attemptOf(row as Row))
  }

  return {
    findMessage(applicationId, idOrEventId) {
      const row = prepared(
        `SELECT * FROM message WHERE application_id = ?2 AND id = ?1
         UNION ALL
         SELECT * FROM message WHERE application_id = ?2 AND event_id = ?1`,
      ).get(idOrEventId, applicationId)
      return row === undefined ? null : messageOf(row)
    },

    findAttempt(applicationId, messageId, attemptId) {
      const row = prepared(
        'SELECT * FROM attempt WHERE application_id = ? AND message_id = ? AND id = ?',
      ).get(applicationId, messageId, attemptId)
      return row === undefined ? null : attemptOf(row)
    },

    listAttemptsOfMessage: (applicationId, messageId, page, filter) =>
      listAttempts(['a.application_id = ? AND a.message_id = ?', applicationId, messageId], page, filter),

    listAttemptsOfEndpoint(applicationId, endpointId, page, filter) {
      const few = fewMessages(prepared, applicationId, filter)
      if (few !== null) {
        const [ids, ...values] = few
        // The plus leaves the key of the table alone to find them by: message, then attempt.
        const among: Condition = [
          `a.application_id = ? AND a.message_id IN (${ids}) AND +a.endpoint_id = ?`,
          applicationId,
          ...values,
          endpointId,
        ]
        return listAttempts(among, page, filter)
      }
      const owner = 'a.application_id = ? AND a.endpoint_id = ? AND a.is_success ='
      const { statusCodeClass, ...rest } = filter
      const outcomes = filter.isSuccess === undefined ? [true, false] : [filter.isSuccess]
      return merged(page, outcomes, (isSuccess) => {
        const ofOutcome = { ...rest, isSuccess: undefined }
        if (isSuccess || statusCodeClass === undefined) {
          // Only 2xx is success.
          if (statusCodeClass !== undefined && statusCodeClass !== 200) return []
          return listAttempts([`${owner} ?`, applicationId, endpointId, Number(isSuccess)], page, ofOutcome)
        }
        return listAttempts(
          [`${owner} 0 AND a.status_code / 100 = ?`, applicationId, endpointId, statusCodeClass / 100],
          page,
          ofOutcome,
          // Named, because the planner may prefer the index of all that failed.
          'attempt_failed',
        )
      })
    },
  }
}

/** A time filter is an id range, because ids begin with their instant: it runs on the index that orders the list. */
export function timeConditions(filter: MessageFilter, column: string, kind: IdKind): Condition[] {
  const conditions: Condition[] = []
  if (filter.before !== undefined) conditions.push([`${column} < ?`, firstIdAt(kind, filter.before)])
  if (filter.after !== undefined) conditions.push([`${column} >= ?`, firstIdAt(kind, filter.after)])
  return conditions
}

/** The conditions that look into the message, which the query knows as `alias`. */
export function messageConditions(filter: MessageFilter, alias: string): Condition[] {
  const conditions: Condition[] = []
  if (filter.channel !== undefined) {
    conditions.push([`EXISTS (SELECT 1 FROM json_each(${alias}.channels) WHERE value = ?)`, filter.channel])
  }
  if (filter.tag !== undefined) {
    conditions.push([`EXISTS (SELECT 1 FROM json_each(${alias}.tags) WHERE value = ?)`, filter.tag])
  }
  if (filter.eventTypes !== undefined) {
    conditions.push([
      `${alias}.event_type IN (SELECT value FROM json_each(?))`,
      JSON.stringify(filter.eventTypes),
    ])
  }
  return conditions
}

function attemptConditions(filter: AttemptFilter): Condition[] {
  const conditions: Condition[] = []
  if (filter.isSuccess !== undefined) conditions.push(['a.is_success = ?', Number(filter.isSuccess)])
  if (filter.statusCodeClass !== undefined) {
    // Class 0 is "no answer", recorded as status 0.
    const last = filter.statusCodeClass === 0 ? 0 : filter.statusCodeClass + 99
    conditions.push(['a.status_code BETWEEN ? AND ?', filter.statusCodeClass, last])
  }
  if (filter.endpointId !== undefined) conditions.push(['a.endpoint_id = ?', filter.endpointId])
  return conditions
}
