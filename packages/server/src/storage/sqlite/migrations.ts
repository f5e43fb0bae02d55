/** The schema of the embedded database, as steps that only go forward. @module */

import { FIRST } from './migrations/01-first.ts'
import { ACCESS } from './migrations/02-access.ts'
import { ENDPOINTS } from './migrations/03-endpoints.ts'
import { MESSAGES } from './migrations/04-messages.ts'
import { SEARCHES } from './migrations/05-searches.ts'
import { ENGINE } from './migrations/06-engine.ts'
import { KEYS } from './migrations/07-keys.ts'
import { REPLAYS } from './migrations/08-replays.ts'

/**
 * Each step runs once, in order; what is missing runs in one transaction, and `PRAGMA user_version` counts the steps.
 * A step that was released never changes.
 */
export const MIGRATIONS: readonly string[] = [
  FIRST,
  ACCESS,
  ENDPOINTS,
  MESSAGES,
  SEARCHES,
  ENGINE,
  KEYS,
  REPLAYS,
]
