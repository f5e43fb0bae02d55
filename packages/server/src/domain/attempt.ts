/** An attempt: one HTTP request to an endpoint, recorded whatever came of it. @module */

import type { FailureReason } from './delivery.ts'

/** What set an attempt off: the schedule, or a person who asked for it. */
export type AttemptTrigger = 'scheduled' | 'manual'

/** One HTTP request that was made, or tried, for a delivery. */
export interface Attempt {
  readonly id: string
  readonly applicationId: string
  readonly messageId: string
  readonly endpointId: string
  /** The URL as it was then. */
  readonly url: string
  readonly isSuccess: boolean
  /** Status of the answer; 0 where there was none. */
  readonly responseStatusCode: number
  /** The first 16 KiB of the answer's body, or what went wrong where there was none. */
  readonly response: string
  readonly responseDurationMs: number
  /** Why there was no answer; `null` where there was one. */
  readonly failure: FailureReason | null
  readonly trigger: AttemptTrigger
  readonly createdAt: number
}
