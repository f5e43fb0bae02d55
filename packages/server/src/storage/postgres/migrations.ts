/** The schema on PostgreSQL, as steps that only go forward. @module */

import { FIRST } from './migrations/01-first.ts'
import { OUTBOX } from './migrations/02-outbox.ts'
import { UNTOLD_SENDS } from './migrations/03-untold-sends.ts'

/**
 * A step of the schema. One that was released never changes.
 *
 * It is done while nodes of the version before run, so it only adds: columns that are null or have a constant default,
 * tables, functions under new names. What those nodes still use is taken away by a step of a later release, whose
 * `worksSince` tells that. Nothing in `sql` may rewrite or read through a large table, because the locks that it takes are
 * kept to the end of its transaction.
 */
export type Migration = StepOf & ({ readonly sql: string } | { readonly index: NewIndex })

interface StepOf {
  readonly name: string
  /**
   * The oldest schema whose Posthorn still works with this one, as a number of steps. A step that only adds is `0`; nodes
   * of before go on running, and may start, while it is applied.
   */
  readonly worksSince: number
}

/** An index that is built beside the traffic, in each partition by itself; a step of its own. */
export interface NewIndex {
  /** Of at most 50 characters: an index of a partition has its day behind this. */
  readonly name: string
  readonly table: string
  /** What stands behind `ON table`: `(application_id, id) WHERE …`. */
  readonly on: string
}

/** All steps, in order. */
export const MIGRATIONS: readonly Migration[] = [
  { name: 'first', sql: FIRST, worksSince: 0 },
  { name: 'outbox', sql: OUTBOX, worksSince: 0 },
  { name: 'untold-sends', sql: UNTOLD_SENDS, worksSince: 0 },
]
