/** Validates requests by their schemas, and names each fault. @module */

import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'

import { ValidationError, type ValidationFault } from '../domain/errors.ts'
import { errorsOfNamedForm } from './named-form.ts'

/** Names of Fastify's parts of a request as the API's errors name them. */
const PART_NAMES: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'header',
}

/** Faults named in one answer, at most. */
const MAX_FAULTS = 20

/** What was compiled for another server of this process: an embedded one that starts again compiles nothing. */
const validators = new WeakMap<TSchema, Validator>()

/** Returns the check of a schema, which is compiled once in a process. */
export function validatorOf(schema: TSchema): Validator {
  const known = validators.get(schema)
  if (known !== undefined) return known
  const made = Compile<TSchema>(schema)
  validators.set(schema, made)
  return made
}

/**
 * Compiles a schema into a check. A query is text, so its numbers are converted first; a body has types of its own, and
 * nothing is made to fit. Fields that a schema does not name are let through, and ignored.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = validatorOf(schema)
  const part = PART_NAMES[httpPart ?? 'body'] ?? 'body'
  return (data: unknown) => {
    if (validator.Check(data)) return { value: data }
    // Only what does not fit as it is: conversion costs more than all the rest of a request's validation.
    const value = httpPart === 'querystring' ? fromText(schema, data) : data
    if (httpPart === 'querystring' && validator.Check(value)) return { value }
    return { error: new ValidationError(faultsOf(errorsOfNamedForm(validator.Errors(value)), part)) }
  }
}

/** What of a parameter's schema says how its text is read. */
interface Parameter {
  readonly type?: string
  readonly describedAs?: { readonly type?: string }
}

/**
 * Makes numbers of what a schema wants as whole numbers and what reads as such; nothing is rounded. Of a list that is given as one
 * parameter for each item, as some clients do, it makes the one with commas.
 */
function fromText(schema: TSchema, data: unknown): unknown {
  const { properties = {} } = schema as { properties?: Readonly<Record<string, Parameter>> }
  const query = { ...(data as Record<string, unknown>) }
  for (const [name, value] of Object.entries(query)) {
    if (!Object.hasOwn(properties, name)) continue
    const { type, describedAs } = properties[name]!
    if (type === 'integer' && typeof value === 'string' && /^-?\d{1,15}$/.test(value))
      query[name] = Number(value)
    if (describedAs?.type === 'array' && Array.isArray(value)) query[name] = value.join(',')
  }
  return query
}

/** An error as TypeBox reports it. */
export interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: object
  readonly message: string
}

/** Returns the faults that errors tell of, each place once. @param part - Begins the path of each. */
export function faultsOf(errors: readonly SchemaError[], part: string): ValidationFault[] {
  const faults = errors
    // A union reports the failure of each branch and then itself: the branches say more.
    .filter((error) => error.keyword !== 'anyOf')
    .flatMap((error): ValidationFault[] => {
      const path = error.instancePath.split('/').slice(1).map(unescapePointer)
      if (error.keyword === 'required' && 'requiredProperties' in error.params) {
        return (error.params.requiredProperties as string[]).map((name) => ({
          loc: [part, ...path, name],
          msg: 'is required',
          type: 'required',
        }))
      }
      return [{ loc: [part, ...path], msg: error.message, type: error.keyword }]
    })
  return mergeByPlace(faults).slice(0, MAX_FAULTS)
}

/** Makes one fault of the failures of a union's branches: "must be string or must be null". */
function mergeByPlace(faults: readonly ValidationFault[]): ValidationFault[] {
  const merged = new Map<string, ValidationFault>()
  for (const fault of faults) {
    const place = fault.loc.join('/')
    const before = merged.get(place)
    merged.set(place, before === undefined ? fault : { ...before, msg: `${before.msg} or ${fault.msg}` })
  }
  return [...merged.values()]
}

/** RFC 6901, section 4. */
function unescapePointer(text: string): string {
  return text.replaceAll('~1', '/').replaceAll('~0', '~')
}
