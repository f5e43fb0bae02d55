/**
 * The store's port: what Posthorn needs of a database, in its own terms. The adapters are held to it by one
 * conformance suite (`test/storage/conformance.ts`).
 *
 * Rules for every method: instants are epoch milliseconds passed in, never the database's clock; a thing of another
 * organisation or application is not found; `null` means not found; a write that returns is on disk.
 *
 * @module
 */

import type { Application, ApplicationChanges } from '../domain/application.ts'
import type { Attempt } from '../domain/attempt.ts'
import type { Delivery, DeliveryStatus, Verdict } from '../domain/delivery.ts'
import type { Endpoint, EndpointChanges } from '../domain/endpoint.ts'
import type { EventType, EventTypeChanges } from '../domain/event-type.ts'
import type { Message } from '../domain/message.ts'
import type { Token } from '../domain/token.ts'

/** The part of a list that is wanted: at most `limit` items strictly beyond the id `after`, in `order`. */
export interface PageRequest {
  readonly limit: number
  readonly order: 'ascending' | 'descending'
  readonly after: string | null
}

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

/** Which attempts are wanted; the filters of their messages too. */
export interface AttemptFilter extends MessageFilter {
  readonly isSuccess?: boolean | undefined
  /** Hundreds of the status: 200 for 2xx; 0 for no answer. */
  readonly statusCodeClass?: number | undefined
  readonly endpointId?: string | undefined
}

/** Which deliveries of an endpoint are wanted. */
export interface DeliveryFilter extends MessageFilter {
  readonly status?: DeliveryStatus | undefined
}

/**
 * A node's right to attempt deliveries: a number, greater for each node that joins. Written beside every delivery
 * that the node holds, so that a node which was taken for dead cannot record over its successor.
 */
export type Lease = number

/** A message to accept, with the deliveries that it makes. */
export interface AcceptRequest {
  readonly message: Message
  /**
   * `lease` is the accepting node's own where it holds the delivery from birth, due when the message was made; `null`
   * leaves it to be claimed.
   */
  readonly deliveries: readonly { readonly endpointId: string; readonly lease: Lease | null }[]
  /** When deliveries without a lease are due: epoch ms. */
  readonly dueAt: number
}

/** Whether the message is now on disk, or the message that holds its event id already. */
export type AcceptResult =
  { readonly kind: 'accepted' } | { readonly kind: 'duplicate'; readonly messageId: string }

/** What an attempt came to, to be recorded. */
export interface AttemptRecord {
  readonly attempt: Attempt
  readonly lease: Lease
  /** Attempts made so far, this one included. */
  readonly attempts: number
  readonly verdict: Verdict
}

/** A delivery that a node holds, with what it needs for the attempt. */
export interface ClaimedDelivery {
  readonly message: Message
  readonly endpointId: string
  /** Attempts made so far. */
  readonly attempts: number
}

/** Names one delivery. */
export type DeliveryKey = Pick<Delivery, 'applicationId' | 'messageId' | 'endpointId'>

/** An endpoint for which deliveries wait in the store. */
export interface WaitingEndpoint {
  readonly applicationId: string
  readonly endpointId: string
  /** When the first of them is due. */
  readonly dueAt: number
  readonly state: 'open' | 'disabled' | 'deleted'
}

/** The database, as Posthorn sees it. */
export interface Store {
  /**
   * Opens the database, brings its schema up to date and tries the key on what is stored.
   *
   * @throws {PosthornError} `data_in_use`, `data_unreadable`, `bad_key`.
   */
  start(): Promise<void>
  /** Finishes what was asked for, then closes. Calls after that are refused. */
  stop(): Promise<void>
  /**
   * Calls the listener with the application whose settings or endpoints were written, before the write is answered;
   * with `null` where anything may have changed, as when another process wrote or a token was revoked.
   */
  onChange(listener: (applicationId: string | null) => void): void

  /** Returns the id of the organisation, or `null` in a new database. */
  findOrganisation(): Promise<string | null>
  /** Makes the organisation and its first token, both or neither; `false` where there is one already. */
  createOrganisation(organisationId: string, token: Token): Promise<boolean>

  createToken(token: Token): Promise<void>
  /** Returns the token with this hash, unless it is revoked. */
  findToken(hash: string): Promise<Token | null>
  /** Newest last, revoked ones included. */
  listTokens(organisationId: string): Promise<Token[]>
  /** Revokes by id or by prefix; returns the token, or `null`. @throws {PosthornError} `conflict`: more than one matches. */
  revokeToken(organisationId: string, idOrPrefix: string, now: number): Promise<Token | null>

  /** @throws {PosthornError} `uid_exists`. */
  createApplication(application: Application): Promise<void>
  findApplication(organisationId: string, idOrUid: string): Promise<Application | null>
  listApplications(organisationId: string, page: PageRequest): Promise<Application[]>
  /** @throws {PosthornError} `uid_exists`. */
  updateApplication(
    organisationId: string,
    id: string,
    changes: ApplicationChanges,
    now: number,
  ): Promise<Application | null>
  /** Deletes it with its endpoints and frees their uids. What waits for these is for {@link Store.cancelDeliveries}. */
  deleteApplication(organisationId: string, id: string, now: number): Promise<boolean>

  /** @throws {PosthornError} `uid_exists`. */
  createEndpoint(endpoint: Endpoint): Promise<void>
  findEndpoint(applicationId: string, idOrUid: string): Promise<Endpoint | null>
  listEndpoints(applicationId: string, page: PageRequest): Promise<Endpoint[]>
  /** @throws {PosthornError} `uid_exists`. */
  updateEndpoint(
    applicationId: string,
    id: string,
    changes: EndpointChanges,
    now: number,
  ): Promise<Endpoint | null>
  /** Deletes it and frees its uid. What waits for it is for {@link Store.cancelDeliveries}: a part at a time. */
  deleteEndpoint(applicationId: string, id: string, now: number): Promise<boolean>

  /** Makes the type, or brings an archived one of that name back. @throws {PosthornError} `event_type_exists`. */
  createEventType(eventType: EventType): Promise<EventType>
  findEventType(organisationId: string, name: string): Promise<EventType | null>
  listEventTypes(
    organisationId: string,
    page: PageRequest & { includeArchived: boolean },
  ): Promise<EventType[]>
  updateEventType(
    organisationId: string,
    name: string,
    changes: EventTypeChanges,
    now: number,
  ): Promise<EventType | null>
  /** Removes the type for good. */
  expungeEventType(organisationId: string, name: string): Promise<boolean>

  /**
   * Accepts a message and its deliveries, in one transaction that it shares with what else was asked for in the
   * same moment. Resolves when that transaction is on disk.
   *
   * @throws {PosthornError} `busy`: the store has more to do than it may queue; nothing was kept.
   */
  acceptMessage(request: AcceptRequest): Promise<AcceptResult>
  findMessage(applicationId: string, idOrEventId: string): Promise<Message | null>
  listMessages(applicationId: string, page: PageRequest, filter: MessageFilter): Promise<Message[]>

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

  /** Makes this process a node that may hold deliveries, and frees what nodes that are known dead held. */
  joinAsNode(now: number): Promise<Lease>
  /**
   * Returns endpoints for which unheld deliveries wait, ordered by application and endpoint id and starting after
   * the pair given, at most `limit`. Costs one index seek per endpoint, however long its backlog.
   */
  findWaitingEndpoints(
    after: { applicationId: string; endpointId: string } | null,
    limit: number,
  ): Promise<WaitingEndpoint[]>
  /**
   * Takes up to `limit` due deliveries of an endpoint, and no more than `maxBytes` of payload save for the first,
   * the longest due first.
   */
  claimDeliveries(request: {
    readonly lease: Lease
    readonly applicationId: string
    readonly endpointId: string
    readonly limit: number
    readonly maxBytes: number
    readonly now: number
  }): Promise<ClaimedDelivery[]>
  /** Gives held deliveries back, unattempted, due at `now`. */
  releaseDeliveries(lease: Lease, deliveries: readonly DeliveryKey[], now: number): Promise<void>
  /** Cancels up to `limit` unheld deliveries of an endpoint; returns how many. */
  cancelDeliveries(applicationId: string, endpointId: string, limit: number): Promise<number>
  /**
   * Records an attempt and what follows from it, in a shared transaction. Returns `false`, and records nothing, where
   * the delivery is no longer held under that lease.
   */
  recordAttempt(record: AttemptRecord): Promise<boolean>
}
