/** The store's port: messages that come in an application's own transaction. @module */

import type { ErrorCode } from '../../domain/errors.ts'
import type { Message } from '../../domain/message.ts'
import type { AcceptRequest } from './accepts.ts'

/** A message that an application has put into the outbox in a transaction of its own. */
export interface OutboxRow extends Omit<Message, 'createdAt' | 'expiresAt' | 'expungedAt'> {
  /** `null` where the application is no more. */
  readonly organisationId: string | null
}

/** Why a row of the outbox is not accepted. It is kept beside, with this, to be looked at. */
export interface OutboxRefusal {
  readonly code: ErrorCode
  readonly reason: string
}

/** What one step through the outbox came to. */
export interface OutboxStep {
  readonly accepted: readonly AcceptRequest[]
  readonly refused: readonly (OutboxRefusal & Pick<Message, 'applicationId' | 'id'>)[]
  /** Where the next step goes on: an application id; `null` where nothing waits after this step. */
  readonly next: string | null
}

/** Messages that applications commit together with their own data. */
export interface Outbox {
  /** Calls the listener when something may have been put there. Not of everything: a look now and then finds the rest. */
  onSend(listener: () => void): void
  /**
   * Takes rows, accepts their messages and removes the rows, in one transaction: of several applications, each application's
   * in the order of its `send` calls, and none that another node takes meanwhile.
   *
   * @param after - Applications after this one come first; `''` to begin.
   * @param decide - Returns what becomes of a row. May be called again for the same row.
   * @throws {PosthornError} `busy`: the database cannot be reached; the rows are as they were, or were taken.
   */
  drain(
    after: string,
    decide: (row: OutboxRow) => Promise<AcceptRequest | OutboxRefusal>,
  ): Promise<OutboxStep>
}
