/**
 * The port by which a receiver remembers what it has handled.
 *
 *     unknown ── begin ──▶ running ── commit ──▶ done ── window over ──▶ unknown
 *        ▲                    │
 *        └── release, or the lease is over ──┘
 *
 * The mark is made before the handler runs and becomes "done" only after it, so that a crash between loses
 * nothing: when the lease is over, the next attempt of the sender runs the handler again.
 *
 * @module
 */

/** The instants of one run, in epoch milliseconds. */
export interface RunTimes {
  readonly nowMs: number
  /** Until when nobody else may run this event. */
  readonly leaseEndMs: number
  /** Until when the event is remembered, once it is done. */
  readonly windowEndMs: number
}

/** What `begin` found. */
export type Begun<Tx> =
  /** The event is this caller's: `commit` or `release` it. */
  | { readonly state: 'begun'; readonly run: DedupeRun<Tx> }
  /** Another run has it, until `leaseEndMs` at the latest; `null` when the store cannot know. */
  | { readonly state: 'running'; readonly leaseEndMs: number | null }
  | { readonly state: 'done' }

/** One run of an event. Call one of its functions, once. */
export interface DedupeRun<Tx> {
  /** What the handler may write with, so that its effects and the mark are one; `undefined` in most stores. */
  readonly tx: Tx
  /** Marks the event as done. `false`: the lease is lost, or the transaction was undone, so it is not marked. */
  commit(): Promise<boolean>
  /** Forgets the run, so that the event may run again at once. Does nothing when the lease is lost. */
  release(): Promise<void>
}

/** Remembers events by key. Every store passes one suite of tests. */
export interface DedupeStore<Tx = undefined> {
  /**
   * Takes `key` unless it is taken or done. Of any number of calls at once, on any number of machines, one
   * gets it. Rejects when the store cannot be reached.
   */
  begin(key: string, times: RunTimes): Promise<Begun<Tx>>
}
