/** The forms of an event type. @module */

import { type Static, Type } from 'typebox'

import type { EventType } from '../../domain/event-type.ts'
import { EventTypeName, Maybe, Nullable, bodyFault, showInstant } from '../schemas.ts'

const Schemas = Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()))
const Name = EventTypeName

const MAX_SCHEMA_DEPTH = 64

/** @throws {ValidationError} The schemas are nested deeper than what reads and writes them by recursion can bear. */
export function checkSchemas(schemas: Static<typeof Schemas> | null | undefined): void {
  if (!isDeeper(schemas, MAX_SCHEMA_DEPTH)) return
  throw bodyFault('schemas', `must not be nested deeper than ${MAX_SCHEMA_DEPTH} levels`)
}

/** Goes down no further than the depth, so it cannot overflow the stack itself. */
function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1))
}

/** What an event type is replaced by. */
export const EventTypeUpdate = Type.Object({
  description: Type.String(),
  archived: Type.Optional(Type.Boolean()),
  deprecated: Type.Optional(Type.Boolean()),
  schemas: Maybe(Schemas),
  featureFlag: Maybe(Name),
  groupName: Maybe(Name),
})

/** What an event type is made from. */
export const EventTypeIn = Type.Object({ name: EventTypeName, ...EventTypeUpdate.properties })

/** What may change: an absent field stays as it is. */
export const EventTypePatch = Type.Object({
  description: Type.Optional(Type.String()),
  archived: Type.Optional(Type.Boolean()),
  deprecated: Type.Optional(Type.Boolean()),
  schemas: Type.Optional(Nullable(Schemas)),
  featureFlag: Type.Optional(Nullable(Name)),
  groupName: Type.Optional(Nullable(Name)),
})

/** Shows an event type, with its schemas or without. */
export function showEventType(eventType: EventType, withContent = true) {
  return {
    name: eventType.name,
    description: eventType.description,
    archived: eventType.archived,
    deprecated: eventType.deprecated,
    schemas: withContent ? eventType.schemas : null,
    featureFlag: eventType.featureFlag,
    groupName: eventType.groupName,
    createdAt: showInstant(eventType.createdAt),
    updatedAt: showInstant(eventType.updatedAt),
  }
}
