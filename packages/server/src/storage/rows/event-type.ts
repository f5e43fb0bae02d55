/** Rows of `event_type`, as they are read. @module */

import type { EventType } from '../../domain/event-type.ts'
import { type Row, flag, fromJson } from './cells.ts'

/** Reads a row of `event_type`. */
export function eventTypeOf(row: Row): EventType {
  return {
    organisationId: row['organisation_id'] as string,
    name: row['name'] as string,
    description: row['description'] as string,
    archived: flag(row['archived']),
    deprecated: flag(row['deprecated']),
    schemas: fromJson<EventType['schemas']>(row['schemas']),
    featureFlags: fromJson<string[] | null>(row['feature_flags']),
    groupName: row['group_name'] as string | null,
    retryScheduleMs: fromJson<number[] | null>(row['retry_schedule']),
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  }
}
