/** Reads the webhooks of an OpenAPI document as event types. @module */

import { setImmediate } from 'node:timers/promises'

import type { ImportedEventType } from '../../domain/event-type.ts'
import { bundleSchema } from './bundled-schema.ts'
import { type Pointed, isObject, pointed } from './json-pointer.ts'
import { compilePayloadSchema } from './payload-schema.ts'
import { MAX_SCHEMA_DEPTH, isDeeper } from './schemas.ts'

/** Event types, or what is wrong in the document and where. */
export type WebhooksRead =
  | { readonly kind: 'event-types'; readonly eventTypes: readonly ImportedEventType[] }
  | { readonly kind: 'fault'; readonly path: readonly string[]; readonly msg: string }

/** Where webhooks are: since OpenAPI 3.1, and before. */
const SECTIONS = ['webhooks', 'x-webhooks']

/** Methods of an operation, the usual one first. */
const METHODS = ['post', 'put', 'patch', 'get', 'delete']

const NAME = /^[a-zA-Z0-9\-_.]{1,256}$/

const NAMING = 'must be named by 1 to 256 letters, digits, "-", "_" or "."'

const MAX_FLAGS = 100
const MAX_WEBHOOKS = 1_000
/** What all schemas of a document may have together, in values: shared ones count where they are used. */
const MAX_NODES = 200_000
/** Above the schemas, which have a bound of their own. */
const MAX_DEPTH = MAX_SCHEMA_DEPTH + 32
const MAX_HOPS = 16

class Fault extends Error {
  readonly path: readonly string[]

  constructor(path: readonly string[], msg: string) {
    super(msg)
    this.path = path
  }
}

/**
 * Reads the webhooks under `webhooks` and `x-webhooks`. The name of one is that of its event type, its operation's description
 * or summary is the description, and the JSON schema of its body is that of the payload. Lets other work run between schemas.
 */
export async function readWebhooks(document: unknown): Promise<WebhooksRead> {
  try {
    return { kind: 'event-types', eventTypes: await eventTypesOf(document) }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { kind: 'fault', path: error.path, msg: error.message }
  }
}

async function eventTypesOf(document: unknown): Promise<ImportedEventType[]> {
  if (!isObject(document)) throw new Fault([], 'must be an OpenAPI document: an object')
  if (isDeeper(document, MAX_DEPTH)) throw new Fault([], `must not be nested deeper than ${MAX_DEPTH} levels`)
  const { openapi } = document
  if (typeof openapi !== 'string' || !/^3\.\d/.test(openapi)) {
    throw new Fault(['openapi'], 'must be a version from 3.0 on')
  }
  const webhooks = new Map<string, Pointed>()
  for (const section of SECTIONS) {
    const items = Object.hasOwn(document, section) ? document[section] : {}
    if (!isObject(items)) throw new Fault([section], 'must be an object')
    for (const [name, value] of Object.entries(items)) {
      if (!NAME.test(name)) {
        throw new Fault([section, name.slice(0, 256)], NAMING)
      }
      if (!webhooks.has(name)) webhooks.set(name, { value, path: [section, name] })
    }
  }
  if (webhooks.size === 0) throw new Fault(['webhooks'], 'must have a webhook')
  if (webhooks.size > MAX_WEBHOOKS) throw new Fault(['webhooks'], `must not have more than ${MAX_WEBHOOKS}`)

  const eventTypes: ImportedEventType[] = []
  let left = MAX_NODES
  for (const [name, webhook] of webhooks) {
    const item = objectAt(document, webhook)
    const method = METHODS.find((each) => Object.hasOwn(item.value, each))
    if (method === undefined) throw new Fault(item.path, 'must have an operation, such as post')
    const operation = objectAt(document, within(item, method))
    const { schemas, nodes } = schemasOf(document, operation, left)
    left -= nodes
    eventTypes.push({
      name,
      description: textOf(operation.value, item.value),
      deprecated: operation.value['deprecated'] === true,
      schemas,
      ...extrasOf(operation),
    })
    await setImmediate()
  }
  return eventTypes
}

function schemasOf(
  document: Readonly<Record<string, unknown>>,
  operation: Found,
  maxNodes: number,
): { schemas: ImportedEventType['schemas']; nodes: number } {
  const none = { schemas: null, nodes: 0 }
  if (!Object.hasOwn(operation.value, 'requestBody')) return none
  const body = objectAt(document, within(operation, 'requestBody'))
  if (!Object.hasOwn(body.value, 'content')) return none
  const content = objectAt(document, within(body, 'content'))
  const types = Object.keys(content.value)
  const type =
    types.find((each) => each === 'application/json') ?? types.find((each) => /[/+]json\b/.test(each))
  if (type === undefined) return none
  const media = objectAt(document, within(content, type))
  const { schema } = media.value
  if (schema === undefined || schema === true) return none
  const { value, path } = objectAt(document, within(media, 'schema'), { isFollowed: false })
  const bundled = bundleSchema(document, value, path, maxNodes)
  if (bundled.kind === 'fault') throw new Fault(bundled.path, bundled.msg)
  if (isDeeper(bundled.schema, MAX_SCHEMA_DEPTH - 1)) {
    throw new Fault(path, `must not be nested deeper than ${MAX_SCHEMA_DEPTH} levels`)
  }
  const compiled = compilePayloadSchema(bundled.schema)
  // The place in the schema that was made of it: what references lead to is under its definitions.
  if (compiled.kind === 'fault') throw new Fault([...path, ...compiled.path], compiled.msg)
  return { schemas: { '1': bundled.schema }, nodes: bundled.nodes }
}

/** What the vendor's extensions say: a group, and the flags of who sees the type. */
function extrasOf({ value, path }: Found): Pick<ImportedEventType, 'groupName' | 'featureFlags'> {
  const named = (extension: string, given: unknown): string => {
    if (typeof given === 'string' && NAME.test(given)) return given
    throw new Fault([...path, extension], NAMING)
  }
  const [group, flags, flag] = ['x-svix-group-name', 'x-svix-feature-flags', 'x-svix-feature-flag'] as const
  const { [group]: groupName, [flags]: many, [flag]: one } = value
  const given = many ?? (one === undefined ? undefined : [one])
  if (given !== undefined && (!Array.isArray(given) || given.length === 0 || given.length > MAX_FLAGS)) {
    throw new Fault([...path, flags], `must be a list of 1 to ${MAX_FLAGS} names`)
  }
  return {
    ...(groupName === undefined ? {} : { groupName: named(group, groupName) }),
    ...(given === undefined ? {} : { featureFlags: given.map((each) => named(flags, each)) }),
  }
}

function textOf(...described: readonly Readonly<Record<string, unknown>>[]): string {
  const texts = described.flatMap(({ description, summary }) => [description, summary])
  return texts.find((text): text is string => typeof text === 'string') ?? ''
}

interface Found {
  readonly value: Readonly<Record<string, unknown>>
  readonly path: readonly string[]
}

function within({ value, path }: Found, member: string): Pointed {
  return { value: value[member], path: [...path, member] }
}

/** Returns an object, or what its reference leads to. */
function objectAt(document: unknown, { value, path }: Pointed, { isFollowed = true } = {}): Found {
  let [found, at] = [value, path]
  for (let hops = 0; hops <= MAX_HOPS; hops++) {
    if (!isObject(found)) throw new Fault(at, 'must be an object')
    if (!isFollowed || typeof found['$ref'] !== 'string') return { value: found, path: at }
    const target = pointed(document, found['$ref'])
    if (target === null) {
      throw new Fault(
        [...at, '$ref'],
        `leads to ${found['$ref'].slice(0, 200)}, which is not in this document`,
      )
    }
    ;[found, at] = [target.value, target.path]
  }
  throw new Fault(path, 'has references that lead to one another without end')
}
