/** The discipline of event types: only known ones, and payloads that fit their schemas. @module */

import { ValidationError, type ValidationFault } from '../../domain/errors.ts'
import type { Store } from '../../storage/store.ts'
import { type PayloadCheck, compilePayloadSchema } from './payload-schema.ts'

/** What is checked of an event. */
export interface CheckedEvent {
  readonly eventType: string
  readonly payload: unknown
  readonly transformationsParams?: { readonly rawPayload?: string } | null | undefined
}

/** Refuses an event whose type is unknown or archived, or whose payload does not fit. @throws {ValidationError} */
export type EventCheck = (organisationId: string, event: CheckedEvent) => Promise<void>

/** Event types known in memory. The one unused for longest goes first. */
const MAX_KNOWN = 10_000

/** What is known of a name: how to check its payloads, or that it is no event type to send. */
type Known =
  | { readonly kind: 'open'; readonly check: PayloadCheck | null }
  | { readonly kind: 'refused'; readonly why: string }

/**
 * Returns the check of events. It knows the event types that are used in memory, with their schemas compiled, until the
 * store tells of a change.
 */
export function eventCheck(store: Pick<Store, 'findEventType' | 'onChange'>): EventCheck {
  const known = new Map<string, Known>()
  let changes = 0
  store.onChange((applicationId) => {
    if (applicationId !== null) return
    changes += 1
    known.clear()
  })

  return async (organisationId, { eventType, payload, transformationsParams }) => {
    const type = await find(organisationId, eventType)
    if (type.kind === 'refused') throw new ValidationError([fault(['eventType'], type.why, 'event_type')])
    if (type.check === null) return
    const raw = transformationsParams?.rawPayload
    const faults =
      raw === undefined
        ? type.check(payload).map((found) => ({ ...found, loc: ['body', 'payload', ...found.loc] }))
        : checkRaw(raw, type.check)
    if (faults.length > 0) throw new ValidationError(faults)
  }

  async function find(organisationId: string, name: string): Promise<Known> {
    const key = `${organisationId} ${name}`
    const hit = known.get(key)
    if (hit !== undefined) {
      known.delete(key)
      known.set(key, hit)
      return hit
    }
    const before = changes
    const loaded = await load(organisationId, name)
    // What was read before a change is not remembered after it.
    if (before === changes) known.set(key, loaded)
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!)
    return loaded
  }

  async function load(organisationId: string, name: string): Promise<Known> {
    const eventType = await store.findEventType(organisationId, name)
    if (eventType === null) return { kind: 'refused', why: `${name} is not an event type here` }
    if (eventType.archived) return { kind: 'refused', why: `${name} is archived` }
    const schema = newestSchema(eventType.schemas)
    if (schema === undefined) return { kind: 'open', check: null }
    const compiled = compilePayloadSchema(schema)
    // Written before schemas were compiled on writing: it says nothing that could be checked.
    if (compiled.kind === 'fault') {
      return { kind: 'refused', why: `has a schema that cannot be used: it ${compiled.msg}` }
    }
    return { kind: 'open', check: compiled.check }
  }
}

/**
 * Returns the schema of the newest version: versions are compared by their numbers, so that `10` is newer than `9`.
 * `undefined` where there is none.
 */
export function newestSchema(schemas: Readonly<Record<string, unknown>> | null): unknown {
  const versions = Object.keys(schemas ?? {})
  const newest = versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  return newest === undefined ? undefined : schemas![newest]
}

function checkRaw(raw: string, check: PayloadCheck): ValidationFault[] {
  const place = ['transformationsParams', 'rawPayload']
  try {
    return check(JSON.parse(raw)).map((found) => ({ ...found, loc: ['body', ...place, ...found.loc] }))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return [fault(place, 'must be JSON, because the event type has a schema', 'json')]
  }
}

function fault(path: readonly string[], msg: string, type: string): ValidationFault {
  return { loc: ['body', ...path], msg, type }
}
