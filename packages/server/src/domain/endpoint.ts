/** An endpoint: a URL of a customer, and which messages it wants. @module */

import type { Changes, Metadata } from './application.ts'

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
  /** Deliveries a second; `null` for no limit. */
  readonly throttleRate: number | null
  readonly metadata: Metadata
  readonly createdAt: number
  readonly updatedAt: number
}

/** What may change in an endpoint after it was made. */
export type EndpointChanges = Changes<
  Endpoint,
  'uid' | 'url' | 'description' | 'disabled' | 'eventTypes' | 'channels' | 'throttleRate' | 'metadata'
>

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
