/** How an entry of the audit log is shown. @module */

import { type Static, Type } from 'typebox'

import type { AuditEntry } from '../../domain/audit.ts'
import { Instant, Nullable, showInstant } from '../schemas.ts'

/** An entry as it is shown. */
export const AuditEntryOut = Type.Object(
  {
    id: Type.String(),
    timestamp: Instant,
    actor: Type.String({ description: 'First characters of the token that was used' }),
    tokenId: Nullable(Type.String()),
    method: Type.String(),
    route: Type.String({ description: 'The path with the names of its parameters' }),
    resources: Type.Record(Type.String(), Type.String()),
    appId: Nullable(Type.String()),
    status: Type.Integer(),
    requestId: Type.String(),
  },
  { $id: 'AuditEntryOut' },
)

/** Shows an entry. */
export function showAuditEntry(entry: AuditEntry): Static<typeof AuditEntryOut> {
  const { id, createdAt, actor, tokenId, method, route, resources, applicationId, status, requestId } = entry
  return {
    id,
    timestamp: showInstant(createdAt),
    actor,
    tokenId,
    method,
    route,
    resources,
    appId: applicationId,
    status,
    requestId,
  }
}
