/** Makes a JSON Schema (draft 7) that stands alone of one in an OpenAPI document. @module */

import { isObject, pointed } from './json-pointer.ts'

/** A schema that stands alone, or what is wrong in the document and where. */
export type BundledSchema =
  | { readonly kind: 'schema'; readonly schema: Readonly<Record<string, unknown>>; readonly nodes: number }
  | { readonly kind: 'fault'; readonly path: readonly string[]; readonly msg: string }

/** What goes wrong in a schema, on the way up to {@link bundleSchema}. */
class Fault extends Error {
  readonly path: readonly string[]

  constructor(path: readonly string[], msg: string) {
    super(msg)
    this.path = path
  }
}

const SINGLE = new Set([
  'additionalItems',
  'additionalProperties',
  'contains',
  'else',
  'if',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
])
const LISTS = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const MAPS = new Set(['properties', 'patternProperties', 'dependentSchemas', 'definitions', '$defs'])

/** Say how the document's own identifiers are to be read, which a schema that stands alone has none of. */
const LEFT_OUT = new Set(['$schema', '$id', 'id', '$anchor', 'discriminator', 'xml', 'externalDocs'])

/** What a schema is made with. */
interface Bundle {
  readonly document: unknown
  /** Of OpenAPI 3.0, whose schemas are of a dialect of their own. */
  readonly isOld: boolean
  /** Names in `definitions`, by the reference that they replace. */
  readonly names: Map<string, string>
  readonly definitions: Map<string, unknown>
  readonly todo: (() => void)[]
  left: number
}

/**
 * Follows the references of a schema in an OpenAPI document and puts what they lead to into its `definitions`, once each,
 * so that schemas which refer to themselves do so still. Of OpenAPI 3.0, `nullable` and the exclusive limits by truth value are
 * said as in draft 7; of 3.1, tuples are.
 *
 * @param at - The path to the schema in the document, for faults.
 * @param maxNodes - Values that the result may have, at most.
 */
export function bundleSchema(
  document: Readonly<Record<string, unknown>>,
  schema: Readonly<Record<string, unknown>>,
  at: readonly string[],
  maxNodes: number,
): BundledSchema {
  const bundle: Bundle = {
    document,
    isOld: String(document['openapi']).startsWith('3.0'),
    names: new Map(),
    definitions: new Map(),
    todo: [],
    left: maxNodes,
  }
  try {
    // A name for what is meant would hide its example from who shows the type.
    const { value: top, path } = withoutAlias(bundle, schema, at)
    const made = convert(bundle, top, path) as Record<string, unknown>
    for (let next = bundle.todo.pop(); next !== undefined; next = bundle.todo.pop()) next()
    const definitions = Object.fromEntries(bundle.definitions)
    const whole = bundle.definitions.size === 0 ? made : { ...made, definitions }
    return { kind: 'schema', schema: whole, nodes: maxNodes - bundle.left }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { kind: 'fault', path: error.path, msg: error.message }
  }
}

/** Follows a schema that is nothing but a reference to another. */
function withoutAlias(
  { document }: Bundle,
  schema: Readonly<Record<string, unknown>>,
  at: readonly string[],
) {
  let [value, path] = [schema, at]
  const seen = new Set<string>()
  while (typeof value['$ref'] === 'string' && Object.keys(value).length === 1) {
    const reference = value['$ref']
    if (seen.has(reference)) throw new Fault([...path, '$ref'], 'leads back to itself')
    seen.add(reference)
    const target = pointed(document, reference)
    if (target === null || !isObject(target.value)) throw new Fault([...path, '$ref'], nowhere(reference))
    ;({ value, path } = { value: target.value, path: target.path })
  }
  return { value, path }
}

function convert(bundle: Bundle, schema: unknown, path: readonly string[]): unknown {
  if (typeof schema === 'boolean') return schema
  if (!isObject(schema)) throw new Fault(path, 'must be a schema')
  count(bundle, path)
  const said = sayAsDraft7(bundle, schema)
  const { $ref: reference, ...rest } = said
  if (reference === undefined) return convertMembers(bundle, said, path)
  const link = { $ref: linkTo(bundle, reference, [...path, '$ref']) }
  // What stands beside a reference counts since 3.1, and not in draft 7.
  const counts = !bundle.isOld && Object.keys(rest).length > 0
  if (!counts) return link
  const { allOf, ...others } = convertMembers(bundle, rest, path)
  return { ...others, allOf: [link, ...(Array.isArray(allOf) ? (allOf as unknown[]) : [])] }
}

function convertMembers(
  bundle: Bundle,
  schema: Readonly<Record<string, unknown>>,
  path: readonly string[],
): Record<string, unknown> {
  const members = Object.entries(schema).filter(([keyword]) => !LEFT_OUT.has(keyword))
  // By entries, which make a member of every name, also of `__proto__`.
  return Object.fromEntries(
    members.map(([keyword, value]) => [keyword, convertMember(bundle, keyword, value, [...path, keyword])]),
  )
}

function convertMember(bundle: Bundle, keyword: string, value: unknown, path: readonly string[]): unknown {
  const isList = LISTS.has(keyword) || (keyword === 'items' && Array.isArray(value))
  if (isList && Array.isArray(value)) {
    return value.map((each, index) => convert(bundle, each, [...path, String(index)]))
  }
  if (SINGLE.has(keyword) || keyword === 'items') return convert(bundle, value, path)
  if (keyword === 'dependencies' && isObject(value)) {
    return mapMembers(value, (each, name) =>
      Array.isArray(each) ? copied(bundle, each, path) : convert(bundle, each, [...path, name]),
    )
  }
  if (MAPS.has(keyword) && isObject(value)) {
    return mapMembers(value, (each, name) => convert(bundle, each, [...path, name]))
  }
  return copied(bundle, value, path)
}

/** Data is taken as it is. */
function copied(bundle: Bundle, value: unknown, path: readonly string[]): unknown {
  count(bundle, path)
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) copied(bundle, inner, path)
  }
  return value
}

/** Says what draft 7 has other words for. */
function sayAsDraft7(
  { isOld }: Bundle,
  schema: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (!isOld) {
    if (!Array.isArray(schema['prefixItems'])) return schema
    const { prefixItems, items, ...rest } = schema
    return { ...rest, items: prefixItems, ...(items === undefined ? {} : { additionalItems: items }) }
  }
  const { nullable, exclusiveMinimum, exclusiveMaximum, ...rest } = schema
  return {
    ...rest,
    ...(nullable === true ? orNull(rest) : {}),
    ...limit('Minimum', exclusiveMinimum, rest),
    ...limit('Maximum', exclusiveMaximum, rest),
  }
}

function orNull({ type, enum: values }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // OpenAPI 3.0.3: `nullable` adds to the type that stands beside it, and says nothing without one.
  if (typeof type !== 'string') return {}
  return {
    type: [type, 'null'],
    ...(Array.isArray(values) ? { enum: [...(values as unknown[]), null] } : {}),
  }
}

function limit(
  which: 'Minimum' | 'Maximum',
  exclusive: unknown,
  rest: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const plain = which.toLowerCase()
  if (exclusive === true) return { [`exclusive${which}`]: rest[plain] }
  return typeof exclusive === 'number' ? { [`exclusive${which}`]: exclusive } : {}
}

/** Returns the reference within the schema that takes the place of one within the document. */
function linkTo(bundle: Bundle, reference: unknown, path: readonly string[]): string {
  const target = typeof reference === 'string' ? pointed(bundle.document, reference) : null
  if (target === null) throw new Fault(path, nowhere(reference))
  const key = JSON.stringify(target.path)
  let name = bundle.names.get(key)
  if (name === undefined) {
    name = freeName(bundle, target.path.at(-1) ?? 'document')
    bundle.names.set(key, name)
    bundle.definitions.set(name, true)
    const given = name
    bundle.todo.push(() => bundle.definitions.set(given, convert(bundle, target.value, target.path)))
  }
  return `#/definitions/${name}`
}

/** A name that needs no escapes, and that no other has. */
function freeName({ definitions }: Bundle, wanted: string): string {
  const base = wanted.replaceAll(/[^\w.-]/g, '_')
  let name = base
  for (let number = 2; definitions.has(name) || name === '__proto__' || name === ''; number++)
    name = `${base}_${number}`
  return name
}

function nowhere(reference: unknown): string {
  return `leads to ${JSON.stringify(reference)?.slice(0, 200)}, which is not in this document`
}

function count(bundle: Bundle, path: readonly string[]): void {
  bundle.left -= 1
  if (bundle.left < 0) throw new Fault(path, 'is too large with its references resolved')
}

function mapMembers(
  value: Readonly<Record<string, unknown>>,
  change: (value: unknown, name: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, change(each, name)]))
}
