/** Where a provider says which event this is. @module */

import type { Bytes } from '../base64.ts'
import { encodeHex, sha256 } from '../bytes.ts'
import { accept, type ReceivedWebhook, type VerifyResult } from '../scheme.ts'

/**
 * A place in a request: a header, named in lower case, or a path such as `event.id` into a JSON body. Of a
 * body that is an array, the path leads into its element if it has only one.
 */
export type FieldSource = { readonly header: string } | { readonly json: string }

/** What a provider tells of an event beside its body. */
export interface EventFields {
  /** The id of the message. Without it, the event's is the hash of the body. */
  readonly id?: FieldSource
  /** The event type. Several are joined by `.`; those after the first may be absent. */
  readonly type?: FieldSource | readonly FieldSource[]
}

/** Longer ones would be a sender's way to fill a store; the hash of the body stands in for them. */
const MAX_ID_LENGTH = 256

/** Returns the value of a JSON body, or `undefined` when it is not JSON in UTF-8. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    return undefined
  }
}

/** Returns what `path` leads to. Own fields only: `__proto__` and `constructor` lead nowhere. */
export function jsonAt(value: unknown, path: string): unknown {
  let at: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string, unknown>)[key]
  }
  return at
}

/** Returns the text, or the whole number as text, that `path` leads to, or `null`. */
export function jsonText(value: unknown, path: string): string | null {
  const at = jsonAt(value, path)
  if (typeof at === 'string' && at !== '') return at
  return Number.isSafeInteger(at) ? String(at) : null
}

/** Accepts, with the id and the type that `fields` lead to. Call it when the signature was verified. */
export async function acceptWith(
  fields: EventFields,
  webhook: ReceivedWebhook,
  timestamp: Date,
  body: Bytes,
): Promise<VerifyResult> {
  let json: { readonly value: unknown } | undefined
  const read = (source: FieldSource) => {
    if ('header' in source) return webhook.header(source.header) || null
    json ??= { value: parseJson(body) }
    return jsonText(json.value, source.json)
  }
  const id = fields.id === undefined ? null : read(fields.id)
  const dedupeId = id === null || id.length > MAX_ID_LENGTH ? await bodyId(body) : id
  return accept(dedupeId, timestamp, body, () => {
    const [first = null, ...rest] = [fields.type ?? []].flat().map(read)
    return first === null ? null : [first, ...rest.filter((part) => part !== null)].join('.')
  })
}

/** Returns the id of an event whose sender gives it none: the hash of its body. */
export async function bodyId(body: Bytes): Promise<string> {
  return `sha256:${encodeHex(await sha256(body))}`
}
