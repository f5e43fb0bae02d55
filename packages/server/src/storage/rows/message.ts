/** Rows of `message`, as they are read. @module */

import type { Message } from '../../domain/message.ts'
import { type Row, bytes, fromJson } from './cells.ts'

/** Reads a row of `message`. */
export function messageOf(row: Row): Message {
  return {
    id: row['id'] as string,
    applicationId: row['application_id'] as string,
    eventType: row['event_type'] as string,
    eventId: row['event_id'] as string | null,
    channels: fromJson<string[] | null>(row['channels']),
    tags: fromJson<string[] | null>(row['tags']),
    payload: bytes(row['payload']),
    contentType: row['content_type'] as string,
    deliverAt: row['deliver_at'] as number | null,
    expiresAt: row['expires_at'] as number | null,
    expungedAt: row['expunged_at'] as number | null,
    createdAt: row['created_at'] as number,
  }
}
