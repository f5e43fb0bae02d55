/** Rows of `audit`, as they are read. @module */

import type { AuditEntry } from '../../domain/audit.ts'
import { type Row, fromJson } from './cells.ts'

/** Reads a row of the audit log. */
export function entryOf(row: Row): AuditEntry {
  return {
    id: row['id'] as string,
    organisationId: row['organisation_id'] as string,
    applicationId: row['application_id'] as string | null,
    actor: row['actor'] as string,
    tokenId: row['token_id'] as string | null,
    method: row['method'] as string,
    route: row['route'] as string,
    resources: fromJson<Record<string, string>>(row['resources']),
    status: row['status'] as number,
    requestId: row['request_id'] as string,
    createdAt: row['created_at'] as number,
  }
}
