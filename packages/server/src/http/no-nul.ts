/** Refuses the character NUL in what is kept as text: PostgreSQL cannot store it. Payloads are bytes, and may have it. @module */

import { ValidationError, type ValidationFault } from '../domain/errors.ts'
import type { Api } from './api.ts'

/** How JSON has to write it: as itself it is not allowed in a text. */
const ESCAPED = '\\u0000'

/** How JSON begins the halves of a character beyond the first 65,536. */
const SURROGATES = ['\\ud', '\\uD']

/** Faults named in one answer, at most. */
const MAX_FAULTS = 20

/** Names in the path of a fault, at most: those from the top. */
const MAX_PATH = 64

/** Members of bodies that are kept as the bytes that they are. */
const PAYLOADS: ReadonlySet<string> = new Set(['payload', 'transformationsParams/rawPayload'])

/**
 * Refuses requests to the routes that are added after this which have a NUL in a text or a name that counts. The usual request
 * costs a search of its bytes.
 */
export function refuseNul(api: Api): void {
  api.addHook('preValidation', (request, _reply, done) => {
    const inUrl = request.url.includes('%00')
    const inBody = request.rawBody?.includes(ESCAPED) === true
    const mayHaveHalves = SURROGATES.some((escaped) => request.rawBody?.includes(escaped) === true)
    if (!inUrl && !inBody && !mayHaveHalves) return done()
    const { params, querystring, body } = (request.routeOptions.schema ?? {}) as RouteSchema
    const faults = [
      ...(inUrl ? nulsIn(namedBy(params, request.params), 'path') : []),
      ...(inUrl ? nulsIn(namedBy(querystring, request.query), 'query') : []),
      ...(inBody ? nulsIn(namedBy(body, request.body), 'body', PAYLOADS) : []),
      ...(mayHaveHalves ? halvesIn(namedBy(body, request.body)) : []),
    ]
    return done(faults.length === 0 ? undefined : new ValidationError(faults))
  })
}

/** A half alone is no character: UTF-8 has none, and what is kept would be another text. Lists and pairs are kept as JSON. */
function halvesIn(members: unknown): ValidationFault[] {
  return Object.entries(members ?? {}).flatMap(([name, value]) =>
    typeof value === 'string' && !value.isWellFormed()
      ? [{ loc: ['body', name], msg: 'must not have half of a surrogate pair', type: 'well_formed' }]
      : [],
  )
}

/** What of a route's schemas says which members count. */
type RouteSchema = Readonly<
  Partial<
    Record<'params' | 'querystring' | 'body', { readonly properties?: Readonly<Record<string, unknown>> }>
  >
>

/** Returns what a schema names of the members: others are ignored, whatever they are. */
function namedBy(schema: RouteSchema['body'], members: unknown): unknown {
  if (schema === undefined || typeof members !== 'object' || members === null) return null
  const { properties } = schema
  if (properties === undefined) return members
  return Object.fromEntries(Object.entries(members).filter(([name]) => Object.hasOwn(properties, name)))
}

/**
 * Returns a fault for each text, and each name, that has a NUL in it.
 *
 * @param part - Begins the path of each.
 * @param free - Paths that are let be, joined by slashes.
 */
export function nulsIn(
  value: unknown,
  part: string,
  free: ReadonlySet<string> = new Set(),
): ValidationFault[] {
  const faults: ValidationFault[] = []
  // Not by recursion, and with paths that are shared: what is nested deeply must neither end the process nor stop it.
  const left: Place[] = [{ value, name: null, above: null }]
  for (let place = left.pop(); place !== undefined && faults.length < MAX_FAULTS; place = left.pop()) {
    const { value: found, name } = place
    const isNamed = name?.includes('\0') === true
    if (isNearTop(place) && free.has(pathOf(place).join('/'))) continue
    if (isNamed || (typeof found === 'string' && found.includes('\0'))) {
      const msg = isNamed ? 'must not have the character NUL in its name' : 'must not have the character NUL'
      faults.push({ loc: [part, ...pathOf(place)], msg, type: 'no_nul' })
    } else if (typeof found === 'object' && found !== null) {
      for (const [member, inner] of Object.entries(found))
        left.push({ value: inner, name: member, above: place })
    }
  }
  return faults
}

/** A value, and the way to it from the top, which has no name. */
interface Place {
  readonly value: unknown
  readonly name: string | null
  readonly above: Place | null
}

/** Nothing deeper can be free, and paths are costly where there are many. */
function isNearTop({ above }: Place): boolean {
  return above !== null && (above.above === null || above.above.above === null)
}

function pathOf(place: Place): string[] {
  const upwards: string[] = []
  for (let at: Place | null = place; at !== null; at = at.above) if (at.name !== null) upwards.push(at.name)
  return upwards.toReversed().slice(0, MAX_PATH)
}
