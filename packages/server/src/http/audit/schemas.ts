/** How an entry of the audit log is shown. @module */

import { type Static, Type } from 'typebox'

import type { AuditEntry } from '../../domain/audit.ts'
import { Instant, Nullable, described, showInstant } from '../schemas.ts'

/** An entry as it is shown. */
export const AuditEntryOut = Type.Object(
  {
    id: described(Type.String(), 'Begins with `aud_`.'),
    timestamp: described(Instant, 'When the request was answered.'),
    actor: Type.String({
      description: 'First characters of the token that was used; `cli` for what `posthorn token` did',
    }),
    tokenId: described(Nullable(Type.String()), 'Id of that token; `null` for a JWT and for the command.'),
    method: described(Type.String(), 'The HTTP method.'),
    route: Type.String({
      description: 'The path with the names of its parameters; or a command, such as `keys rotate`',
    }),
    resources: described(Type.Record(Type.String(), Type.String()), 'What the path named, by parameter.'),
    appId: described(Nullable(Type.String()), 'The application that it touched.'),
    status: described(Type.Integer(), 'The status of the answer.'),
    requestId: described(Type.String(), 'As in the header `x-request-id` of the answer.'),
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
