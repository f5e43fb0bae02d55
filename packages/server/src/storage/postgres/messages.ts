/** Messages and attempts in PostgreSQL, as the API asks for them. @module */

import type { Attempt } from '../../domain/attempt.ts'
import { type IdKind, firstIdAt } from '../../domain/id.ts'
import type { AttemptFilter } from '../port/attempts.ts'
import type { MessageFilter } from '../port/messages.ts'
import type { PageRequest } from '../port/page.ts'
import { attemptOf } from '../rows/attempt.ts'
import { messageOf } from '../rows/message.ts'
import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import { fewMessages } from './few-messages.ts'
import { merged } from './merged.ts'
import { type Sql, arrayText, raw, sql } from './sql.ts'
import { pageClause } from './tables.ts'

type MessageMethods = 'findMessage' | 'findAttempt' | 'listAttemptsOfMessage' | 'listAttemptsOfEndpoint'

/** The methods that read messages and attempts. */
export function messageMethods(database: Database): Pick<Store, MessageMethods> {
  const listAttempts = async (
    owner: readonly Sql[],
    page: PageRequest,
    filter: AttemptFilter,
  ): Promise<Attempt[]> => {
    const ofMessage = messageConditions(filter, 'm')
    // The message is read only for a filter that looks into it.
    const join =
      ofMessage.length === 0
        ? ''
        : 'JOIN message m ON m.application_id = a.application_id AND m.id = a.message_id'
    const end = pageClause('a.id', page, [
      ...owner,
      ...timeConditions(filter, 'a.id', 'attempt'),
      ...attemptConditions(filter),
      ...ofMessage,
    ])
    return (await database.rows(sql`SELECT a.* FROM attempt a ${raw(join)} ${end}`)).map(attemptOf)
  }

  return {
    async findMessage(applicationId, idOrEventId) {
      const row = await database.row(
        sql`SELECT * FROM message WHERE application_id = ${applicationId} AND id = ${idOrEventId}
            UNION ALL
            SELECT m.* FROM message_event e JOIN message m ON m.application_id = e.application_id AND m.id = e.message_id
            WHERE e.application_id = ${applicationId} AND e.event_id = ${idOrEventId}`,
      )
      return row === undefined ? null : messageOf(row)
    },

    async findAttempt(applicationId, messageId, attemptId) {
      const row = await database.row(
        sql`SELECT * FROM attempt
            WHERE application_id = ${applicationId} AND message_id = ${messageId} AND id = ${attemptId}`,
      )
      return row === undefined ? null : attemptOf(row)
    },

    listAttemptsOfMessage: (applicationId, messageId, page, filter) =>
      listAttempts([sql`a.application_id = ${applicationId} AND a.message_id = ${messageId}`], page, filter),

    async listAttemptsOfEndpoint(applicationId, endpointId, page, filter) {
      const ofEndpoint = sql`a.application_id = ${applicationId} AND a.endpoint_id = ${endpointId}`
      const few = await fewMessages(database, applicationId, filter)
      if (few !== null) {
        const among = sql`a.message_id = ANY (${arrayText(few)}::text[])`
        return listAttempts([ofEndpoint, among], page, filter)
      }
      const { statusCodeClass, ...rest } = filter
      const outcomes = filter.isSuccess === undefined ? [true, false] : [filter.isSuccess]
      return merged(page, outcomes, async (isSuccess) => {
        const ofOutcome = { ...rest, isSuccess: undefined }
        if (isSuccess || statusCodeClass === undefined) {
          // Only 2xx is success.
          if (statusCodeClass !== undefined && statusCodeClass !== 200) return []
          const owner = sql`${ofEndpoint} AND a.is_success = ${raw(String(isSuccess))}`
          return listAttempts([owner], page, ofOutcome)
        }
        // Said as the partial index `attempt_failed` says it.
        const owner = sql`${ofEndpoint} AND NOT a.is_success AND a.status_code / 100 = ${statusCodeClass / 100}`
        return listAttempts([owner], page, ofOutcome)
      })
    },
  }
}

/** A time filter is an id range, because ids begin with their instant: it runs on the index that orders the list. */
export function timeConditions(filter: MessageFilter, column: string, kind: IdKind): Sql[] {
  const conditions: Sql[] = []
  if (filter.before !== undefined) conditions.push(sql`${raw(column)} < ${firstIdAt(kind, filter.before)}`)
  if (filter.after !== undefined) conditions.push(sql`${raw(column)} >= ${firstIdAt(kind, filter.after)}`)
  return conditions
}

/** The conditions that look into the message, which the query knows as `alias`. */
export function messageConditions(filter: MessageFilter, alias: string): Sql[] {
  const conditions: Sql[] = []
  if (filter.channel !== undefined) conditions.push(sql`${filter.channel} = ANY (${raw(alias)}.channels)`)
  if (filter.tag !== undefined) conditions.push(sql`${filter.tag} = ANY (${raw(alias)}.tags)`)
  if (filter.eventTypes !== undefined) {
    conditions.push(sql`${raw(alias)}.event_type = ANY (${arrayText(filter.eventTypes)}::text[])`)
  }
  return conditions
}

function attemptConditions(filter: AttemptFilter): Sql[] {
  const conditions: Sql[] = []
  if (filter.isSuccess !== undefined) conditions.push(sql`a.is_success = ${filter.isSuccess}`)
  if (filter.statusCodeClass !== undefined) {
    // Class 0 is "no answer", recorded as status 0.
    const last = filter.statusCodeClass === 0 ? 0 : filter.statusCodeClass + 99
    conditions.push(sql`a.status_code BETWEEN ${filter.statusCodeClass} AND ${last}`)
  }
  if (filter.endpointId !== undefined) conditions.push(sql`a.endpoint_id = ${filter.endpointId}`)
  return conditions
}
