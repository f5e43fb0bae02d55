/** A message: one event as the provider reported it, and the bytes that every endpoint gets. @module */

/** An event that was accepted. It never changes, save that its payload may be expunged. */
export interface Message {
  readonly id: string
  readonly applicationId: string
  readonly eventType: string
  /** The provider's own id of the event, unique in the application. */
  readonly eventId: string | null
  readonly channels: readonly string[] | null
  readonly tags: readonly string[] | null
  /**
   * The bytes as they were accepted. They are signed and sent as they are, never parsed and written again. Empty once
   * they are expunged.
   */
  readonly payload: Uint8Array
  /** Media type that the payload is sent with. */
  readonly contentType: string
  /** Not delivered before this instant; `null` for at once. */
  readonly deliverAt: number | null
  /** When the payload is to be expunged; `null` for as long as the message is kept. */
  readonly expiresAt: number | null
  /** When the payload was expunged, by request or because its time had come; `null` while it is there. */
  readonly expungedAt: number | null
  readonly createdAt: number
}

/** Media type of a payload that was sent as JSON. */
export const JSON_CONTENT_TYPE = 'application/json'
