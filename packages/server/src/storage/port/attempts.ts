/** The store's port: attempts, recorded, read and expunged. @module */

import type { Attempt } from '../../domain/attempt.ts'
import type { Verdict } from '../../domain/delivery.ts'
import type { EventRequest } from './accepts.ts'
import type { MessageFilter } from './messages.ts'
import type { Lease } from './nodes.ts'
import type { PageRequest } from './page.ts'

/** What an attempt came to, to be recorded. */
export interface AttemptRecord {
  readonly attempt: Attempt
  readonly lease: Lease
  /** Attempts made so far, this one included. */
  readonly attempts: number
  readonly verdict: Verdict
  /**
   * What the attempt changes in how the endpoint does: `begins` notes when its failures began, where that is not noted yet;
   * `ends` takes the note away.
   */
  readonly failing?: 'begins' | 'ends' | undefined
  /** Operational events that tell of it, accepted with the record or not at all. */
  readonly events?: readonly EventRequest[] | undefined
}

/**
 * Whether an attempt was recorded: `changed` where the endpoint was changed with it (disabled, or its failures began or
 * ended); `lost`, and nothing was recorded, where the delivery is no longer held under that lease.
 */
export type RecordResult = 'recorded' | 'changed' | 'lost'

/** Which attempts are wanted; the filters of their messages too. */
export interface AttemptFilter extends MessageFilter {
  readonly isSuccess?: boolean | undefined
  /** Hundreds of the status: 200 for 2xx; 0 for no answer. */
  readonly statusCodeClass?: number | undefined
  readonly endpointId?: string | undefined
}

/** Attempts, and what follows from them. */
export interface AttemptStore {
  /**
   * Records an attempt and what follows from it, in a shared transaction. A delivery that is to be tried again has the
   * priority `retry`, or stays a `replay`.
   */
  recordAttempt(record: AttemptRecord): Promise<RecordResult>
  findAttempt(applicationId: string, messageId: string, attemptId: string): Promise<Attempt | null>
  listAttemptsOfMessage(
    applicationId: string,
    messageId: string,
    page: PageRequest,
    filter: AttemptFilter,
  ): Promise<Attempt[]>
  listAttemptsOfEndpoint(
    applicationId: string,
    endpointId: string,
    page: PageRequest,
    filter: AttemptFilter,
  ): Promise<Attempt[]>
  /** Expunges what an endpoint answered. `false` where there is no such attempt. */
  expungeAttemptContent(applicationId: string, messageId: string, attemptId: string): Promise<boolean>
}
