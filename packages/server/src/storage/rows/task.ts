/** Rows of `task`, as they are read. @module */

import type { Task, TaskStatus, TaskWork } from '../../domain/task.ts'
import { type Row, fromJson } from './cells.ts'

/** Reads a row of `task`. */
export function taskOf(row: Row): Task {
  return {
    id: row['id'] as string,
    organisationId: row['organisation_id'] as string,
    applicationId: row['application_id'] as string | null,
    status: row['status'] as TaskStatus,
    work: fromJson<TaskWork>(row['work']),
    data: fromJson<Task['data']>(row['data']),
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  }
}
