/** Rows of `application`, as they are read. @module */

import type { Application, Metadata } from '../../domain/application.ts'
import { type Row, fromJson } from './cells.ts'

/** Reads a row of `application`. */
export function applicationOf(row: Row): Application {
  return {
    id: row['id'] as string,
    organisationId: row['organisation_id'] as string,
    uid: row['uid'] as string | null,
    name: row['name'] as string,
    throttleRate: row['throttle_rate'] as number | null,
    retryScheduleMs: fromJson<number[] | null>(row['retry_schedule']),
    metadata: fromJson<Metadata>(row['metadata']),
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  }
}
