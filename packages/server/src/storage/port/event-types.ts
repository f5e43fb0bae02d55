/** The store's port: event types. @module */

import type {
  EventType,
  EventTypeChanges,
  EventTypeImport,
  ImportedEventType,
} from '../../domain/event-type.ts'
import type { PageRequest } from './page.ts'

/** Event types. */
export interface EventTypeStore {
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
}
