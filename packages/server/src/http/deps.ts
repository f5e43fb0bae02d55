/** What the routes need of the house. @module */

import type { Application } from '../domain/application.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import type { Message } from '../domain/message.ts'
import type { OwnershipProof } from '../domain/ownership.ts'
import type { IdempotencyKey } from '../domain/idempotency.ts'
import type { PublicSigningKey } from '../domain/signing-key.ts'
import type { OperationalEvent } from '../domain/operational-event.ts'
import type { AcceptResult, EventRequest } from '../storage/port/accepts.ts'
import type { Store } from '../storage/store.ts'
import type { Authenticator } from './authentication.ts'
import type { EventCheck } from './event-type/discipline.ts'

/** A request as it would be made. */
export interface PreviewedRequest {
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

/** The parts that routes call. `app.ts` fits them together. */
export interface HttpDeps {
  /** Version of the server. */
  readonly version: string
  readonly store: Store
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly authenticator: Authenticator
  /** Calls a second that one token may make; `null` for any number. */
  readonly apiRatePerSecond: number | null
  /** Origins whose pages may call the API; `*` for all. */
  readonly corsOrigins: readonly string[]
  /** Where the world reaches this server; `null`: where the caller did. */
  readonly publicUrl: string | null
  /** Accepts a message for these endpoints; resolves when it is on disk. */
  readonly send: (
    message: Message,
    endpoints: readonly Endpoint[],
    idempotency?: IdempotencyKey,
  ) => Promise<AcceptResult>
  /** Finds an application by id or uid, from memory where it can. */
  readonly findApplication: (organisationId: string, idOrUid: string) => Promise<Application | null>
  /** Returns the endpoints of an application, from memory where it can. */
  readonly endpointsOf: (applicationId: string) => Promise<readonly Endpoint[]>
  /** Refuses an event that breaks the discipline of event types; `null` where there is none. @throws {ValidationError} */
  readonly checkEvent: EventCheck | null
  /** Returns the requests that a message would make now, by endpoint id. Values that are nobody's to see are masked. */
  readonly preview: (message: Message) => Promise<ReadonlyMap<string, PreviewedRequest>>
  /** Returns until when an endpoint is left alone because it stalls, epoch ms; `null` where it is not. */
  readonly breakerOf: (endpointId: string) => number | null
  /** Says that deliveries were made due other than by {@link HttpDeps.send}. */
  readonly wake: () => void
  /** Makes a change of an endpoint with the events that tell of it, both or neither, and sees that they go out. */
  readonly tell: <T>(
    ownerId: string,
    events: readonly OperationalEvent[],
    change: (requests: readonly EventRequest[]) => Promise<T>,
  ) => Promise<T>
  /** Says that there is a new background task. */
  readonly wakeTasks: () => void
  /** Ranges of addresses that deliveries come from; empty where the operator has named none. */
  readonly egressAddresses: readonly string[]
  /** Asks the owner of a stored endpoint whether it wants to be called; `null` where owners are not asked. */
  readonly askOwner: ((endpoint: Endpoint) => Promise<OwnershipProof>) | null
  /** Returns what is wrong with a URL as an endpoint, or `null`. */
  readonly faultOfUrl: (url: string) => string | null
  /** Lists the public halves of the keys that the server signs with now, the newest first. */
  readonly signingKeys: () => Promise<readonly PublicSigningKey[]>
}
