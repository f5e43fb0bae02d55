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

/** What a document says of an event type. What it does not say stays as it is. */
export type ImportedEventType = Pick<EventType, 'name' | 'description' | 'deprecated' | 'schemas'> &
  Partial<Pick<EventType, 'featureFlags' | 'groupName'>>

/** What an import changes: names, in their order. */
export interface EventTypeImport {
  /** Types that are made, changed or brought back. */
  readonly modified: readonly string[]
  /** Types that are archived, because the document has them no more. */
  readonly archived: readonly string[]
}

/** How an import is carried out. */
export interface ImportPlan {
  /** The types that are to be saved, live, by name; when one was made, and its retry schedule, stay as they are. */
  readonly saved: readonly Required<ImportedEventType>[]
  readonly result: EventTypeImport
}

/** Plans what an import changes in the types that are there, archived ones included. */
export function planImport(
  existing: readonly EventType[],
  imported: readonly ImportedEventType[],
  archivesOthers: boolean,
): ImportPlan {
  const before = new Map(existing.map((type) => [type.name, type]))
  const named = new Set(imported.map(({ name }) => name))
  const others = existing.filter(({ name, archived }) => archivesOthers && !archived && !named.has(name))
  const saved = imported
    .filter((type) => isChange(before.get(type.name), type))
    .map((type) => {
      const { groupName = null, featureFlags = null } = before.get(type.name) ?? {}
      return { groupName, featureFlags, ...type }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return {
    saved,
    result: { modified: saved.map(({ name }) => name), archived: others.map(({ name }) => name).toSorted() },
  }
}

function isChange(before: EventType | undefined, { name: _name, ...fields }: ImportedEventType): boolean {
  if (before === undefined || before.archived) return true
  // As text: the order of a schema's members is part of how it is shown.
  return Object.entries(fields).some(
    ([field, value]) => JSON.stringify(before[field as keyof EventType]) !== JSON.stringify(value),
  )
}
