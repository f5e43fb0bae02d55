/** Rows of `token`, as they are read. @module */

import type { Capability, Token, TokenScope } from '../../domain/token.ts'
import { type Row, flag, fromJson } from './cells.ts'

/** Reads a row of `token`. */
export function tokenOf(row: Row): Token {
  return {
    id: row['id'] as string,
    organisationId: row['organisation_id'] as string,
    scope: row['scope'] as TokenScope,
    applicationId: row['application_id'] as string | null,
    name: row['name'] as string,
    prefix: row['prefix'] as string,
    hash: row['hash'] as string,
    isReadOnly: flag(row['is_read_only']),
    capabilities: fromJson<Capability[] | null>(row['capabilities']),
    sessionId: row['session_id'] as string | null,
    createdAt: row['created_at'] as number,
    expiresAt: row['expires_at'] as number | null,
    lastUsedAt: row['last_used_at'] as number | null,
    revokedAt: row['revoked_at'] as number | null,
  }
}
