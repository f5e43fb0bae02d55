/** Builders of what a store holds: each makes a valid thing, and takes the fields that a test is about. @module */

import type { Application } from '../../src/domain/application.ts'
import type { Attempt } from '../../src/domain/attempt.ts'
import type { Delivery, Priority, Verdict } from '../../src/domain/delivery.ts'
import type { Endpoint } from '../../src/domain/endpoint.ts'
import { DEFAULT_SETTINGS } from '../../src/domain/endpoint-settings.ts'
import type { EventType } from '../../src/domain/event-type.ts'
import { type IdKind, firstIdAt, randomText } from '../../src/domain/id.ts'
import { JSON_CONTENT_TYPE, type Message } from '../../src/domain/message.ts'
import type { Task } from '../../src/domain/task.ts'
import type { Token } from '../../src/domain/token.ts'
import type { AcceptResult } from '../../src/storage/port/accepts.ts'
import type { AttemptRecord, RecordResult } from '../../src/storage/port/attempts.ts'
import type { Lease } from '../../src/storage/port/nodes.ts'
import type { PageRequest } from '../../src/storage/port/page.ts'
import type { ClaimedDelivery } from '../../src/storage/port/queue.ts'
import type { StepLimits } from '../../src/storage/port/tasks.ts'
import type { Store } from '../../src/storage/store.ts'

/** The instant at which tests begin. */
export const NOW = 1_790_000_000_000

/** A page that holds the whole of a test's list. */
export const WHOLE: PageRequest = { limit: 1_000, order: 'ascending', after: null }

/** Returns an id made at `at`, also where that is earlier than an id made before. */
export function idAt(kind: IdKind, at: number): string {
  return firstIdAt(kind, at) + randomText(19)
}

/** Makes a token of the whole organisation. */
export function newToken(fields: Partial<Token> = {}): Token {
  const createdAt = fields.createdAt ?? NOW
  return {
    id: idAt('token', createdAt),
    organisationId: idAt('organisation', createdAt),
    scope: 'organisation',
    applicationId: null,
    name: 'Deploys',
    prefix: `ph_${randomText(8)}`,
    hash: randomText(64),
    isReadOnly: false,
    capabilities: null,
    sessionId: null,
    createdAt,
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
    ...fields,
  }
}

/** Makes an application without a uid or limit. */
export function newApplication(fields: Partial<Application> = {}): Application {
  const createdAt = fields.createdAt ?? NOW
  return {
    id: idAt('application', createdAt),
    organisationId: idAt('organisation', createdAt),
    uid: null,
    name: 'Acme',
    throttleRate: null,
    retryScheduleMs: null,
    metadata: {},
    createdAt,
    updatedAt: createdAt,
    ...fields,
  }
}

/** Makes an endpoint that takes every message. */
export function newEndpoint(fields: Partial<Endpoint> = {}): Endpoint {
  const createdAt = fields.createdAt ?? NOW
  return {
    id: idAt('endpoint', createdAt),
    applicationId: idAt('application', createdAt),
    uid: null,
    url: 'https://acme.example/hook',
    description: '',
    disabled: false,
    eventTypes: null,
    channels: null,
    secret: `whsec_${randomText(32)}`,
    oldSecrets: [],
    headers: {},
    auth: null,
    throttleRate: null,
    settings: DEFAULT_SETTINGS,
    failingSince: null,
    disabledReason: null,
    metadata: {},
    createdAt,
    updatedAt: createdAt,
    ...fields,
  }
}

/** Makes a live event type. */
export function newEventType(fields: Partial<EventType> = {}): EventType {
  const createdAt = fields.createdAt ?? NOW
  return {
    organisationId: idAt('organisation', createdAt),
    name: 'invoice.paid',
    description: 'An invoice was paid',
    archived: false,
    deprecated: false,
    schemas: null,
    featureFlags: null,
    groupName: null,
    retryScheduleMs: null,
    createdAt,
    updatedAt: createdAt,
    ...fields,
  }
}

/** Makes a running task that recovers what failed to reach an endpoint. */
export function newTask(fields: Partial<Task> = {}): Task {
  const createdAt = fields.createdAt ?? NOW
  const span = { since: NOW - 1_000, until: NOW + 1_000 }
  return {
    id: idAt('task', createdAt),
    organisationId: idAt('organisation', createdAt),
    applicationId: null,
    status: 'running',
    work: { kind: 'endpoint.recover', endpointId: idAt('endpoint', createdAt), ...span },
    data: {},
    createdAt,
    updatedAt: createdAt,
    ...fields,
  }
}

/** Makes a message that is to be delivered at once. */
export function newMessage(fields: Partial<Message> = {}): Message {
  const createdAt = fields.createdAt ?? NOW
  return {
    id: idAt('message', createdAt),
    applicationId: idAt('application', createdAt),
    eventType: 'invoice.paid',
    eventId: null,
    channels: null,
    tags: null,
    payload: new TextEncoder().encode('{"paid":true}'),
    contentType: JSON_CONTENT_TYPE,
    deliverAt: null,
    expiresAt: null,
    expungedAt: null,
    createdAt,
    ...fields,
  }
}

/** Makes an attempt that was answered with 200. */
export function newAttempt(fields: Partial<Attempt> = {}): Attempt {
  const createdAt = fields.createdAt ?? NOW
  return {
    id: idAt('attempt', createdAt),
    applicationId: idAt('application', createdAt),
    messageId: idAt('message', createdAt),
    endpointId: idAt('endpoint', createdAt),
    url: 'https://acme.example/hook',
    isSuccess: true,
    responseStatusCode: 200,
    response: 'ok',
    responseDurationMs: 12,
    failure: null,
    trigger: 'scheduled',
    createdAt,
    ...fields,
  }
}

/** Limits of a task's step that looks at up to `looks`, and sends all of that. */
export function steps(looks: number): StepLimits {
  return { looks, sends: looks, waiting: 1_000 }
}

/** Limits of a claim that takes up to so many of each priority. */
export function upTo(number: number): Record<Priority, number> {
  return { live: number, retry: number, replay: number }
}

/** How a {@link Scene} accepts a message: to which endpoints, held under which lease or due when. */
export interface SendOptions {
  readonly to?: readonly string[]
  readonly lease?: Lease | null
  readonly dueAt?: number
  readonly isOrdered?: boolean
}

/** An application with an endpoint and a node that serves it, and short words for what a test does there. */
export interface Scene {
  readonly application: Application
  readonly endpoint: Endpoint
  readonly lease: Lease
  readonly addEndpoint: (fields?: Partial<Endpoint>) => Promise<Endpoint>
  /** Accepts a message to the endpoint, unheld and due at once unless the options say otherwise. */
  readonly send: (fields?: Partial<Message>, options?: SendOptions) => Promise<Message>
  readonly trySend: (message: Message, options?: SendOptions) => Promise<AcceptResult>
  /** Claims all that is due to the endpoint at `now`. */
  readonly claim: (options?: Partial<Parameters<Store['claimDeliveries']>[0]>) => Promise<ClaimedDelivery[]>
  /** Records an attempt that came to the verdict, the first one unless `attempts` says otherwise. */
  readonly record: (
    message: Message,
    verdict: Verdict,
    options?: { lease?: Lease; attempts?: number; attempt?: Partial<Attempt> } & Pick<
      AttemptRecord,
      'failing' | 'events'
    >,
  ) => Promise<RecordResult>
  /** Returns how the API shows the delivery. */
  readonly delivery: (message: Message, endpointId?: string) => Promise<Delivery | undefined>
}

/** Makes a {@link Scene} of its own in the store. */
export async function newScene(store: Store): Promise<Scene> {
  const application = newApplication()
  await store.createApplication(application)
  const applicationId = application.id
  const endpoint = newEndpoint({ applicationId })
  await store.createEndpoint(endpoint)
  const lease = await store.joinAsNode(NOW)

  const trySend: Scene['trySend'] = (message, options = {}) =>
    store.acceptMessage({
      message,
      deliveries: (options.to ?? [endpoint.id]).map((endpointId) => ({
        endpointId,
        lease: options.lease ?? null,
        isOrdered: options.isOrdered ?? false,
      })),
      dueAt: options.dueAt ?? message.createdAt,
    })

  return {
    application,
    endpoint,
    lease,
    trySend,

    async addEndpoint(fields) {
      const added = newEndpoint({ applicationId, ...fields })
      await store.createEndpoint(added)
      return added
    },

    async send(fields, options) {
      const message = newMessage({ applicationId, ...fields })
      await trySend(message, options)
      return message
    },

    claim: (options) =>
      store.claimDeliveries({
        lease,
        applicationId,
        endpointId: endpoint.id,
        limits: upTo(1_000),
        isOrdered: false,
        maxBytes: 64 * 1_048_576,
        now: NOW,
        ...options,
      }),

    record: (message, verdict, options = {}) =>
      store.recordAttempt({
        attempt: newAttempt({
          applicationId,
          messageId: message.id,
          endpointId: endpoint.id,
          isSuccess: verdict.kind === 'success',
          ...options.attempt,
        }),
        lease: options.lease ?? lease,
        attempts: options.attempts ?? 1,
        verdict,
        failing: options.failing,
        events: options.events,
      }),

    async delivery(message, endpointId = endpoint.id) {
      const shown = await store.listDeliveriesOfEndpoint(applicationId, endpointId, WHOLE, {})
      return shown.find((item) => item.message.id === message.id)?.delivery
    },
  }
}

/** Returns the ids of what was claimed, in order. */
export function claimedIds(claimed: readonly ClaimedDelivery[]): string[] {
  return claimed.map(({ message }) => message.id)
}
