/** Background tasks in SQLite, and the counts that some of them make. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { DeliveryStatus } from '../../domain/delivery.ts'
import { taskOf } from '../rows/task.ts'
import { STATUSES, STATUS_CONDITIONS, indexOf, standingStatement } from './standings.ts'
import { type Condition, type Row, type Synchronous, pageClause, statementCache } from './tables.ts'

type TaskMethods =
  | 'createTask'
  | 'findTask'
  | 'listTasks'
  | 'findRunningTasks'
  | 'finishTask'
  | 'deleteTasks'
  | 'countDeliveriesOfEndpoint'
  | 'countDeliveriesOfApplication'

/** The methods on tasks, save the steps that send messages again. */
export function taskMethods(database: DatabaseSync): Synchronous<TaskMethods> {
  const prepared = statementCache(database)
  return {
    createTask(task) {
      prepared(
        `INSERT INTO task (id, organisation_id, application_id, status, kind, work, data, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ).run(
        task.id,
        task.organisationId,
        task.applicationId,
        task.status,
        task.work.kind,
        JSON.stringify(task.work),
        JSON.stringify(task.data),
        task.createdAt,
        task.updatedAt,
      )
    },

    findTask(organisationId, id) {
      const row = prepared('SELECT * FROM task WHERE id = ? AND organisation_id = ?').get(id, organisationId)
      return row === undefined ? null : taskOf(row)
    },

    listTasks(organisationId, page, { status, kinds }) {
      const conditions: Condition[] = [['organisation_id = ?', organisationId]]
      if (status !== undefined) conditions.push(['status = ?', status])
      if (kinds !== undefined) conditions.push([`kind IN (${kinds.map(() => '?').join()})`, ...kinds])
      const { sql, values } = pageClause('id', page, conditions)
      return prepared(`SELECT * FROM task INDEXED BY task_list ${sql}`)
        .all(...values)
        .map((row) => taskOf(row as Row))
    },

    findRunningTasks: (limit) =>
      prepared(`SELECT * FROM task INDEXED BY task_running WHERE status = 'running' ORDER BY id LIMIT ?`)
        .all(limit)
        .map((row) => taskOf(row as Row)),

    finishTask: (id, { status, data }, now) =>
      prepared(
        `UPDATE task SET status = ?, data = json_patch(data, ?), updated_at = ? WHERE id = ? AND status = 'running'`,
      ).run(status, JSON.stringify(data), now, id).changes !== 0,

    deleteTasks: (beforeId, limit) =>
      Number(
        prepared(
          `DELETE FROM task WHERE id IN (SELECT id FROM task WHERE id < ? AND status <> 'running' ORDER BY id LIMIT ?)`,
        ).run(beforeId, limit).changes,
      ),

    countDeliveriesOfEndpoint(applicationId, endpointId, { from, to }, limit) {
      const conditions: Condition[] = [['d.message_id >= ? AND d.message_id < ?', from, to]]
      const first = { limit: 1, order: 'ascending', after: null } as const
      const of = { applicationId, endpointId, statuses: STATUSES, conditions }
      const { sql, values } = standingStatement('d.status', '', first, of)
      const next = prepared(`${sql} OFFSET ?`).get(...values, limit)?.['message_id'] as string | undefined
      // One statement, so that all counts are of one instant.
      const counts = STATUSES.map(
        (status) =>
          `(SELECT count(*) FROM delivery d INDEXED BY ${indexOf(status)}
            WHERE ${STATUS_CONDITIONS[status]} AND d.application_id = ?1 AND d.endpoint_id = ?2
              AND d.message_id >= ?3 AND d.message_id < ?4) AS ${status}`,
      )
      const row = prepared(`SELECT ${counts.join(', ')}`).get(applicationId, endpointId, from, next ?? to)
      return { counts: { ...(row as Record<DeliveryStatus, number>) }, next: next ?? null }
    },

    countDeliveriesOfApplication(applicationId, { from, to }, limit) {
      const next = prepared(
        `SELECT message_id FROM delivery WHERE application_id = ? AND message_id >= ? AND message_id < ?
         ORDER BY message_id LIMIT 1 OFFSET ?`,
      ).get(applicationId, from, to, limit)?.['message_id'] as string | undefined
      const row = prepared(
        'SELECT count(*) AS total FROM delivery WHERE application_id = ? AND message_id >= ? AND message_id < ?',
      ).get(applicationId, from, next ?? to)!
      // A page that ends within one message's deliveries, as one to very many endpoints might, would come no further.
      return { total: row['total'] as number, next: next === from ? null : (next ?? null) }
    },
  }
}
