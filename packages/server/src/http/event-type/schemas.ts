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
  described,
  showInstant,
  showSchedule,
} from '../schemas.ts'
import { compilePayloadSchema } from './payload-schema.ts'

/** JSON Schema (draft 7) of the payload, by version. */
const Schemas = Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()))
const Name = EventTypeName
const FeatureFlags = Type.Array(Name, { minItems: 1, maxItems: 100, uniqueItems: true })

/** Levels of the schemas of an event type, at most. */
export const MAX_SCHEMA_DEPTH = 64

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

/** Tells whether a value is nested deeper. Goes down no further than that, so it cannot overflow the stack itself. */
export function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1))
}

/** What an event type is replaced by. */
export const EventTypeUpdate = Type.Object(
  {
    description: described(Type.String(), 'What happened, for people.'),
    archived: described(
      Type.Optional(Type.Boolean()),
      'Whether it is out of use: lists leave it out, and strict servers refuse its messages.',
    ),
    deprecated: described(
      Type.Optional(Type.Boolean()),
      'Whether it should no longer be asked for. That is told, and changes nothing.',
    ),
    schemas: described(
      Maybe(Schemas),
      'JSON Schemas (draft 7) of the payload, by version. With `--strict-event-types` the newest is enforced.',
    ),
    featureFlags: described(
      Maybe(FeatureFlags),
      'For your own use, such as to tell which customers it is for: the server shows it to all.',
    ),
    featureFlag: described(Maybe(Name), 'An older form of `featureFlags`, for one.'),
    groupName: described(Maybe(Name), 'Under which lists show it.'),
    retrySchedule: Maybe(RetrySchedule),
  },
  { $id: 'EventTypeUpdate' },
)

/** What an event type is made from. */
export const EventTypeIn = Type.Object(
  {
    name: described(EventTypeName, 'What messages and endpoints name it by, such as `invoice.paid`.'),
    ...EventTypeUpdate.properties,
  },
  { $id: 'EventTypeIn' },
)

/** What may change: an absent field stays as it is. */
export const EventTypePatch = Type.Object(
  {
    description: described(Type.Optional(Type.String()), 'What happened, for people.'),
    archived: described(
      Type.Optional(Type.Boolean()),
      'Whether it is out of use: lists leave it out, and strict servers refuse its messages.',
    ),
    deprecated: described(
      Type.Optional(Type.Boolean()),
      'Whether it should no longer be asked for. That is told, and changes nothing.',
    ),
    schemas: described(
      Type.Optional(Nullable(Schemas)),
      'JSON Schemas (draft 7) of the payload, by version. With `--strict-event-types` the newest is enforced.',
    ),
    featureFlags: described(
      Maybe(FeatureFlags),
      'For your own use, such as to tell which customers it is for: the server shows it to all.',
    ),
    featureFlag: described(Maybe(Name), 'An older form of `featureFlags`, for one.'),
    groupName: described(Type.Optional(Nullable(Name)), 'Under which lists show it.'),
    retrySchedule: Maybe(RetrySchedule),
  },
  { $id: 'EventTypePatch' },
)

/** An event type as it is shown. */
export const EventTypeOut = Type.Object(
  {
    name: described(EventTypeName, 'What messages and endpoints name it by.'),
    description: described(Type.String(), 'What happened, for people.'),
    archived: described(
      Type.Boolean(),
      'Whether it is out of use: lists leave it out, and strict servers refuse its messages.',
    ),
    deprecated: described(
      Type.Boolean(),
      'Whether it should no longer be asked for. That is told, and changes nothing.',
    ),
    schemas: described(
      Nullable(Schemas),
      'JSON Schemas (draft 7) of the payload, by version. With `--strict-event-types` the newest is enforced.',
    ),
    featureFlags: described(
      Nullable(Type.Array(Type.String())),
      'For your own use, such as to tell which customers it is for: the server shows it to all.',
    ),
    featureFlag: described(Nullable(Type.String()), 'An older form of `featureFlags`, for one.'),
    groupName: described(Nullable(Type.String()), 'Under which lists show it.'),
    retrySchedule: Nullable(RetrySchedule),
    createdAt: described(Instant, 'When it was made.'),
    updatedAt: described(Instant, 'When it was last changed.'),
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
