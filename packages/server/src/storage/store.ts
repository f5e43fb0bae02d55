/**
 * The store's port: what Posthorn needs of a database, in its own terms. The adapters are held to it by one
 * conformance suite (`test/storage/conformance.ts`).
 *
 * Rules for every method: instants are epoch milliseconds passed in, never the database's clock; a thing of another
 * organisation or application is not found; `null` means not found; a write that returns is on disk.
 *
 * @module
 */

import type { Application, ApplicationChanges, ApplicationPolicy } from '../domain/application.ts'
import type { Attempt } from '../domain/attempt.ts'
import type { AuditEntry } from '../domain/audit.ts'
import type { Delivery, DeliveryStatus, Priority, Verdict } from '../domain/delivery.ts'
import type { Endpoint, EndpointChanges } from '../domain/endpoint.ts'
import type { EndpointHeaders } from '../domain/endpoint-headers.ts'
import type { ErrorCode } from '../domain/errors.ts'
import type { EventType, EventTypeChanges, EventTypeImport, ImportedEventType } from '../domain/event-type.ts'
import type { Situation } from '../domain/explanation.ts'
import type { IdempotencyKey, IdempotentAnswer } from '../domain/idempotency.ts'
import type { Message } from '../domain/message.ts'
import type { Turn } from '../domain/operational-event.ts'
import type { SigningKey } from '../domain/signing-key.ts'
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

/** How far one step of a task may go: each number is the most that is allowed. */
export interface StepLimits {
  /** Messages, or deliveries, that the step looks at. */
  readonly looks: number
  /** Deliveries that the step makes due. */
  readonly sends: number
  /** Deliveries that the task made due, in this step and before, that are due now and of which no attempt is recorded yet. */
  readonly waiting: number
}

/**
 * A key that sealed values may have been sealed with: never the key itself, only its id. One of them `seals`; those that
 * `open` sealed before; one that is `offered` seals nothing until the server that runs has it too.
 */
export interface EncryptionKey {
  readonly id: string
  readonly state: 'offered' | 'opens' | 'seals'
}

/** What a node tells the others of itself. */
export interface NodeState {
  readonly version: string
  readonly host: string
  readonly pid: number
  /** Deliveries held in memory. */
  readonly held: number
  /** Attempts under way. */
  readonly inFlight: number
}

/** A process that shares the database. */
export interface Node {
  readonly lease: Lease
  /** `null` until its first beat. */
  readonly state: NodeState | null
  /** Epoch ms. */
  readonly joinedAt: number
  /** Milliseconds since it last told that it lives. */
  readonly silentMs: number
}

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

/** The database, as Posthorn sees it. */
export interface Store {
  /** Absent where applications cannot share the database. */
  readonly outbox?: Outbox
  /** Silence after which a node is dead and its work is taken over, in milliseconds; `null` where there is only one node. */
  readonly takeOverAfterMs: number | null
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
  /**
   * Calls the listener when another node may have left something due. It may be called for nothing, and a poll finds what
   * it was not called for.
   */
  onDue(listener: () => void): void
  /** Tells the other nodes that an endpoint is to be left alone until an instant, or no more: `null`. Word may be lost. */
  tellBreaker(endpointId: string, openUntil: number | null): void
  /** Calls the listener with what another node told by {@link Store.tellBreaker}. */
  onBreaker(listener: (endpointId: string, openUntil: number | null) => void): void
  /** Returns how far the database's clock is ahead of this machine's, in milliseconds; 0 where they are one. */
  clockOffsetMs(): number

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
  /** Returns what the deliveries of an application are held to; `null` where there is no such application. */
  findPolicy(applicationId: string): Promise<ApplicationPolicy | null>
  /** @throws {PosthornError} `uid_exists`. */
  updateApplication(
    organisationId: string,
    id: string,
    changes: ApplicationChanges,
    now: number,
  ): Promise<Application | null>
  /** Deletes it with its endpoints and frees their uids. What waits for these is for {@link Store.cancelDeliveries}. */
  deleteApplication(organisationId: string, id: string, now: number): Promise<boolean>

  /**
   * Makes an endpoint. This and the other changes of endpoints accept the operational events that tell of them in the same
   * transaction, and only where they change something.
   *
   * @throws {PosthornError} `uid_exists`.
   */
  createEndpoint(endpoint: Endpoint, events?: readonly EventRequest[]): Promise<void>
  findEndpoint(applicationId: string, idOrUid: string): Promise<Endpoint | null>
  listEndpoints(applicationId: string, page: PageRequest): Promise<Endpoint[]>
  /**
   * Changes an endpoint. One that is `unverified` is enabled only with a proof for its URL, and stays disabled without; one that is enabled starts anew: its failures are forgotten. Where it becomes ordered, what waits
   * for it gets places in its line, the oldest message first.
   *
   * @throws {PosthornError} `uid_exists`.
   */
  updateEndpoint(
    applicationId: string,
    id: string,
    changes: EndpointChanges,
    now: number,
    events?: readonly EventRequest[],
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
  deleteEndpoint(
    applicationId: string,
    id: string,
    now: number,
    events?: readonly EventRequest[],
  ): Promise<boolean>

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
  /**
   * Makes all of these types or changes those that are there, an archived one is brought back, and with `archivesOthers`
   * archives all that are not among them: all or nothing. Their retry schedules stay. Returns what it changed by name, or
   * would change, in a dry run; what is as it should be is left alone.
   */
  importEventTypes(
    organisationId: string,
    eventTypes: readonly ImportedEventType[],
    options: { readonly archivesOthers: boolean; readonly isDryRun: boolean },
    now: number,
  ): Promise<EventTypeImport>
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
   * Takes one step of a running task that expunges the payloads of an application: looks at no more than `limit` messages,
   * expunges as {@link Store.expungeContent} does, and notes how far it came, all or nothing. Returns the task as it is then;
   * `null` where it does not run.
   *
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  stepPurge(taskId: string, limit: number, now: number): Promise<Task | null>
  /**
   * Forgets what endpoints were before an instant, where no message is left that an explanation could need it for, save
   * when each was last enabled: looks at no more than `limit` applications (and organisations), by id.
   *
   * @param request.after - Where the call before ended: its `next`; `null` to begin.
   * @returns `next` is `null` at the end.
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  trimEndpointHistory(request: {
    readonly before: number
    readonly after: string | null
    readonly limit: number
  }): Promise<{ readonly deleted: number; readonly next: string | null }>
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
   * Tells the other nodes that this one lives, and takes over what those held that have not told so for too long. To be
   * called each second. `false` where this node was itself taken for dead: what it holds is another's now, so that it has to
   * give up its attempts and join anew.
   */
  beat(lease: Lease, now: number, state?: NodeState): Promise<boolean>
  /** Lists the nodes by lease: the longest joined first. */
  listNodes(): Promise<Node[]>
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
  /**
   * Records an attempt and what follows from it, in a shared transaction. A delivery that is to be tried again has the
   * priority `retry`, or stays a `replay`.
   */
  recordAttempt(record: AttemptRecord): Promise<RecordResult>
  /** Tells what waits for an endpoint, at a cost that does not grow with it. */
  findQueue(applicationId: string, endpointId: string): Promise<EndpointQueue>
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
   * Cancels a delivery that waits, so that those behind it in the line go on. `held`: a node is sending it, and it stays;
   * `over`: it waits no more, or there is none.
   */
  skipDelivery(delivery: DeliveryKey): Promise<'skipped' | 'held' | 'over'>
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
   * Takes one step of a running task that sends messages again: makes due what is to be sent, and notes how far it came,
   * all or nothing. Returns the task as it is then, unchanged where as much of it waits already as may; `null` where it
   * does not run.
   */
  stepReplay(taskId: string, limits: StepLimits, now: number): Promise<Task | null>
  /**
   * Ends a running task as canceled; `false` where it does not run. What it has made due, and neither an attempt was made
   * of nor a node holds, is as it was before the task.
   */
  cancelTask(id: string, now: number): Promise<boolean>
  /** Ends a running task and adds to its data; `false` where it does not run. */
  finishTask(
    id: string,
    end: { readonly status: 'finished' | 'failed'; readonly data: Task['data'] },
    now: number,
  ): Promise<boolean>
  /** Deletes up to `limit` tasks that are over and were made before the one with this id would be; returns how many. */
  deleteTasks(beforeId: string, limit: number): Promise<number>

  /** Lists the server's signing keys: the one that was not replaced first, then by age, the newest first. */
  listSigningKeys(): Promise<SigningKey[]>
  /** Makes the server's first signing key; `false` where there is one. */
  createSigningKey(key: SigningKey): Promise<boolean>
  /**
   * Replaces the signing key; the one before goes on signing for `graceMs`. Those that have expired are removed.
   *
   * @throws {PosthornError} `limit_reached`: as many keys sign already as may.
   */
  rotateSigningKey(key: SigningKey, graceMs: number, now: number): Promise<void>

  /** Lists the keys that the database knows of, by id. */
  listEncryptionKeys(): Promise<EncryptionKey[]>
  /** Makes a key known, so that a server that runs takes it. */
  offerEncryptionKey(id: string): Promise<void>
  /**
   * Seals with this key from now on, in every process; what is sealed already stays as it is. `false`, and nothing is
   * changed, while a server runs that has not taken the key.
   *
   * @throws {PosthornError} `bad_key`: this process has no such key.
   */
  sealWith(id: string): Promise<boolean>
  /**
   * Seals again what another key than the present one has sealed: looks at no more than `limit` rows.
   *
   * @param after - Where the call before ended: its `next`; `null` to begin.
   * @returns `next` is `null` at the end.
   * @throws {PosthornError} `bad_key`: a value was sealed with a key that this process has not.
   */
  resealSecrets(
    after: string | null,
    limit: number,
  ): Promise<{ readonly resealed: number; readonly next: string | null }>
  /** Forgets the keys that nothing is sealed with any more; returns their ids, or `null` where something still is. */
  forgetEncryptionKeys(): Promise<string[] | null>
}
