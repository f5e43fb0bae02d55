/** The store's port: deliveries, listed, counted, skipped and sent again, one at a time. @module */

import type { Attempt } from '../../domain/attempt.ts'
import type { Delivery, DeliveryStatus } from '../../domain/delivery.ts'
import type { Endpoint } from '../../domain/endpoint.ts'
import type { Message } from '../../domain/message.ts'
import type { MessageFilter } from './messages.ts'
import type { PageRequest } from './page.ts'

/** Names one delivery. */
export type DeliveryKey = Pick<Delivery, 'applicationId' | 'messageId' | 'endpointId'>

/** Which deliveries of an endpoint are wanted. */
export interface DeliveryFilter extends MessageFilter {
  readonly status?: DeliveryStatus | undefined
}

/** Messages by their ids: from one on, up to and without another. */
export interface IdRange {
  readonly from: string
  readonly to: string
}

/** Which exhausted deliveries of an application are wanted. */
export type ExhaustedFilter = Pick<MessageFilter, 'eventTypes' | 'before' | 'after'> & {
  readonly endpointId?: string | undefined
}

/** A delivery whose attempts are spent, with its message, its endpoint and the last of its attempts. */
export interface ExhaustedDelivery {
  /** Orders the list: the ids of message and endpoint, joined by a dot. */
  readonly key: string
  readonly delivery: Delivery
  readonly message: Pick<Message, 'eventType' | 'eventId' | 'createdAt' | 'expungedAt'>
  readonly endpoint: Pick<Endpoint, 'uid' | 'url'> & { readonly deletedAt: number | null }
  /** `null` where it is no longer kept, or none was made. */
  readonly lastAttempt: Attempt | null
}

/** Deliveries, as people see them. */
export interface DeliveryStore {
  /** Where a message went or goes, by endpoint id. Endpoints deleted since are left out. */
  listDeliveriesOfMessage(
    applicationId: string,
    messageId: string,
    page: PageRequest,
  ): Promise<{ delivery: Delivery; endpoint: Endpoint }[]>
  /** What went or goes to an endpoint, by message id. */
  listDeliveriesOfEndpoint(
    applicationId: string,
    endpointId: string,
    page: PageRequest,
    filter: DeliveryFilter,
  ): Promise<{ delivery: Delivery; message: Message }[]>
  /**
   * Lists the deliveries of an application whose attempts are spent, by message and then endpoint; `page.after` is a
   * {@link ExhaustedDelivery.key}. Those of deleted endpoints are there too.
   */
  listExhausted(
    applicationId: string,
    page: PageRequest,
    filter: ExhaustedFilter,
  ): Promise<ExhaustedDelivery[]>
  /**
   * Counts the deliveries of an endpoint by status, of a range of messages, and no more than about `limit` at once:
   * `next` is where to go on, `null` at the end.
   */
  countDeliveriesOfEndpoint(
    applicationId: string,
    endpointId: string,
    range: IdRange,
    limit: number,
  ): Promise<{ counts: Readonly<Record<DeliveryStatus, number>>; next: string | null }>
  /** Counts the deliveries of an application in the same way. `limit` is more than the endpoints of one message. */
  countDeliveriesOfApplication(
    applicationId: string,
    range: IdRange,
    limit: number,
  ): Promise<{ total: number; next: string | null }>

  /**
   * Cancels a delivery that waits, so that those behind it in the line go on. `held`: a node is sending it, and it stays;
   * `over`: it waits no more, or there is none.
   */
  skipDelivery(delivery: DeliveryKey): Promise<'skipped' | 'held' | 'over'>
  /**
   * Makes one manual attempt of a delivery due now, whatever became of it before; makes the delivery where the message
   * never went to the endpoint. One that a node holds stays as it is: it is being sent. The message and the endpoint exist.
   */
  resendDelivery(delivery: DeliveryKey, now: number): Promise<void>
}
