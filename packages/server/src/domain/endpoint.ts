/** An endpoint: a URL of a customer, and which messages it wants. @module */

import type { Changes, Metadata } from './application.ts'
import type { EndpointAuth } from './endpoint-auth.ts'
import type { EndpointHeaders } from './endpoint-headers.ts'
import type { EndpointSettings } from './endpoint-settings.ts'

/** A signing key that was replaced, and still signs until it expires. */
export interface OldSecret {
  readonly secret: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/**
 * Why an endpoint was disabled other than by the API: `gone`, it answered 410; `failing`, nothing but failures for longer
 * than allowed; `unverified`, its owner has not proved yet that it wants to be called.
 */
export type DisabledReason = 'gone' | 'failing' | 'unverified'

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
  /** Shown to the endpoint with each delivery; `null` for none. Encrypted at rest, and its secrets are never shown. */
  readonly auth: EndpointAuth | null
  /** Deliveries a second; `null` for no limit. */
  readonly throttleRate: number | null
  readonly settings: EndpointSettings
  /** When the first of its attempts failed after which none succeeded; `null` where the last one succeeded or none was made. */
  readonly failingSince: number | null
  /** `null` where it is not disabled, or was by the API. */
  readonly disabledReason: DisabledReason | null
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
  | 'auth'
> & {
  /** Only the settings that change. */
  readonly settings?: Partial<EndpointSettings> | undefined
  /** Goes with `disabled: true`: the owner is to prove first that it wants to be called. */
  readonly disabledReason?: 'unverified' | undefined
  /** The URL whose owner has proved that it wants to be called: without it `unverified` endpoints stay disabled. */
  readonly provedUrl?: string | undefined
}

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
