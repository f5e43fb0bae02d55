/** An event type: a kind of event that the provider documents for its customers. @module */

import type { Changes } from './application.ts'

/** A kind of event, known by its name in the organisation. */
export interface EventType {
  readonly organisationId: string
  readonly name: string
  readonly description: string
  /** Archived types are left out of listings; messages of that type are still accepted. */
  readonly archived: boolean
  readonly deprecated: boolean
  /** JSON Schema (draft 7) of the payload by version. */
  readonly schemas: Readonly<Record<string, unknown>> | null
  /** Names under which the provider shows the type to some of its customers; `null` for all. */
  readonly featureFlags: readonly string[] | null
  readonly groupName: string | null
  /** Waits before each retry of its messages, in milliseconds; `null` for those of the application or server. */
  readonly retryScheduleMs: readonly number[] | null
  readonly createdAt: number
  readonly updatedAt: number
}

/** What may change in an event type after it was made. */
export type EventTypeChanges = Changes<
  EventType,
  'description' | 'archived' | 'deprecated' | 'schemas' | 'featureFlags' | 'groupName' | 'retryScheduleMs'
>
