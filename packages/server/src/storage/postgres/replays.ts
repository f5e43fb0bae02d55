/** Sending again, in PostgreSQL: one delivery on request, and the steps of tasks that send many. @module */

import type { Endpoint } from '../../domain/endpoint.ts'
import { firstIdAt, instantOf } from '../../domain/id.ts'
import { type ReplayWork, type Task, afterReplayStep } from '../../domain/task.ts'
import type { StepLimits } from '../port/tasks.ts'
import { toJson } from '../rows/cells.ts'
import { FAIL, FRONT, PENDING } from '../rows/delivery.ts'
import { endpointOf } from '../rows/endpoint.ts'
import { taskOf } from '../rows/task.ts'
import type { Store } from '../store.ts'
import type { Database, Queries } from './database.ts'
import type { KeyRing } from './encryption-keys.ts'
import { REPLAY_PAGES } from './replay-pages.ts'
import { raw, sql } from './sql.ts'

/** The methods that make deliveries due again. */
export function replayMethods(
  database: Database,
  keys: KeyRing,
): Pick<Store, 'resendDelivery' | 'stepReplay' | 'cancelTask'> {
  return {
    resendDelivery: ({ applicationId, messageId, endpointId }, now) =>
      database.write(async (transaction) => {
        const inserted = await transaction.change(
          sql`INSERT INTO delivery (application_id, message_id, endpoint_id, event_type, status, attempts, priority, due_at,
                resumes_as, ordinal)
              SELECT application_id, id, ${endpointId}, event_type, ${raw(String(PENDING))}, 0, 0, ${now}::bigint,
                ${raw(String(FAIL))}, ${FRONT}::bigint
              FROM message WHERE application_id = ${applicationId} AND id = ${messageId}
              ON CONFLICT DO NOTHING`,
        )
        if (inserted > 0) return
        // Asked for twice before it was made, a manual attempt is one attempt, and goes back to where the first found it.
        // What a person asked for is no task's any more to take back.
        await transaction.change(
          sql`UPDATE delivery SET resumes_at = CASE WHEN resumes_as IS NULL THEN due_at ELSE resumes_at END,
                resumes_as = coalesce(resumes_as, status), status = ${raw(String(PENDING))}, due_at = ${now}, priority = 0,
                ordinal = coalesce(ordinal, ${FRONT}::bigint), replay_task = NULL
              WHERE application_id = ${applicationId} AND message_id = ${messageId} AND endpoint_id = ${endpointId}
                AND lease IS NULL`,
        )
      }),

    stepReplay: (taskId, limits, now) =>
      database.write(async (transaction) => {
        // Held to the end of the step, so that of two nodes one takes it and the other goes on from there.
        const row = await transaction.row(
          sql`SELECT * FROM task WHERE id = ${taskId} AND status = 'running' FOR UPDATE`,
        )
        if (row === undefined) return null
        const task = taskOf(row)
        const work = task.work as ReplayWork
        const applicationId = task.applicationId!
        const endpoint =
          'endpointId' in work ? await findEndpoint(transaction, applicationId, work.endpointId) : null
        if (endpoint === null && work.kind !== 'application.recover') {
          const data = { ...task.data, error: 'The endpoint was deleted' }
          return saveStep(transaction, task, { status: 'failed', data }, null, now)
        }
        const sends = Math.min(
          limits.sends,
          limits.waiting - (await waitingOf(transaction, taskId, limits, now)),
        )
        if (sends <= 0) return task
        const page = await REPLAY_PAGES[work.kind]({
          transaction,
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
        return saveStep(transaction, task, afterReplayStep(task, work, { ...page, lastAt }), page.last, now)
      }),

    cancelTask: (id, now) =>
      database.write(async (transaction) => {
        const row = await transaction.row(
          sql`SELECT * FROM task WHERE id = ${id} AND status = 'running' FOR UPDATE`,
        )
        if (row === undefined) return false
        const task = taskOf(row)
        const data = { ...task.data, error: 'It was canceled' }
        await transaction.change(
          sql`UPDATE task SET status = 'failed', data = ${toJson(data)}, updated_at = ${now} WHERE id = ${id}`,
        )
        const isTaken = sql`replay_task = ${id} AND status = ${raw(String(PENDING))} AND lease IS NULL`
        // The first has what the task made, the second what was there before.
        await transaction.change(sql`DELETE FROM delivery WHERE ${isTaken} AND replayed_status IS NULL`)
        await transaction.change(
          sql`UPDATE delivery SET status = replayed_status, attempts = replayed_attempts, due_at = NULL,
                replay_task = NULL WHERE ${isTaken}`,
        )
        return true
      }),
  }

  async function findEndpoint(
    transaction: Queries,
    applicationId: string,
    endpointId: string,
  ): Promise<Endpoint | null> {
    const row = await transaction.row(
      sql`SELECT * FROM endpoint WHERE application_id = ${applicationId} AND id = ${endpointId} AND deleted_at IS NULL`,
    )
    return row === undefined ? null : endpointOf(row, keys)
  }
}

/** Counts what a task made due and nothing came of yet, as far as the limit. */
async function waitingOf(
  transaction: Queries,
  taskId: string,
  { waiting }: StepLimits,
  now: number,
): Promise<number> {
  const row = await transaction.row(
    sql`SELECT count(*) AS number FROM (
          SELECT 1 FROM delivery
          WHERE replay_task = ${taskId} AND status = ${raw(String(PENDING))} AND due_at <= ${now} LIMIT ${waiting}) counted`,
  )
  return row!['number'] as number
}

async function saveStep(
  transaction: Queries,
  before: Task,
  changes: Pick<Task, 'status' | 'data'>,
  cursor: string | null,
  now: number,
): Promise<Task> {
  await transaction.change(
    sql`UPDATE task SET status = ${changes.status}, data = ${toJson(changes.data)}, cursor = ${cursor},
          updated_at = ${now} WHERE id = ${before.id}`,
  )
  return { ...before, ...changes, updatedAt: now }
}
