/** The store's port: who wrote what. @module */

import type { AuditEntry } from '../../domain/audit.ts'
import type { PageRequest } from './page.ts'

/** The audit log. */
export interface AuditStore {
  recordAudit(entry: AuditEntry): Promise<void>
  /** Lists what was written in an organisation, or about one application of it. */
  listAudit(organisationId: string, applicationId: string | null, page: PageRequest): Promise<AuditEntry[]>
}
