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
import type { AuditEntry } from '../domain/audit.ts'
import type { Delivery, DeliveryStatus, Verdict } from '../domain/delivery.ts'
import type { Endpoint, EndpointChanges } from '../domain/endpoint.ts'
import type { EndpointHeaders } from '../domain/endpoint-headers.ts'
import type { EventType, EventTypeChanges } from '../domain/event-type.ts'
import type { Situation } from '../domain/explanation.ts'
import type { IdempotencyKey, IdempotentAnswer } from '../domain/idempotency.ts'
import type { Message } from '../domain/message.ts'
import type { Task, TaskKind, TaskStatus } from '../domain/task.ts'
import type { LoginKey, Token } from '../domain/token.ts'

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

/** Which messages of an application are wanted. */
export interface MessageSearch extends MessageFilter {
  readonly id?: string | undefined
  readonly eventId?: string | undefined
  /** Messages with a delivery that stands so. */
  readonly status?: DeliveryStatus | undefined
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
  /** The caller's idempotency key, kept with the message. */
  readonly idempotency?: IdempotencyKey | undefined
}

/**
 * Whether the message is now on disk; or the message that holds its event id already; or the one that came with the same
 * idempotency key before: `replayed` where its body was the same, `key_reused` where it was not.
 */
export type AcceptResult =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'duplicate' | 'replayed' | 'key_reused'; readonly messageId: string }

/** That a token was used, and when. */
export interface TokenUse {
  readonly tokenId: string
  /** Epoch ms. */
  readonly at: number
}

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
  /** A person asked for this one attempt: see `resume` among the verdicts. */
  readonly isManual?: boolean
}

/** Which tasks are wanted. */
export interface TaskFilter {
  readonly status?: TaskStatus | undefined
  readonly kind?: TaskKind | undefined
}

/** Messages by their ids: from one on, up to and without another. */
export interface IdRange {
  readonly from: string
  readonly to: string
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
   * with `null` where anything may have changed, as when another process wrote, a token was revoked or an event type was
   * written.
   */
  onChange(listener: (applicationId: string | null) => void): void

  /** Returns the id of the organisation, or `null` in a new database. */
  findOrganisation(): Promise<string | null>
  /** Makes the organisation and its first token, both or neither; `false` where there is one already. */
  createOrganisation(organisationId: string, token: Token): Promise<boolean>

  createToken(token: Token): Promise<void>
  /** Returns the token with this hash, unless it is revoked; also where it has expired. */
  findToken(hash: string): Promise<Token | null>
  /** Revokes by id or by prefix; returns the token, or `null`. @throws {PosthornError} `conflict`: more than one matches. */
  revokeToken(organisationId: string, idOrPrefix: string, now: number): Promise<Token | null>
  /** Lists tokens by id, revoked ones included, portal tokens left out. */
  listApiTokens(organisationId: string, page: PageRequest): Promise<Token[]>
  /** Lets a token that is not revoked expire at `at`, or earlier where it does already; returns it, or `null`. */
  expireToken(organisationId: string, id: string, at: number): Promise<Token | null>
  /** Lets all tokens of an application expire at `at`, or those of some sessions; returns how many that changed. */
  expireTokensOfApplication(
    applicationId: string,
    at: number,
    sessionIds: readonly string[] | null,
  ): Promise<number>
  /** Notes when tokens were last used. A use older than the one noted changes nothing. */
  recordTokenUses(uses: readonly TokenUse[]): Promise<void>
  /** Makes a portal token and the key that opens another one like it. */
  createPortalAccess(token: Token, key: LoginKey): Promise<void>
  /**
   * Takes a login key, once, and makes a token with this text's hash that is otherwise like the one that the key was made
   * with; `null` where there is no such key, it or that token has expired, or that token is revoked.
   */
  redeemLoginKey(
    keyHash: string,
    token: Pick<Token, 'id' | 'hash' | 'prefix' | 'createdAt'>,
  ): Promise<Token | null>

  /** Returns what was answered under this key since `after`, or `null`. */
  findAnswer(key: string, after: number): Promise<IdempotentAnswer | null>
  /** Keeps an answer in place of an older one of the same key. */
  saveAnswer(answer: IdempotentAnswer): Promise<void>

  recordAudit(entry: AuditEntry): Promise<void>
  /** Lists what was written in an organisation, or about one application of it. */
  listAudit(organisationId: string, applicationId: string | null, page: PageRequest): Promise<AuditEntry[]>

  /**
   * Removes what no longer counts, at most `limit` of each kind: idempotency keys, portal tokens and login keys that
   * have expired, audit entries made before `auditBefore`. Returns how many it removed: 0 when nothing is left.
   */
  purgeAccess(request: {
    readonly now: number
    readonly auditBefore: number
    readonly limit: number
  }): Promise<number>

  /** @throws {PosthornError} `uid_exists`. */
  createApplication(application: Application): Promise<void>
  findApplication(organisationId: string, idOrUid: string): Promise<Application | null>
  listApplications(organisationId: string, page: PageRequest): Promise<Application[]>
  /** Returns how many deliveries a second an application allows; `null` for no limit, also where it is not found. */
  findThrottleRate(applicationId: string): Promise<number | null>
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
  /** Sets some headers and removes others, whatever the case of their names; `false` where there is no such endpoint. */
  patchEndpointHeaders(
    applicationId: string,
    id: string,
    changes: { readonly set: EndpointHeaders; readonly remove: readonly string[] },
    now: number,
  ): Promise<boolean>
  /**
   * Replaces the secret; the one before goes on signing for `graceMs`. `false` where there is no such endpoint.
   *
   * @throws {PosthornError} `limit_reached`: as many secrets sign already as may.
   */
  rotateEndpointSecret(
    applicationId: string,
    id: string,
    rotation: { readonly secret: string; readonly graceMs: number },
    now: number,
  ): Promise<boolean>
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
  /** Expunges what an endpoint answered. `false` where there is no such attempt. */
  expungeAttemptContent(applicationId: string, messageId: string, attemptId: string): Promise<boolean>
  /**
   * Expunges payloads whose time has come, at most `limit`, as {@link Store.expungeContent} does; returns how many.
   *
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  expungeExpired(now: number, limit: number): Promise<number>
  /**
   * Deletes messages made before an instant, with their deliveries and attempts: looks at no more than `limit`, oldest
   * first, and keeps those with a pending delivery.
   *
   * @param request.after - Where the call before ended: its `next`; `null` to begin.
   * @returns `next` is `null` where no older message is left to look at.
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  deleteOldMessages(request: {
    readonly before: number
    readonly after: string | null
    readonly limit: number
  }): Promise<{ readonly deleted: number; readonly next: string | null }>

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
  /**
   * Makes one manual attempt of a delivery due now, whatever became of it before; makes the delivery where the message
   * never went to the endpoint. One that a node holds stays as it is: it is being sent. The message and the endpoint exist.
   */
  resendDelivery(delivery: DeliveryKey, now: number): Promise<void>
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

  createTask(task: Task): Promise<void>
  findTask(organisationId: string, id: string): Promise<Task | null>
  listTasks(organisationId: string, page: PageRequest, filter: TaskFilter): Promise<Task[]>
  /** Oldest first. */
  findRunningTasks(limit: number): Promise<Task[]>
  /**
   * Takes one step of a running task that sends messages again: looks at up to `limit` messages, makes due what is to be
   * sent, and notes how far it came, all or nothing. Returns the task as it is then; `null` where it does not run.
   */
  stepReplay(taskId: string, limit: number, now: number): Promise<Task | null>
  /** Ends a running task and adds to its data; `false` where it does not run. */
  finishTask(
    id: string,
    end: { readonly status: 'finished' | 'failed'; readonly data: Task['data'] },
    now: number,
  ): Promise<boolean>
  /** Deletes up to `limit` tasks that are over and were made before the one with this id would be; returns how many. */
  deleteTasks(beforeId: string, limit: number): Promise<number>
}
