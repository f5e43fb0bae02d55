/**
 * The port by which an inbox keeps events until their handlers have run.
 *
 *                      ┌────────── lease over ──────────┐
 *     add ──▶ pending ─┴─ claim ──▶ pending, leased ──▶ done ──▶ forgotten after the window
 *                ▲                     │     │
 *                ├──── retry at T ─────┘     └──▶ dead ── discard ──▶ gone
 *                └──────────── rerun ─────────────┘
 *
 * @module
 */

import type { Bytes } from '../base64.ts'

/** An event to keep. */
export interface InboxEvent {
  /** Unique per event: the source and its dedupe id. */
  readonly key: string
  readonly source: string
  readonly eventId: string
  readonly eventType: string | null
  /** When the sender signed it, in epoch milliseconds. */
  readonly signedAtMs: number
  readonly body: Bytes
}

/** An event that this process has claimed. */
export interface ClaimedEvent extends InboxEvent {
  /** The store's own id. It grows with each event that is added. */
  readonly id: number
  /** The number of this run, from 1: claims are counted, so that an event that kills the process is too. */
  readonly attempt: number
  /** Which claim this is; a later one makes it worthless. */
  readonly token: string
}

/** An event whose runs are spent. */
export interface DeadLetter extends InboxEvent {
  readonly id: number
  readonly attempts: number
  /** What its last run said. */
  readonly error: string
}

/** One run of a claimed event. Call one of its functions, once. Each does nothing when the lease is lost. */
export interface InboxRun<Tx> {
  /** What the handler may write with, so that its effects and the mark are one. */
  readonly tx: Tx
  /** Marks the event as done, and drops its body. `false`: the lease is lost or the transaction was undone. */
  succeed(forgetAtMs: number): Promise<boolean>
  /** Undoes what the handler wrote with `tx`, and runs the event again at `retryAtMs`; `null`: it is dead. */
  fail(error: string, retryAtMs: number | null): Promise<void>
}

/** Keeps events durably. Every store passes one suite of tests. */
export interface InboxStore<Tx = undefined> {
  /**
   * Keeps an event, due at once. Resolves when it is on disk, with `false` when its key is known already.
   *
   * @param nowMs - Epoch milliseconds.
   */
  add(event: InboxEvent, nowMs: number): Promise<boolean>
  /** Takes up to `limit` events that are due, oldest first. Each goes to one of any number of processes. */
  claim(limit: number, nowMs: number, leaseEndMs: number): Promise<readonly ClaimedEvent[]>
  /** Begins the run of a claimed event. */
  begin(event: ClaimedEvent): Promise<InboxRun<Tx>>
  /** Returns dead letters by id, those after `afterId`. */
  listDead(limit: number, afterId: number): Promise<readonly DeadLetter[]>
  /** Makes a dead letter due again, its attempts forgotten. `false`: there is no such dead letter. */
  rerun(id: number, nowMs: number): Promise<boolean>
  /** Removes a dead letter; its key stays known until `forgetAtMs`. `false`: there is no such dead letter. */
  discard(id: number, forgetAtMs: number): Promise<boolean>
  /** Removes what is done and was to be forgotten by now, a bounded number at a time. */
  sweep(nowMs: number): Promise<void>
}
