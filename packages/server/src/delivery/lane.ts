/** One endpoint's lane: how its deliveries may start, and where they stand. No I/O. @module */

import type { Priority } from '../domain/delivery.ts'
import type { Batch, Concurrency } from '../domain/endpoint-settings.ts'
import type { Health } from './health.ts'
import { LaneQueue } from './lane-queue.ts'
import type { Pace } from './pace.ts'

/** How deliveries to an endpoint may start. */
export interface LanePolicy {
  readonly applicationId: string
  /** Where they go. What was learnt of another place says nothing of this one. */
  readonly url: string
  /** Starts a second, `null` for no limit. */
  readonly perSecond: number | null
  /** Starts a second to all endpoints of its application together. */
  readonly applicationPerSecond: number | null
  readonly concurrency: Concurrency | null
  /** One at a time, in the order of the store. */
  readonly isOrdered: boolean
  /** Several in one request. */
  readonly batch: Batch | null
}

/** Returns whose rate holds an endpoint's deliveries to a pace; `undefined` where none does. */
export function pacedBy({
  perSecond,
  applicationPerSecond,
}: LanePolicy): 'endpoint' | 'application' | undefined {
  if (applicationPerSecond !== null) return 'application'
  return perSecond === null ? undefined : 'endpoint'
}

/** Counts deliveries by priority. */
export type Counts = Record<Priority, number>

/** That of a lane until it is told another. */
export const OPEN_POLICY: LanePolicy = {
  applicationId: '',
  url: '',
  perSecond: null,
  applicationPerSecond: null,
  concurrency: null,
  isOrdered: false,
  batch: null,
}

/** The paces of an endpoint that has none. */
export const UNLIMITED: readonly Pace[] = []

/** One endpoint's queue. */
export class Lane {
  readonly endpointId: string
  readonly queue = new LaneQueue()
  health: Health
  policy = OPEN_POLICY
  /** Deliveries held: promised, queued or under way. */
  held = 0
  readonly heldOf: Counts = { live: 0, retry: 0, replay: 0 }
  inFlight = 0
  /** What is left of its turns, in bytes. */
  credit = 0
  /** Counts what was left to the store for want of room; 0 while nothing is known to wait there. */
  readonly backlog: Counts = { live: 0, retry: 0, replay: 0 }
  /** Its own pace and that of its application, where they have one. */
  paces: readonly Pace[] = UNLIMITED
  /** When its next attempt may start, taken from its paces; `null` where none was taken. */
  startAt: number | null = null
  /** Since when the first in its queue waits for company. */
  gatheringSince = 0
  /** Wakes it when it may start. */
  timer: NodeJS.Timeout | null = null

  constructor(endpointId: string, health: Health) {
    this.endpointId = endpointId
    this.health = health
  }
}
