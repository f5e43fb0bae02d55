/** The audit log in PostgreSQL. @module */

import { entryOf } from '../rows/audit-entry.ts'
import { toJson } from '../rows/cells.ts'
import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'
import { pageClause } from './tables.ts'

/** The methods on the audit log. */
export function auditMethods(database: Database): Pick<Store, 'recordAudit' | 'listAudit'> {
  return {
    async recordAudit(entry) {
      await database.change(
        sql`INSERT INTO audit (id, organisation_id, application_id, actor, token_id, method, route, resources, status,
              request_id, created_at)
            VALUES (${entry.id}, ${entry.organisationId}, ${entry.applicationId}, ${entry.actor}, ${entry.tokenId},
              ${entry.method}, ${entry.route}, ${toJson(entry.resources)}, ${entry.status}, ${entry.requestId},
              ${entry.createdAt})`,
      )
    },

    async listAudit(organisationId, applicationId, page) {
      const conditions = [sql`organisation_id = ${organisationId}`]
      if (applicationId !== null) conditions.push(sql`application_id = ${applicationId}`)
      const rows = await database.rows(sql`SELECT * FROM audit ${pageClause('id', page, conditions)}`)
      return rows.map(entryOf)
    },
  }
}
