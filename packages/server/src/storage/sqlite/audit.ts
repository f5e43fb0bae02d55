/** The audit log in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { entryOf } from '../rows/audit-entry.ts'
import { type Condition, type Row, type Synchronous, pageClause, statementCache } from './tables.ts'

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
