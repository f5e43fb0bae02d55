/** The forms of an event type. @module */

import { type Static, Type } from 'typebox'

import { ValidationError } from '../../domain/errors.ts'
import type { EventType } from '../../domain/event-type.ts'
import {
  EventTypeName,
  Instant,
  Maybe,
  Nullable,
  RetrySchedule,
  bodyFault,
  showInstant,
  showSchedule,
} from '../schemas.ts'
import { compilePayloadSchema } from './payload-schema.ts'

/** JSON Schema (draft 7) of the payload, by version. */
const Schemas = Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()))
const Name = EventTypeName
const FeatureFlags = Type.Array(Name, { minItems: 1, maxItems: 100, uniqueItems: true })

const MAX_SCHEMA_DEPTH = 64

/**
 * @throws {ValidationError} A schema is not JSON Schema draft 7, or refers to what is not in it; or they are nested deeper
 *   than what reads and writes them by recursion can bear.
 */
export function checkSchemas(schemas: Static<typeof Schemas> | null | undefined): void {
  if (isDeeper(schemas, MAX_SCHEMA_DEPTH)) {
    throw bodyFault('schemas', `must not be nested deeper than ${MAX_SCHEMA_DEPTH} levels`)
  }
  for (const [version, schema] of Object.entries(schemas ?? {})) {
    const compiled = compilePayloadSchema(schema)
    if (compiled.kind === 'schema') continue
    const loc = ['body', 'schemas', version, ...compiled.path]
    throw new ValidationError([{ loc, msg: compiled.msg, type: 'json_schema' }])
  }
}

/** Goes down no further than the depth, so it cannot overflow the stack itself. */
function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1))
}

/** What an event type is replaced by. */
export const EventTypeUpdate = Type.Object(
  {
    description: Type.String(),
    archived: Type.Optional(Type.Boolean()),
    deprecated: Type.Optional(Type.Boolean()),
    schemas: Maybe(Schemas),
    featureFlags: Maybe(FeatureFlags),
    featureFlag: Maybe(Name),
    groupName: Maybe(Name),
    retrySchedule: Maybe(RetrySchedule),
  },
  { $id: 'EventTypeUpdate' },
)

/** What an event type is made from. */
export const EventTypeIn = Type.Object(
  { name: EventTypeName, ...EventTypeUpdate.properties },
  { $id: 'EventTypeIn' },
)

/** What may change: an absent field stays as it is. */
export const EventTypePatch = Type.Object(
  {
    description: Type.Optional(Type.String()),
    archived: Type.Optional(Type.Boolean()),
    deprecated: Type.Optional(Type.Boolean()),
    schemas: Type.Optional(Nullable(Schemas)),
    featureFlags: Maybe(FeatureFlags),
    featureFlag: Maybe(Name),
    groupName: Type.Optional(Nullable(Name)),
    retrySchedule: Maybe(RetrySchedule),
  },
  { $id: 'EventTypePatch' },
)

/** An event type as it is shown. */
export const EventTypeOut = Type.Object(
  {
    name: EventTypeName,
    description: Type.String(),
    archived: Type.Boolean(),
    deprecated: Type.Boolean(),
    schemas: Nullable(Schemas),
    featureFlags: Nullable(Type.Array(Type.String())),
    featureFlag: Nullable(Type.String()),
    groupName: Nullable(Type.String()),
    retrySchedule: Nullable(RetrySchedule),
    createdAt: Instant,
    updatedAt: Instant,
  },
  { $id: 'EventTypeOut' },
)

/** Reads the feature flags of an input: `featureFlag` is an older form of `featureFlags`, for one. */
export function featureFlagsOf({
  featureFlags,
  featureFlag,
}: Pick<Static<typeof EventTypePatch>, 'featureFlags' | 'featureFlag'>): string[] | null | undefined {
  if (featureFlags !== undefined || featureFlag === undefined) return featureFlags
  return featureFlag === null ? null : [featureFlag]
}

/** Shows an event type, with its schemas or without. */
export function showEventType(eventType: EventType, withContent = true): Static<typeof EventTypeOut> {
  return {
    name: eventType.name,
    description: eventType.description,
    archived: eventType.archived,
    deprecated: eventType.deprecated,
    schemas: withContent ? (eventType.schemas as Static<typeof EventTypeOut>['schemas']) : null,
    featureFlags: eventType.featureFlags === null ? null : [...eventType.featureFlags],
    featureFlag: eventType.featureFlags?.[0] ?? null,
    groupName: eventType.groupName,
    retrySchedule: showSchedule(eventType.retryScheduleMs),
    createdAt: showInstant(eventType.createdAt),
    updatedAt: showInstant(eventType.updatedAt),
  }
}
