/** The forms that several resources share. @module */

import { type Static, type TSchema, Type } from 'typebox'

import { PosthornError, ValidationError } from '../domain/errors.ts'
import { ID_PREFIXES, type IdKind } from '../domain/id.ts'

/** A value that may be `null`. */
export const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

/** A field that may be absent or `null`, which mean the same when a thing is made. */
export const Maybe = <Schema extends TSchema>(schema: Schema) => Type.Optional(Nullable(schema))

const NAME_PATTERN = '^[a-zA-Z0-9\\-_.]+$'

/** A name of the provider's own for a thing. */
export const Uid = Type.String({ minLength: 1, maxLength: 256, pattern: NAME_PATTERN })
/** Name of an event type. */
export const EventTypeName = Type.String({ minLength: 1, maxLength: 256, pattern: NAME_PATTERN })
/** Name of a channel. */
export const Channel = Type.String({ minLength: 1, maxLength: 128, pattern: NAME_PATTERN })
/** Messages a second. */
export const Rate = Type.Integer({ minimum: 1, maximum: 65_535 })
/** Free text pairs, at most 4 KiB of JSON; see {@link checkMetadata}. */
export const Metadata = Type.Record(Type.String(), Type.String())
/** An instant as the SDKs send it: ISO 8601. */
export const Instant = Type.String({ format: 'date-time' })
/** A truth value in a query, where everything is text. */
export const Flag = Type.Enum(['true', 'false'])
/** Event types in a query: names joined by commas. */
export const NameList = Type.String({ pattern: '^[a-zA-Z0-9\\-_.]+(,[a-zA-Z0-9\\-_.]+)*$' })

const MAX_METADATA_BYTES = 4_096

/** @throws {ValidationError} The pairs are larger than 4 KiB of JSON. */
export function checkMetadata(metadata: Readonly<Static<typeof Metadata>> | undefined): void {
  if (metadata === undefined) return
  const bytes = Buffer.byteLength(JSON.stringify(metadata))
  if (bytes > MAX_METADATA_BYTES) {
    throw bodyFault('metadata', `has ${bytes} bytes of JSON; at most ${MAX_METADATA_BYTES} are allowed`)
  }
}

/** A uid that looks like an id would be ambiguous in a path. @throws {ValidationError} */
export function checkUid(kind: IdKind, uid: string | null | undefined): void {
  if (uid?.startsWith(ID_PREFIXES[kind]) === true) {
    throw bodyFault('uid', `must not begin with ${ID_PREFIXES[kind]}, as ids do`)
  }
}

/** Returns the refusal of one field of the body. */
export function bodyFault(field: string, msg: string): ValidationError {
  return new ValidationError([{ loc: ['body', field], msg, type: 'value_error' }])
}

/** Shows an instant: ISO 8601 in UTC, with milliseconds. */
export function showInstant(at: number): string {
  return new Date(at).toISOString()
}

/** Returns a value that was checked to be there. */
export function found<T>(value: T | null, orElse: () => PosthornError): T {
  if (value === null) throw orElse()
  return value
}
