/** The forms that several resources share. @module */

import { type Static, type TSchema, Type } from 'typebox'

import { PosthornError, ValidationError } from '../domain/errors.ts'
import { ID_PREFIXES, type IdKind } from '../domain/id.ts'
import { notFound } from './authentication.ts'

/** A value that may be `null`. */
export const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

/** A field that may be absent or `null`, which mean the same when a thing is made. */
export const Maybe = <Schema extends TSchema>(schema: Schema) => Type.Optional(Nullable(schema))

const NAME_PATTERN = '^[a-zA-Z0-9\\-_.]+$'
const MAX_NAME_LENGTH = 256

/** Returns the schema with what it means where it stands: the description of the API says it. */
export function described<Schema extends TSchema>(schema: Schema, description: string): Schema {
  // Typed for schemas that are yet to be resolved too, which are another kind afterwards; ours are the same.
  return Type.With(schema, { description }) as Schema
}

/** A name of the provider's own for a thing. */
export const Uid = Type.String({ minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: NAME_PATTERN })
/** Name of an event type. */
export const EventTypeName = Type.String({ minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: NAME_PATTERN })
/** Name of a channel. */
export const Channel = Type.String({ minLength: 1, maxLength: 128, pattern: NAME_PATTERN })
/** Messages a second. */
export const Rate = Type.Integer({ minimum: 1, maximum: 65_535 })
/** Waits before the first retry, the second and so on, in seconds. */
export const RetrySchedule = Type.Array(Type.Number({ minimum: 0.001, maximum: 2_592_000 }), {
  maxItems: 50,
  description: 'Waits before the first retry, the second and so on, in seconds; none for no retry.',
})
/** Free text pairs, at most 4 KiB of JSON; see {@link checkMetadata}. */
export const Metadata = Type.Record(Type.String(), Type.String())
/** An instant as the SDKs send it: ISO 8601. */
export const Instant = Type.String({ format: 'date-time' })
/** A truth value in a query, where everything is text. */
export const Flag = Type.Enum(['true', 'false'], { describedAs: { type: 'boolean' } })
/** Event types in a query: names joined by commas. */
export const NameList = Type.String({
  pattern: '^[a-zA-Z0-9\\-_.]+(,[a-zA-Z0-9\\-_.]+)*$',
  describedAs: { type: 'array', items: EventTypeName },
})

const MAX_METADATA_BYTES = 4_096

/** @throws {ValidationError} The pairs are larger than 4 KiB of JSON. */
export function checkMetadata(metadata: Readonly<Static<typeof Metadata>> | undefined): void {
  if (metadata === undefined) return
  const bytes = Buffer.byteLength(JSON.stringify(metadata))
  if (bytes > MAX_METADATA_BYTES) {
    throw bodyFault('metadata', `has ${bytes} bytes of JSON; at most ${MAX_METADATA_BYTES} are allowed`)
  }
}

/**
 * Checks what the schema of a body cannot: a uid that looks like an id would be ambiguous in a path, and one that a PUT
 * takes from its path has passed no schema.
 *
 * @throws {ValidationError}
 */
export function checkUid(kind: IdKind, uid: string | null | undefined): void {
  if (uid?.startsWith(ID_PREFIXES[kind]) === true) {
    throw bodyFault('uid', `must not begin with ${ID_PREFIXES[kind]}, as ids do`)
  }
  if (typeof uid === 'string' && (uid.length > MAX_NAME_LENGTH || !new RegExp(NAME_PATTERN).test(uid))) {
    throw bodyFault('uid', `must be 1 to ${MAX_NAME_LENGTH} letters, digits, "-", "_" or "."`)
  }
}

/**
 * Returns the uid that a PUT gives. Where the body says none it is the name in the path, by which the caller knows the
 * thing, so that the same PUT twice is the same as once.
 *
 * @param existing - What the path names already, by id or uid.
 * @throws {PosthornError} `not_found`: an id of nothing that is here, which nothing new can have.
 */
export function uidOfPut(
  kind: 'application' | 'endpoint',
  given: string | null | undefined,
  path: string,
  existing: { readonly id: string } | null,
): string | null {
  if (existing === null && path.startsWith(ID_PREFIXES[kind])) throw notFound(kind, path)
  if (existing === null) return given ?? path
  return given === undefined && path !== existing.id ? path : (given ?? null)
}

/** Returns the refusal of one field of the body. */
export function bodyFault(field: string, msg: string): ValidationError {
  return new ValidationError([{ loc: ['body', field], msg, type: 'value_error' }])
}

/**
 * Reads an instant that has passed its schema, as epoch ms. JavaScript knows no leap seconds: one is the second that follows it,
 * as it is to a clock of Unix.
 */
export function readInstant(text: string): number {
  const isLeap = /^.{17}60/.test(text)
  return isLeap ? Date.parse(`${text.slice(0, 17)}59${text.slice(19)}`) + 1_000 : Date.parse(text)
}

/** Shows an instant: ISO 8601 in UTC, with milliseconds. */
export function showInstant(at: number): string {
  return new Date(at).toISOString()
}

/** Reads a retry schedule as milliseconds. */
export function scheduleMsOf<T extends readonly number[] | null | undefined>(seconds: T): T {
  return (seconds?.map((wait) => Math.round(wait * 1_000)) ?? seconds) as T
}

/** Shows a retry schedule in seconds. */
export function showSchedule(scheduleMs: readonly number[] | null): number[] | null {
  return scheduleMs?.map((waitMs) => waitMs / 1_000) ?? null
}

/** Returns a value that was checked to be there. */
export function found<T>(value: T | null, orElse: () => PosthornError): T {
  if (value === null) throw orElse()
  return value
}
