/** Compiles the JSON Schemas (draft 7) that event types give of their payloads. @module */

import { Compile, Meta } from 'typebox/schema'

import type { ValidationFault } from '../../domain/errors.ts'
import { type SchemaError, faultsOf } from '../validation.ts'
import { pointed } from './json-pointer.ts'

/** Returns what does not fit in a payload, with the path from the payload to it. */
export type PayloadCheck = (payload: unknown) => ValidationFault[]

/** A schema that can be used, or what is wrong with it. */
export type CompiledSchema =
  | { readonly kind: 'schema'; readonly check: PayloadCheck }
  | { readonly kind: 'fault'; readonly path: readonly string[]; readonly msg: string }

const DRAFT_7 = Meta['http://json-schema.org/draft-07/schema#']

/** Keywords whose values are data: what looks like a reference there is none. */
const DATA = new Set(['const', 'enum', 'default', 'examples'])

let metaSchema: ReturnType<typeof Compile> | null = null

/** Compiles a schema. References lead to places in the same schema: nothing is fetched. */
export function compilePayloadSchema(schema: unknown): CompiledSchema {
  metaSchema ??= Compile(DRAFT_7)
  const [isValid, errors] = metaSchema.Errors(schema)
  if (!isValid) {
    // The innermost says what is wrong; those around it repeat that something is.
    const [first] = faultsOf(errors, 'schema').toSorted((a, b) => b.loc.length - a.loc.length)
    return { kind: 'fault', path: first!.loc.slice(1), msg: `is not JSON Schema draft 7: ${first!.msg}` }
  }
  const missing = missingReference(schema, schema, [])
  if (missing !== null) return { kind: 'fault', ...missing }
  try {
    const validator = Compile(schema as object)
    // One that refers to itself without going deeper into the payload never ends, whatever the payload.
    for (const payload of [null, {}, []]) validator.Check(payload)
    return {
      kind: 'schema',
      check(payload) {
        try {
          if (validator.Check(payload)) return []
          return placesOf(validator.Errors(payload)[1])
        } catch (error) {
          if (!(error instanceof RangeError)) throw error
          return [{ loc: [], msg: 'is nested too deeply to be checked', type: 'depth' }]
        }
      },
    }
  } catch (error) {
    return { kind: 'fault', path: [], msg: `cannot be compiled: ${(error as Error).message}` }
  }
}

/** Names each place once: a property that is not allowed is told of at its own place, and not at its object's too. */
function placesOf(errors: readonly SchemaError[]): ValidationFault[] {
  const told = errors
    .filter(({ keyword }) => keyword !== 'additionalProperties')
    .map((error) => (error.keyword === 'boolean' ? { ...error, message: 'is not allowed' } : error))
  return faultsOf(told.length > 0 ? told : errors, 'payload').map((fault) => ({
    ...fault,
    loc: fault.loc.slice(1),
  }))
}

/** Returns the first reference that leads nowhere within the schema. */
function missingReference(
  root: unknown,
  schema: unknown,
  path: readonly string[],
): { readonly path: readonly string[]; readonly msg: string } | null {
  if (typeof schema !== 'object' || schema === null) return null
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$ref' && typeof value === 'string' && !leadsSomewhere(root, value)) {
      return { path: [...path, key], msg: `leads to ${value}, which is not in this schema` }
    }
    const inner = DATA.has(key) ? null : missingReference(root, value, [...path, key])
    if (inner !== null) return inner
  }
  return null
}

function leadsSomewhere(root: unknown, reference: string): boolean {
  return pointed(root, reference) !== null || hasId(root, reference)
}

function hasId(schema: unknown, id: string): boolean {
  if (typeof schema !== 'object' || schema === null) return false
  if ('$id' in schema && schema.$id === id) return true
  return Object.values(schema).some((inner) => hasId(inner, id))
}
