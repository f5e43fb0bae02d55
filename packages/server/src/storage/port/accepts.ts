/** The store's port: how a message gets in, with the deliveries that it makes. @module */

import type { IdempotencyKey } from '../../domain/idempotency.ts'
import type { Message } from '../../domain/message.ts'
import type { Turn } from '../../domain/operational-event.ts'
import type { Lease } from './nodes.ts'

/** A message to accept, with the deliveries that it makes. */
export interface AcceptRequest {
  readonly message: Message
  /**
   * `lease` is the accepting node's own where it holds the delivery from birth, due when the message was made; `null`
   * leaves it to be claimed. One to an ordered endpoint gets the next place in its line, and is never held from birth.
   */
  readonly deliveries: readonly {
    readonly endpointId: string
    readonly lease: Lease | null
    readonly isOrdered?: boolean
  }[]
  /** When deliveries without a lease are due: epoch ms. */
  readonly dueAt: number
  /** The caller's idempotency key, kept with the message. */
  readonly idempotency?: IdempotencyKey | undefined
}

/** An operational event, to be accepted with the change that it tells of. */
export interface EventRequest extends AcceptRequest {
  /** Accepted only where the change turns its endpoint so. */
  readonly onlyIf?: Turn | undefined
}

/**
 * Whether the message is now on disk; or the message that holds its event id already; or the one that came with the same
 * idempotency key before: `replayed` where its body was the same, `key_reused` where it was not.
 */
export type AcceptResult =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'duplicate' | 'replayed' | 'key_reused'; readonly messageId: string }

/** The way in. */
export interface AcceptStore {
  /**
   * Accepts a message and its deliveries, in one transaction that it shares with what else was asked for in the
   * same moment. Resolves when that transaction is on disk.
   *
   * @throws {PosthornError} `busy`: the store has more to do than it may queue; nothing was kept.
   */
  acceptMessage(request: AcceptRequest): Promise<AcceptResult>
}
