/** Background tasks in PostgreSQL, and the counts that some of them make. @module */

import type { DeliveryStatus } from '../../domain/delivery.ts'
import { toJson } from '../rows/cells.ts'
import { taskOf } from '../rows/task.ts'
import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import { joined, raw, sql } from './sql.ts'
import { STATUSES, STATUS_CONDITIONS } from './standings.ts'
import { pageClause } from './tables.ts'

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
export function taskMethods(database: Database): Pick<Store, TaskMethods> {
  return {
    async createTask(task) {
      await database.change(
        sql`INSERT INTO task (id, organisation_id, application_id, status, kind, work, data, created_at, updated_at)
            VALUES (${task.id}, ${task.organisationId}, ${task.applicationId}, ${task.status}, ${task.work.kind},
              ${toJson(task.work)}, ${toJson(task.data)}, ${task.createdAt}, ${task.updatedAt})`,
      )
    },

    async findTask(organisationId, id) {
      const row = await database.row(
        sql`SELECT * FROM task WHERE id = ${id} AND organisation_id = ${organisationId}`,
      )
      return row === undefined ? null : taskOf(row)
    },

    async listTasks(organisationId, page, { status, kinds }) {
      const conditions = [sql`organisation_id = ${organisationId}`]
      if (status !== undefined) conditions.push(sql`status = ${status}`)
      if (kinds !== undefined) conditions.push(sql`kind = ANY(${[...kinds]})`)
      const rows = await database.rows(sql`SELECT * FROM task ${pageClause('id', page, conditions)}`)
      return rows.map(taskOf)
    },

    async findRunningTasks(limit) {
      const rows = await database.rows(
        sql`SELECT * FROM task WHERE status = 'running' ORDER BY id LIMIT ${limit}`,
      )
      return rows.map(taskOf)
    },

    finishTask: (id, { status, data }, now) =>
      database.write(async (transaction) => {
        const row = await transaction.row(
          sql`SELECT * FROM task WHERE id = ${id} AND status = 'running' FOR UPDATE`,
        )
        if (row === undefined) return false
        const after = { ...taskOf(row).data, ...data }
        await transaction.change(
          sql`UPDATE task SET status = ${status}, data = ${toJson(after)}, updated_at = ${now} WHERE id = ${id}`,
        )
        return true
      }),

    deleteTasks: (beforeId, limit) =>
      database.change(
        sql`DELETE FROM task WHERE id IN (
              SELECT id FROM task WHERE id < ${beforeId} AND status <> 'running' ORDER BY id LIMIT ${limit})`,
      ),

    async countDeliveriesOfEndpoint(applicationId, endpointId, { from, to }, limit) {
      const owner = sql`d.application_id = ${applicationId} AND d.endpoint_id = ${endpointId}`
      // Each status with an index of its own: together they are in order without a sort.
      const parts = STATUSES.map(
        (status) =>
          sql`(SELECT d.message_id FROM delivery d
               WHERE ${owner} AND ${STATUS_CONDITIONS[status]} AND d.message_id >= ${from} AND d.message_id < ${to}
               ORDER BY d.message_id LIMIT ${limit + 1})`,
      )
      const beyond = await database.row(
        sql`${joined(parts, ' UNION ALL ')} ORDER BY 1 LIMIT 1 OFFSET ${limit}`,
      )
      const next = beyond?.['message_id'] as string | undefined
      // One statement, so that all counts are of one instant.
      const counts = STATUSES.map(
        (status) =>
          sql`(SELECT count(*) FROM delivery d WHERE ${owner} AND ${STATUS_CONDITIONS[status]}
                AND d.message_id >= ${from} AND d.message_id < ${next ?? to}) AS ${raw(status)}`,
      )
      const row = await database.row(sql`SELECT ${joined(counts, ', ')}`)
      return { counts: { ...(row as Record<DeliveryStatus, number>) }, next: next ?? null }
    },

    async countDeliveriesOfApplication(applicationId, { from, to }, limit) {
      const range = (end: string) =>
        sql`application_id = ${applicationId} AND message_id >= ${from} AND message_id < ${end}`
      const beyond = await database.row(
        sql`SELECT message_id FROM delivery WHERE ${range(to)} ORDER BY message_id LIMIT 1 OFFSET ${limit}`,
      )
      const next = beyond?.['message_id'] as string | undefined
      const row = await database.row(sql`SELECT count(*) AS total FROM delivery WHERE ${range(next ?? to)}`)
      // A page that ends within one message's deliveries, as one to very many endpoints might, would come no further.
      return { total: row!['total'] as number, next: next === from ? null : (next ?? null) }
    },
  }
}
