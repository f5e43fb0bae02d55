/** The store's port: the deliveries that wait, and how a node takes them. @module */

import type { Attempt } from '../../domain/attempt.ts'
import type { Delivery, DeliveryStatus, Priority } from '../../domain/delivery.ts'
import type { Message } from '../../domain/message.ts'
import type { DeliveryKey } from './deliveries.ts'
import type { Lease } from './nodes.ts'

/** An endpoint for which deliveries wait in the store. */
export interface WaitingEndpoint {
  readonly applicationId: string
  readonly endpointId: string
  /** When the first of them is due. */
  readonly dueAt: number
  readonly state: 'open' | 'disabled' | 'deleted'
}

/** A delivery that a node holds, with what it needs for the attempt. */
export interface ClaimedDelivery {
  readonly message: Message
  readonly endpointId: string
  /** Attempts made so far. */
  readonly attempts: number
  readonly priority: Priority
  /** A person asked for this one attempt: see `resume` among the verdicts. */
  readonly isManual?: boolean
  /** How it stood when that person asked; absent for an attempt that the schedule makes. */
  readonly resumesAs?: DeliveryStatus
}

/** What waits for an endpoint. */
export interface EndpointQueue {
  /** Deliveries that no node holds; counted up to {@link MOST_COUNTED}. */
  readonly waiting: number
  /** Deliveries that a node holds, to send them in their turn; counted likewise. */
  readonly sending: number
  /**
   * Of an ordered endpoint, the first of its line, held or not; of another, the first that is due of those that wait.
   * `null` where there is none.
   */
  readonly head: { readonly delivery: Delivery; readonly lastAttempt: Attempt | null } | null
  /** When the oldest message was accepted that waits or is being sent; `null` where there is none. */
  readonly oldestAt: number | null
}

/** Deliveries of a queue that are counted, at most. */
export const MOST_COUNTED = 10_000

/** What waits to be attempted. */
export interface QueueStore {
  /**
   * Returns endpoints for which unheld deliveries wait, ordered by application and endpoint id and starting after
   * the pair given, at most `limit`. Costs one index seek per endpoint, however long its backlog.
   */
  findWaitingEndpoints(
    after: { applicationId: string; endpointId: string } | null,
    limit: number,
  ): Promise<WaitingEndpoint[]>
  /**
   * Takes due deliveries of an endpoint: of each priority up to its limit, the longest due first, and no more than
   * `maxBytes` of payload save for the first.
   *
   * Of an ordered endpoint: the head of its line and what stands behind it, in order, whatever their priority, up to the sum
   * of the limits. Nothing while the head is not due or anything of the line is held by any node.
   *
   * Of an endpoint with a rate (`pacedBy`: its own, or one that all of its application share): nothing while another live
   * node paces it. The first to claim paces it, until it has not for long or is dead.
   */
  claimDeliveries(request: {
    readonly lease: Lease
    readonly applicationId: string
    readonly endpointId: string
    readonly limits: Readonly<Record<Priority, number>>
    readonly isOrdered: boolean
    readonly pacedBy?: 'endpoint' | 'application' | undefined
    readonly maxBytes: number
    readonly now: number
  }): Promise<ClaimedDelivery[]>
  /** Gives held deliveries back, unattempted, due at `now`. */
  releaseDeliveries(lease: Lease, deliveries: readonly DeliveryKey[], now: number): Promise<void>
  /** Cancels up to `limit` unheld deliveries of an endpoint; returns how many. */
  cancelDeliveries(applicationId: string, endpointId: string, limit: number): Promise<number>
  /** Tells what waits for an endpoint, at a cost that does not grow with it. */
  findQueue(applicationId: string, endpointId: string): Promise<EndpointQueue>
}
