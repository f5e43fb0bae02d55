/** Rows of `attempt`, as they are read. @module */

import type { Attempt, AttemptTrigger } from '../../domain/attempt.ts'
import type { FailureReason } from '../../domain/delivery.ts'
import { type Row, flag } from './cells.ts'

/** Reads a row of `attempt`. */
export function attemptOf(row: Row): Attempt {
  return {
    id: row['id'] as string,
    applicationId: row['application_id'] as string,
    messageId: row['message_id'] as string,
    endpointId: row['endpoint_id'] as string,
    url: row['url'] as string,
    isSuccess: flag(row['is_success']),
    responseStatusCode: row['status_code'] as number,
    response: row['response'] as string,
    responseDurationMs: row['duration_ms'] as number,
    failure: row['failure'] as FailureReason | null,
    trigger: row['trigger'] as AttemptTrigger,
    createdAt: row['created_at'] as number,
  }
}
