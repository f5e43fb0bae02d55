/** How deliveries to an endpoint are made: what it may have in place of the defaults. @module */

/** Whether messages may overtake each other on their way. */
export type Ordering =
  /** Each goes as soon as it can; one that fails lets the others by. */
  | 'none'
  /** Strictly in the order of acceptance, one at a time; one that fails holds those behind it. */
  | 'fifo'

/** Several messages in one request. */
export interface Batch {
  readonly maxEvents: number
  /** How long the first of them waits for company, in milliseconds. */
  readonly maxWaitMs: number
}

/** How many attempts may be under way to an endpoint: never more than `max`, and never throttled to fewer than `min`. */
export interface Concurrency {
  readonly min: number
  readonly max: number
}

/** The form in which a payload is sent. */
export type PayloadMode =
  /** The bytes that were accepted. */
  | 'as-is'
  /** Those bytes, with the attributes of a CloudEvent in `ce-*` headers. */
  | 'cloudevents-binary'
  /** A CloudEvent in JSON, with the payload as its data. */
  | 'cloudevents-structured'

/** A kind of signature: Standard Webhooks symmetric and asymmetric, and HTTP message signatures. */
export type SignatureKind = 'v1' | 'v1a' | 'rfc9421'

/** How deliveries to an endpoint are made. `null` leaves it to what is more general. */
export interface EndpointSettings {
  readonly ordering: Ordering
  readonly batch: Batch | null
  readonly concurrency: Concurrency | null
  /** Waits before the first retry, the second and so on, in milliseconds; `null`: those of the event type, application or server. */
  readonly retryScheduleMs: readonly number[] | null
  readonly payloadMode: PayloadMode
  /** The signatures that each request carries: one or more. */
  readonly signatures: readonly SignatureKind[]
  /** Requests a minute that the owner allowed when it was asked; `null` for any number. No caller of the API sets it. */
  readonly allowedPerMinute: number | null
}

/** What an endpoint does of which nothing is said. */
export const DEFAULT_SETTINGS = {
  ordering: 'none',
  batch: null,
  concurrency: null,
  retryScheduleMs: null,
  payloadMode: 'as-is',
  signatures: ['v1'],
  allowedPerMinute: null,
} as const satisfies EndpointSettings

/** Bounds of what may be set. */
export const SETTING_LIMITS = {
  batchEvents: 1_000,
  batchWaitMs: 60_000,
  concurrency: 64,
} as const
