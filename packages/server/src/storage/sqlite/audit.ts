/** The audit log in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { AuditEntry } from '../../domain/audit.ts'
import { type Condition, type Row, type Synchronous, fromJson, pageClause, statementCache } from './tables.ts'

/** The methods on the audit log. */
export function auditMethods(database: DatabaseSync): Synchronous<'recordAudit' | 'listAudit'> {
  const prepared = statementCache(database)
  return {
    recordAudit: (entry) =>
      void prepared('INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
        entry.id,
        entry.organisationId,
        entry.applicationId,
        entry.actor,
        entry.tokenId,
        entry.method,
        entry.route,
        JSON.stringify(entry.resources),
        entry.status,
        entry.requestId,
        entry.createdAt,
      ),

    listAudit(organisationId, applicationId, page) {
      const ofApplication: Condition[] = applicationId === null ? [] : [['application_id = ?', applicationId]]
      const { sql, values } = pageClause('id', page, [
        ['organisation_id = ?', organisationId],
        ...ofApplication,
      ])
      return prepared(`SELECT * FROM audit ${sql}`)
        .all(...values)
        .map((row) => entryOf(row as Row))
    },
  }
}

function entryOf(row: Row): AuditEntry {
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
