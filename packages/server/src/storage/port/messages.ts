/** The store's port: messages, read and expunged. @module */

import type { DeliveryStatus } from '../../domain/delivery.ts'
import type { Situation } from '../../domain/explanation.ts'
import type { Message } from '../../domain/message.ts'
import type { PageRequest } from './page.ts'

/** Which messages are wanted. An absent filter lets all through. */
export interface MessageFilter {
  readonly channel?: string | undefined
  readonly tag?: string | undefined
  readonly eventTypes?: readonly string[] | undefined
  /** Made strictly before this instant. */
  readonly before?: number | undefined
  /** Made at this instant or later. */
  readonly after?: number | undefined
}

/** Which messages of an application are wanted. */
export interface MessageSearch extends MessageFilter {
  readonly id?: string | undefined
  readonly eventId?: string | undefined
  /** Messages with a delivery that stands so. */
  readonly status?: DeliveryStatus | undefined
}

/** Messages, once they are accepted. */
export interface MessageStore {
  findMessage(applicationId: string, idOrEventId: string): Promise<Message | null>
  listMessages(applicationId: string, page: PageRequest, filter: MessageSearch): Promise<Message[]>
  /**
   * Tells what each endpoint of the message's application was when the message was accepted and what became of the message
   * there, by endpoint id. Left out are endpoints that were deleted before it.
   */
  listSituations(
    message: Pick<Message, 'applicationId' | 'id' | 'createdAt'>,
    page: PageRequest,
  ): Promise<Situation[]>
  /**
   * Expunges a message's payload, and cancels what waits of it; what a node holds is canceled when it would be claimed
   * again. `false` where there is no such message.
   */
  expungeContent(applicationId: string, messageId: string, now: number): Promise<boolean>
}
