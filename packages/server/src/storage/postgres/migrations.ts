/** The schema on PostgreSQL, as steps that only go forward. @module */

import { FIRST } from './migrations/01-first.ts'
import { OUTBOX } from './migrations/02-outbox.ts'

/** A step of the schema. One that was released never changes. */
export interface Migration {
  readonly name: string
  readonly sql: string
  /**
   * The oldest schema whose Posthorn still works with this one, as a number of steps. A step that only adds is `0`; nodes
   * of before go on running, and may start, while it is applied.
   */
  readonly worksSince: number
}

/** All steps, in order. */
export const MIGRATIONS: readonly Migration[] = [
  { name: 'first', sql: FIRST, worksSince: 0 },
  { name: 'outbox', sql: OUTBOX, worksSince: 0 },
]
