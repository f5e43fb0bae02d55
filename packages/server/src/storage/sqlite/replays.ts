/** Sending again, in SQLite: one delivery on request, and the steps of tasks that send many. @module */

import type { DatabaseSync } from 'node:sqlite'

import { type Endpoint, wantsMessage } from '../../domain/endpoint.ts'
import { firstIdAt } from '../../domain/id.ts'
import type { ReplayWork, Task } from '../../domain/task.ts'
import type { SecretBox } from '../secret-box.ts'
import { CANCELED, FAIL, PENDING, SUCCESS } from './deliveries.ts'
import { endpointOf } from './endpoints.ts'
import { type Row, type Synchronous, fromJson, statementCache } from './tables.ts'
import { taskOf } from './tasks.ts'

/** Stored statuses of what is over and may be sent again. */
const OVER = `(${SUCCESS}, ${FAIL}, ${CANCELED})`

const STATUS_NUMBERS = {
  success: SUCCESS,
  pending: PENDING,
  fail: FAIL,
  sending: 3,
  canceled: CANCELED,
} as const

/** How far one step of a task came. */
interface Page {
  /** Deliveries that are due now and were not before. */
  readonly sent: number
  /** The last message that was looked at; `null` where none is left. */
  readonly last: string | null
}

/** The methods that make deliveries due again. */
export function replayMethods(
  database: DatabaseSync,
  box: SecretBox,
): Synchronous<'resendDelivery' | 'stepReplay'> {
  const prepared = statementCache(database)

  const revive = (applicationId: string, messageId: string, endpointId: string, now: number) =>
    prepared(
      `UPDATE delivery SET status = ${PENDING}, attempts = 0, due_at = ?, resumes_as = NULL, resumes_at = NULL
       WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND status IN ${OVER}`,
    ).run(now, applicationId, messageId, endpointId).changes

  const pages: { readonly [K in ReplayWork['kind']]: (context: StepContext) => Page } = {
    'endpoint.recover': ({ applicationId, endpoint, after, before, limit, now }) => {
      const ids = prepared(
        `SELECT d.message_id, m.expunged_at FROM delivery d INDEXED BY delivery_status
         JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
         WHERE d.status <> 0 AND d.lease IS NULL AND d.application_id = ? AND d.endpoint_id = ?
           AND d.status = ${FAIL} AND d.message_id > ? AND d.message_id < ?
         ORDER BY d.message_id LIMIT ?`,
      ).all(applicationId, endpoint.id, after, before, limit) as Row[]
      return reviveAll(ids, (row) => row['expunged_at'] === null, { applicationId, endpoint, limit, now })
    },

    'endpoint.replay': ({ applicationId, endpoint, after, before, limit, now }) => {
      const rows = prepared(
        `SELECT m.id, m.event_type, m.channels, m.expunged_at, m.deliver_at, d.status FROM message m
         LEFT JOIN delivery d ON d.application_id = m.application_id AND d.message_id = m.id AND d.endpoint_id = ?
         WHERE m.application_id = ? AND m.id > ? AND m.id < ? ORDER BY m.id LIMIT ?`,
      ).all(endpoint.id, applicationId, after, before, limit) as Row[]
      const insert = prepared(
        `INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, due_at)
         VALUES (?, ?, ?, ${PENDING}, 0, ?)`,
      )
      const missing = rows.filter((row) => row['status'] === null && isWanted(row, endpoint))
      for (const row of missing) {
        const dueAt = Math.max(now, (row['deliver_at'] as number | null) ?? now)
        insert.run(applicationId, row['id']!, endpoint.id, dueAt)
      }
      return { sent: missing.length, last: lastOf(rows, 'id', limit) }
    },

    'endpoint.bulk-replay': ({ applicationId, endpoint, work, after, before, limit, now }) => {
      if (work.kind !== 'endpoint.bulk-replay') throw new RangeError(work.kind)
      // Read without the filter, so that a step costs the same however little passes it.
      const rows = prepared(
        `SELECT d.message_id, d.status, m.event_type, m.channels, m.tags, m.expunged_at
         FROM delivery d INDEXED BY delivery_endpoint
         JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
         WHERE d.application_id = ? AND d.endpoint_id = ? AND d.message_id > ? AND d.message_id < ?
         ORDER BY d.message_id LIMIT ?`,
      ).all(applicationId, endpoint.id, after, before, limit) as Row[]
      const hasClass = prepared(
        `SELECT 1 FROM attempt WHERE application_id = ? AND message_id = ? AND endpoint_id = ?
           AND status_code BETWEEN ? AND ? LIMIT 1`,
      )
      const { eventTypes, channel, tag, status, statusCodeClass } = work.filter
      const passes = (row: Row) => {
        if (row['expunged_at'] !== null) return false
        if (eventTypes !== null && !eventTypes.includes(row['event_type'] as string)) return false
        if (channel !== null && !(fromJson<string[] | null>(row['channels'])?.includes(channel) ?? false))
          return false
        if (tag !== null && !(fromJson<string[] | null>(row['tags'])?.includes(tag) ?? false)) return false
        if (status !== null && STATUS_NUMBERS[status] !== row['status']) return false
        if (statusCodeClass === null) return true
        const last = statusCodeClass === 0 ? 0 : statusCodeClass + 99
        const key = [applicationId, row['message_id'] as string, endpoint.id] as const
        return hasClass.get(...key, statusCodeClass, last) !== undefined
      }
      return reviveAll(rows, passes, { applicationId, endpoint, limit, now })
    },
  }

  return {
    resendDelivery({ applicationId, messageId, endpointId }, now) {
      const row = prepared(
        'SELECT status, lease FROM delivery WHERE application_id = ? AND message_id = ? AND endpoint_id = ?',
      ).get(applicationId, messageId, endpointId)
      if (row === undefined) {
        prepared(
          `INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, due_at, resumes_as)
           VALUES (?, ?, ?, ${PENDING}, 0, ?, ${FAIL})`,
        ).run(applicationId, messageId, endpointId, now)
        return
      }
      // Asked for twice before it was made, a manual attempt is one attempt, and goes back to where the first found it.
      prepared(
        `UPDATE delivery SET resumes_at = iif(resumes_as IS NULL, due_at, resumes_at),
           resumes_as = coalesce(resumes_as, status), status = ${PENDING}, due_at = ?
         WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND lease IS NULL`,
      ).run(now, applicationId, messageId, endpointId)
    },

    stepReplay(taskId, limit, now) {
      const row = prepared(`SELECT * FROM task WHERE id = ? AND status = 'running'`).get(taskId)
      if (row === undefined) return null
      const task = taskOf(row)
      const work = task.work as ReplayWork
      const applicationId = task.applicationId!
      const endpointRow = prepared(
        'SELECT * FROM endpoint WHERE application_id = ? AND id = ? AND deleted_at IS NULL',
      ).get(applicationId, work.endpointId)
      if (endpointRow === undefined) {
        return saveStep(task, { status: 'failed', data: { ...task.data, error: 'The endpoint was deleted' } })
      }
      const page = pages[work.kind]({
        applicationId,
        endpoint: endpointOf(endpointRow, box),
        work,
        after: (row['cursor'] as string | null) ?? firstIdAt('message', work.since),
        before: firstIdAt('message', work.until),
        limit,
        now,
      })
      const sentBefore = (task.data['messagesSent'] as number | undefined) ?? 0
      return saveStep(
        task,
        {
          status: page.last === null ? 'finished' : 'running',
          data: { messagesSent: sentBefore + page.sent },
        },
        page.last,
      )

      function saveStep(before: Task, changes: Pick<Task, 'status' | 'data'>, cursor: string | null = null) {
        prepared('UPDATE task SET status = ?, data = ?, cursor = ?, updated_at = ? WHERE id = ?').run(
          changes.status,
          JSON.stringify(changes.data),
          cursor,
          now,
          before.id,
        )
        return { ...before, ...changes, updatedAt: now }
      }
    },
  }

  function reviveAll(
    rows: readonly Row[],
    passes: (row: Row) => boolean,
    {
      applicationId,
      endpoint,
      limit,
      now,
    }: Pick<StepContext, 'applicationId' | 'endpoint' | 'limit' | 'now'>,
  ): Page {
    let sent = 0
    for (const row of rows) {
      if (passes(row)) sent += Number(revive(applicationId, row['message_id'] as string, endpoint.id, now))
    }
    return { sent, last: lastOf(rows, 'message_id', limit) }
  }
}

/** What a step of a task works with: the messages strictly between two ids, at most `limit` of them. */
interface StepContext {
  readonly applicationId: string
  readonly endpoint: Endpoint
  readonly work: ReplayWork
  readonly after: string
  readonly before: string
  readonly limit: number
  readonly now: number
}

function lastOf(rows: readonly Row[], column: string, limit: number): string | null {
  return rows.length < limit ? null : (rows.at(-1)![column] as string)
}

/** A disabled endpoint keeps what waits for it, and what it missed may wait there too. */
function isWanted(row: Row, endpoint: Endpoint): boolean {
  return (
    row['expunged_at'] === null &&
    wantsMessage(
      { ...endpoint, disabled: false },
      { eventType: row['event_type'] as string, channels: fromJson<string[] | null>(row['channels']) },
    )
  )
}
