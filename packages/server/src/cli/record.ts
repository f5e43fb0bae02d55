/** Notes in the audit log what the command line did. @module */

import type { AuditEntry } from '../domain/audit.ts'
import { newId } from '../domain/id.ts'
import type { Store } from '../storage/store.ts'

/** Who did it, in the place of a token's first characters. */
const ACTOR = 'cli'

/** What was done, and to what. */
export type DoneByCommand = Pick<
  AuditEntry,
  'organisationId' | 'applicationId' | 'method' | 'route' | 'resources' | 'status' | 'createdAt'
>

/** Adds an entry to the audit log. A token's is that of the route which does the same; what has no route is named as it was typed. */
export async function recordCommand(store: Store, done: DoneByCommand): Promise<void> {
  const id = newId('audit', done.createdAt)
  await store.recordAudit({ ...done, id, actor: ACTOR, tokenId: null, requestId: ACTOR })
}
