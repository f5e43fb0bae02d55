/** An endpoint: a URL of a customer, and which messages it wants. @module */

import type { Changes, Metadata } from './application.ts'
import type { EndpointHeaders } from './endpoint-headers.ts'

/** A signing key that was replaced, and still signs until it expires. */
export interface OldSecret {
  readonly secret: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/** Secrets that may sign at the same time, the newest included. */
export const MAX_LIVE_SECRETS = 10

/** A URL that messages of one application are delivered to. */
export interface Endpoint {
  readonly id: string
  readonly applicationId: string
  /** The provider's own name for it, unique in the application. */
  readonly uid: string | null
  readonly url: string
  readonly description: string
  /** A disabled endpoint gets no new messages, and what waits for it is held. */
  readonly disabled: boolean
  /** The event types it wants; `null` for all. */
  readonly eventTypes: readonly string[] | null
  /** The channels it listens on; `null` for all messages, also those with no channel. */
  readonly channels: readonly string[] | null
  /** Signing key in the form `whsec_…`. Encrypted at rest; never part of a listing. */
  readonly secret: string
  /** Those before it that may sign still, newest first; also some that have expired since they were read. */
  readonly oldSecrets: readonly OldSecret[]
  /** Sent with each delivery. Encrypted at rest; see `isSensitive` for what is never shown. */
  readonly headers: EndpointHeaders
  /** Deliveries a second; `null` for no limit. */
  readonly throttleRate: number | null
  readonly metadata: Metadata
  readonly createdAt: number
  readonly updatedAt: number
}

/** What may change in an endpoint after it was made. */
export type EndpointChanges = Changes<
  Endpoint,
  | 'uid'
  | 'url'
  | 'description'
  | 'disabled'
  | 'eventTypes'
  | 'channels'
  | 'throttleRate'
  | 'metadata'
  | 'headers'
>

/**
 * Returns the old secrets of an endpoint whose secret is replaced: the one before joins them, and what has expired leaves.
 *
 * @param graceMs - For how long the one before goes on signing; 0 for not at all.
 */
export function afterRotation(
  { secret, oldSecrets }: Pick<Endpoint, 'secret' | 'oldSecrets'>,
  rotation: { readonly secret: string; readonly graceMs: number; readonly now: number },
): OldSecret[] {
  const before = { secret, expiresAt: rotation.now + rotation.graceMs }
  return [before, ...oldSecrets].filter(
    (old) => old.expiresAt > rotation.now && old.secret !== rotation.secret,
  )
}

/**
 * Tells whether the endpoint wants the message.
 *
 * A filter of `null` lets everything through. An endpoint with channels needs one of them in the message, so a
 * message without channels does not reach it.
 */
export function wantsMessage(
  endpoint: Pick<Endpoint, 'disabled' | 'eventTypes' | 'channels'>,
  message: { readonly eventType: string; readonly channels: readonly string[] | null },
): boolean {
  if (endpoint.disabled) return false
  if (endpoint.eventTypes !== null && !endpoint.eventTypes.includes(message.eventType)) return false
  if (endpoint.channels === null) return true
  return message.channels?.some((channel) => endpoint.channels!.includes(channel)) ?? false
}
