/** Sending again, in SQLite: one delivery on request, and the steps of tasks that send many. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { DeliveryStatus } from '../../domain/delivery.ts'
import { type Endpoint, wantsMessage } from '../../domain/endpoint.ts'
import { firstIdAt, instantOf } from '../../domain/id.ts'
import { type ReplayWork, type Task, afterReplayStep } from '../../domain/task.ts'
import type { StepLimits } from '../port/tasks.ts'
import { fromJson } from '../rows/cells.ts'
import { CANCELED, FAIL, FRONT, PENDING, REPLAY, SUCCESS } from '../rows/delivery.ts'
import { endpointOf } from '../rows/endpoint.ts'
import { taskOf } from '../rows/task.ts'
import type { SecretBox } from '../secret-box.ts'
import { linePlaces } from './accepts.ts'
import { standingStatement } from './standings.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

/** What is over and may be sent again. */
const OVER: readonly DeliveryStatus[] = ['success', 'fail', 'canceled']

/** How far one step of a task came. */
interface Page {
  /** Rows that were looked at. */
  readonly seen: number
  /** Deliveries that are due now and were not before. */
  readonly sent: number
  /** The last row that was looked at; `null` where none is left. */
  readonly last: string | null
}

/** What a step of a task works with: what lies strictly between two ids. */
interface StepContext {
  readonly task: Pick<Task, 'id' | 'work'>
  readonly applicationId: string
  /** That of the work, where it is about one. */
  readonly endpoint: Endpoint | null
  readonly after: string
  readonly before: string
  readonly looks: number
  readonly sends: number
  readonly now: number
}

/** The methods that make deliveries due again. */
export function replayMethods(
  database: DatabaseSync,
  box: SecretBox,
): Synchronous<'resendDelivery' | 'stepReplay' | 'cancelTask'> {
  const prepared = statementCache(database)
  const nextPlace = linePlaces(database)
  /** What a task sends again stands at the end of an ordered endpoint's line. */
  const placeFor = (applicationId: string, endpointId: string, isOrdered: boolean) =>
    isOrdered ? nextPlace(applicationId, endpointId) : null

  /** The endpoints of a step: whether each is there, and ordered. */
  const endpointsOf = (applicationId: string) => {
    const known = new Map<string, { readonly isOrdered: boolean } | null>()
    return (endpointId: string) => {
      let found = known.get(endpointId)
      if (found === undefined) {
        const row = prepared(
          `SELECT settings ->> 'ordering' = 'fifo' AS is_ordered FROM endpoint
           WHERE application_id = ? AND id = ? AND deleted_at IS NULL`,
        ).get(applicationId, endpointId)
        found = row === undefined ? null : { isOrdered: row['is_ordered'] === 1 }
        known.set(endpointId, found)
      }
      return found
    }
  }

  /** Makes what is over due again; returns how many that is. */
  const reviver = ({ applicationId, task, now }: StepContext) => {
    const endpoints = endpointsOf(applicationId)
    const statement = prepared(
      `UPDATE delivery SET replayed_status = status, replayed_attempts = attempts, replay_task = ?, status = ${PENDING},
         attempts = 0, due_at = ?, resumes_as = NULL, resumes_at = NULL, priority = ${REPLAY}, ordinal = ?
       WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND status IN (${SUCCESS}, ${FAIL}, ${CANCELED})`,
    )
    return (messageId: string, endpointId: string): number => {
      const endpoint = endpoints(endpointId)
      if (endpoint === null) return 0
      const place = placeFor(applicationId, endpointId, endpoint.isOrdered)
      return Number(statement.run(task.id, now, place, applicationId, messageId, endpointId).changes)
    }
  }

  const pages: { readonly [K in ReplayWork['kind']]: (context: StepContext) => Page } = {
    'endpoint.recover': (context) => {
      const { applicationId, after, before, looks } = context
      const endpointId = context.endpoint!.id
      const rows = prepared(
        `SELECT d.message_id, m.expunged_at FROM delivery d INDEXED BY delivery_status
         JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
         WHERE d.status <> 0 AND d.lease IS NULL AND d.application_id = ? AND d.endpoint_id = ?
           AND d.status = ${FAIL} AND d.message_id > ? AND d.message_id < ?
         ORDER BY d.message_id LIMIT ?`,
      ).all(applicationId, endpointId, after, before, looks) as Row[]
      const revive = reviver(context)
      return goThrough(rows, context, 'message_id', (row) =>
        row['expunged_at'] === null ? revive(row['message_id'] as string, endpointId) : 0,
      )
    },

    'endpoint.replay': (context) => {
      const { applicationId, after, before, looks, now, task } = context
      const endpoint = context.endpoint!
      const rows = prepared(
        `SELECT m.id, m.event_type, m.channels, m.expunged_at, m.deliver_at, d.status FROM message m
         LEFT JOIN delivery d ON d.application_id = m.application_id AND d.message_id = m.id AND d.endpoint_id = ?
         WHERE m.application_id = ? AND m.id > ? AND m.id < ? ORDER BY m.id LIMIT ?`,
      ).all(endpoint.id, applicationId, after, before, looks) as Row[]
      const insert = prepared(
        `INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, due_at, event_type,
           priority, ordinal, replay_task)
         VALUES (?, ?, ?, ${PENDING}, 0, ?, ?, ${REPLAY}, ?, ?)`,
      )
      return goThrough(rows, context, 'id', (row) => {
        if (row['status'] !== null || !isWanted(row, endpoint)) return 0
        const dueAt = Math.max(now, (row['deliver_at'] as number | null) ?? now)
        const place = placeFor(applicationId, endpoint.id, endpoint.settings.ordering === 'fifo')
        insert.run(applicationId, row['id']!, endpoint.id, dueAt, row['event_type']!, place, task.id)
        return 1
      })
    },

    'endpoint.bulk-replay': (context) => {
      const { applicationId, after, before, looks, task } = context
      const endpointId = context.endpoint!.id
      if (task.work.kind !== 'endpoint.bulk-replay') throw new RangeError(task.work.kind)
      const { eventTypes, channel, tag, status, statusCodeClass } = task.work.filter
      const statuses = status === null ? OVER : OVER.filter((over) => over === status)
      if (statuses.length === 0) return { seen: 0, sent: 0, last: null }
      // Read without the other filters, so that a step costs the same however little passes them.
      const { sql, values } = standingStatement(
        'm.event_type, m.channels, m.tags, m.expunged_at',
        'CROSS JOIN message m ON m.application_id = d.application_id AND m.id = +d.message_id',
        { limit: looks, order: 'ascending', after },
        { applicationId, endpointId, statuses, conditions: [['d.message_id < ?', before]] },
      )
      const rows = prepared(sql).all(...values) as Row[]
      const hasClass = prepared(
        `SELECT 1 FROM attempt WHERE application_id = ? AND message_id = ? AND endpoint_id = ?
           AND status_code BETWEEN ? AND ? LIMIT 1`,
      )
      const passes = (row: Row) => {
        if (row['expunged_at'] !== null) return false
        if (eventTypes !== null && !eventTypes.includes(row['event_type'] as string)) return false
        if (channel !== null && !(fromJson<string[] | null>(row['channels'])?.includes(channel) ?? false))
          return false
        if (tag !== null && !(fromJson<string[] | null>(row['tags'])?.includes(tag) ?? false)) return false
        if (statusCodeClass === null) return true
        const last = statusCodeClass === 0 ? 0 : statusCodeClass + 99
        const key = [applicationId, row['message_id'] as string, endpointId] as const
        return hasClass.get(...key, statusCodeClass, last) !== undefined
      }
      const revive = reviver(context)
      return goThrough(rows, context, 'message_id', (row) =>
        passes(row) ? revive(row['message_id'] as string, endpointId) : 0,
      )
    },

    'application.recover': (context) => {
      const { applicationId, after, before, looks, task } = context
      if (task.work.kind !== 'application.recover') throw new RangeError(task.work.kind)
      const { eventTypes } = task.work
      const [messageId = '', endpointId = ''] = after.split('.')
      const rows = prepared(
        `SELECT d.message_id || '.' || d.endpoint_id AS key, d.message_id, d.endpoint_id, d.event_type, m.expunged_at
         FROM delivery d INDEXED BY delivery_failed
         CROSS JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
         WHERE d.status = ${FAIL} AND d.application_id = ? AND (d.message_id, d.endpoint_id) > (?, ?)
           AND d.message_id < ?
         ORDER BY d.message_id, d.endpoint_id LIMIT ?`,
      ).all(applicationId, messageId, endpointId, before, looks) as Row[]
      const revive = reviver(context)
      return goThrough(rows, context, 'key', (row) => {
        if (row['expunged_at'] !== null) return 0
        if (eventTypes !== null && !eventTypes.includes(row['event_type'] as string)) return 0
        return revive(row['message_id'] as string, row['endpoint_id'] as string)
      })
    },
  }

  return {
    resendDelivery({ applicationId, messageId, endpointId }, now) {
      const row = prepared(
        'SELECT status, lease FROM delivery WHERE application_id = ? AND message_id = ? AND endpoint_id = ?',
      ).get(applicationId, messageId, endpointId)
      if (row === undefined) {
        prepared(
          `INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, due_at, resumes_as, event_type,
             ordinal)
           SELECT application_id, id, ?, ${PENDING}, 0, ?, ${FAIL}, event_type, ${FRONT} FROM message
           WHERE application_id = ? AND id = ?`,
        ).run(endpointId, now, applicationId, messageId)
        return
      }
      // Asked for twice before it was made, a manual attempt is one attempt, and goes back to where the first found it.
      // What a person asked for is no task's any more to take back.
      prepared(
        `UPDATE delivery SET resumes_at = iif(resumes_as IS NULL, due_at, resumes_at),
           resumes_as = coalesce(resumes_as, status), status = ${PENDING}, due_at = ?, priority = 0,
           ordinal = coalesce(ordinal, ${FRONT}), replay_task = NULL
         WHERE application_id = ? AND message_id = ? AND endpoint_id = ? AND lease IS NULL`,
      ).run(now, applicationId, messageId, endpointId)
    },

    stepReplay(taskId, limits, now) {
      const row = prepared(`SELECT * FROM task WHERE id = ? AND status = 'running'`).get(taskId)
      if (row === undefined) return null
      const task = taskOf(row)
      const work = task.work as ReplayWork
      const applicationId = task.applicationId!
      const endpoint = 'endpointId' in work ? findEndpoint(applicationId, work.endpointId) : null
      if (endpoint === null && work.kind !== 'application.recover') {
        const data = { ...task.data, error: 'The endpoint was deleted' }
        return saveStep(task, { status: 'failed', data }, null, now)
      }
      const sends = Math.min(limits.sends, limits.waiting - waitingOf(taskId, limits, now))
      if (sends <= 0) return task
      const page = pages[work.kind]({
        task,
        applicationId,
        endpoint,
        after: (row['cursor'] as string | null) ?? firstIdAt('message', work.since),
        before: firstIdAt('message', work.until),
        looks: limits.looks,
        sends,
        now,
      })
      const lastAt = page.last === null ? null : instantOf('message', page.last)
      return saveStep(task, afterReplayStep(task, work, { ...page, lastAt }), page.last, now)
    },

    cancelTask(id, now) {
      const { changes } = prepared(
        `UPDATE task SET status = 'failed', data = json_patch(data, ?), updated_at = ? WHERE id = ? AND status = 'running'`,
      ).run(JSON.stringify({ error: 'It was canceled' }), now, id)
      if (changes === 0) return false
      const isTaken = `replay_task = ? AND status = ${PENDING} AND lease IS NULL`
      // The first has what the task made, the second what was there before.
      prepared(
        `DELETE FROM delivery WHERE (application_id, message_id, endpoint_id) IN (
           SELECT application_id, message_id, endpoint_id FROM delivery INDEXED BY delivery_replayed
           WHERE ${isTaken} AND replayed_status IS NULL)`,
      ).run(id)
      prepared(
        `UPDATE delivery INDEXED BY delivery_replayed
         SET status = replayed_status, attempts = replayed_attempts, due_at = NULL, replay_task = NULL
         WHERE ${isTaken}`,
      ).run(id)
      return true
    },
  }

  function findEndpoint(applicationId: string, endpointId: string): Endpoint | null {
    const row = prepared(
      'SELECT * FROM endpoint WHERE application_id = ? AND id = ? AND deleted_at IS NULL',
    ).get(applicationId, endpointId)
    return row === undefined ? null : endpointOf(row, box)
  }

  /** Counts what a task made due and nothing came of yet, as far as the limit. */
  function waitingOf(taskId: string, { waiting }: StepLimits, now: number): number {
    return prepared(
      `SELECT count(*) AS number FROM (
         SELECT 1 FROM delivery INDEXED BY delivery_replayed
         WHERE replay_task = ? AND status = ${PENDING} AND due_at <= ? LIMIT ?)`,
    ).get(taskId, now, waiting)!['number'] as number
  }

  function saveStep(
    task: Task,
    changes: Pick<Task, 'status' | 'data'>,
    cursor: string | null,
    now: number,
  ): Task {
    prepared('UPDATE task SET status = ?, data = ?, cursor = ?, updated_at = ? WHERE id = ?').run(
      changes.status,
      JSON.stringify(changes.data),
      cursor,
      now,
      task.id,
    )
    return { ...task, ...changes, updatedAt: now }
  }
}

/** Takes up row after row, until as many were sent as may be. */
function goThrough(
  rows: readonly Row[],
  { looks, sends }: Pick<StepContext, 'looks' | 'sends'>,
  keyColumn: string,
  send: (row: Row) => number,
): Page {
  let [seen, sent] = [0, 0]
  while (seen < rows.length && sent < sends) sent += send(rows[seen++]!)
  const isEnd = seen === rows.length && rows.length < looks
  return { seen, sent, last: isEnd ? null : (rows[seen - 1]![keyColumn] as string) }
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
