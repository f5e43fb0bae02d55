/** What is done to endpoints, whoever owns them: an application, or the organisation for its operational webhooks. @module */

import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'

import { WebhookSecretError, generateSecret, parseSecret } from '@posthorn/receiver'

import type { Endpoint, EndpointChanges } from '../../domain/endpoint.ts'
import { type EndpointHeaders, faultOfHeaders, mergeHeaders } from '../../domain/endpoint-headers.ts'
import { PosthornError, ValidationError } from '../../domain/errors.ts'
import { newId } from '../../domain/id.ts'
import { isCapable } from '../../domain/token.ts'
import { notFound } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { bodyFault, checkMetadata, checkUid, found, uidOfPut } from '../schemas.ts'
import type {
  EndpointHeadersPatchIn,
  EndpointIn,
  EndpointPatch,
  EndpointSecretRotateIn,
  EndpointUpdate,
} from './schemas.ts'

const DEFAULT_GRACE_SECONDS = 86_400

/** Returns the endpoint of an owner by id or uid. @throws {PosthornError} `not_found`. */
export async function findEndpointOf(deps: HttpDeps, ownerId: string, idOrUid: string): Promise<Endpoint> {
  const endpoint = await deps.store.findEndpoint(ownerId, idOrUid)
  return found(endpoint, () => notFound('endpoint', idOrUid))
}

/** Makes an endpoint. @throws {ValidationError} @throws {PosthornError} `uid_exists`. */
export async function createEndpoint(
  deps: HttpDeps,
  ownerId: string,
  input: Static<typeof EndpointIn>,
): Promise<Endpoint> {
  const endpoint = newEndpoint(deps, ownerId, input)
  await deps.store.createEndpoint(endpoint)
  return endpoint
}

/** Replaces an endpoint, save its secret; or makes it. Headers stay where the input says nothing of them. */
export async function putEndpoint(
  deps: HttpDeps,
  ownerId: string,
  idOrUid: string,
  input: Static<typeof EndpointUpdate>,
): Promise<{ endpoint: Endpoint; isNew: boolean }> {
  const existing = await deps.store.findEndpoint(ownerId, idOrUid)
  const uid = uidOfPut(input.uid, idOrUid, existing)
  if (existing === null) {
    return { endpoint: await createEndpoint(deps, ownerId, { ...input, uid }), isNew: true }
  }
  const { url, description, disabled, eventTypes, channels, throttleRate, metadata, headers } = newEndpoint(
    deps,
    ownerId,
    { ...input, uid },
  )
  const changes = { uid, url, description, disabled, eventTypes, channels, throttleRate, metadata }
  const updated = await deps.store.updateEndpoint(
    ownerId,
    existing.id,
    input.headers === undefined ? changes : { ...changes, headers },
    deps.clock(),
  )
  return { endpoint: found(updated, () => notFound('endpoint', idOrUid)), isNew: false }
}

/** Changes some fields of an endpoint. */
export async function patchEndpoint(
  deps: HttpDeps,
  { id, applicationId }: Endpoint,
  { filterTypes, rateLimit, headers, ...given }: Static<typeof EndpointPatch>,
): Promise<Endpoint> {
  const changes: EndpointChanges = {
    ...given,
    eventTypes: given.eventTypes === undefined ? filterTypes : given.eventTypes,
    throttleRate: given.throttleRate === undefined ? rateLimit : given.throttleRate,
    headers: headers === null ? {} : headers,
  }
  check(deps, changes)
  const updated = await deps.store.updateEndpoint(applicationId, id, changes, deps.clock())
  return found(updated, () => notFound('endpoint', id))
}

/** Deletes an endpoint. */
export async function deleteEndpoint(deps: HttpDeps, { id, applicationId }: Endpoint): Promise<void> {
  await deps.store.deleteEndpoint(applicationId, id, deps.clock())
}

/** Replaces the secret of an endpoint; the one before signs through the grace period. Returns the new one. */
export async function rotateSecret(
  deps: HttpDeps,
  { id, applicationId }: Endpoint,
  { key, gracePeriodSeconds }: Static<typeof EndpointSecretRotateIn>,
): Promise<string> {
  const graceMs = (gracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1_000
  const secret = secretOf(key, 'key')
  const isDone = await deps.store.rotateEndpointSecret(applicationId, id, { secret, graceMs }, deps.clock())
  if (!isDone) throw notFound('endpoint', id)
  return secret
}

/**
 * Tells whether the caller is an official client and may see secrets. Newer ones (the Python one, as of 2.9) read the new
 * secret from the answer to a rotation and fail at a 204, which the API's description has; older ones take either.
 */
export function readsNewSecret({ headers, principal }: FastifyRequest): boolean {
  const isClient = headers['user-agent']?.startsWith('svix-libs/') === true
  return isClient && isCapable(principal.capabilities, 'ViewEndpointSecret')
}

/** Replaces the headers of an endpoint. @throws {ValidationError} Names the header. */
export async function replaceHeaders(
  deps: HttpDeps,
  { id, applicationId }: Endpoint,
  headers: EndpointHeaders,
): Promise<void> {
  checkHeaders(headers)
  const updated = await deps.store.updateEndpoint(applicationId, id, { headers }, deps.clock())
  found(updated, () => notFound('endpoint', id))
}

/** Sets some headers of an endpoint and removes others. @throws {ValidationError} Names the header. */
export async function patchHeaders(
  deps: HttpDeps,
  { id, applicationId, headers }: Endpoint,
  input: Static<typeof EndpointHeadersPatchIn>,
): Promise<void> {
  const entries = Object.entries(input.headers)
  const isSet = (entry: [string, string | null]): entry is [string, string] => entry[1] !== null
  const set = Object.fromEntries(entries.filter(isSet))
  const removed = entries.filter((entry) => !isSet(entry)).map(([name]) => name)
  const changes = { set, remove: [...removed, ...(input.deleteHeaders ?? [])] }
  checkHeaders(set)
  checkHeaders(mergeHeaders(headers, changes))
  const isDone = await deps.store.patchEndpointHeaders(applicationId, id, changes, deps.clock())
  if (!isDone) throw notFound('endpoint', id)
}

/** @throws {PosthornError} `conflict`: what is sent to a disabled endpoint would wait for as long as it is. */
export function requireEnabled({ id, disabled }: Endpoint): void {
  if (!disabled) return
  throw new PosthornError('conflict', `The endpoint ${id} is disabled`, { hint: 'Enable it first' })
}

function newEndpoint(deps: HttpDeps, ownerId: string, input: Static<typeof EndpointIn>): Endpoint {
  const headers = input.headers ?? {}
  check(deps, { ...input, headers })
  const now = deps.clock()
  return {
    id: newId('endpoint', now),
    applicationId: ownerId,
    uid: input.uid ?? null,
    url: input.url,
    description: input.description ?? '',
    disabled: input.disabled ?? false,
    eventTypes: input.eventTypes ?? input.filterTypes ?? null,
    channels: input.channels ?? null,
    secret: secretOf(input.secret, 'secret'),
    oldSecrets: [],
    headers,
    throttleRate: input.throttleRate ?? input.rateLimit ?? null,
    metadata: input.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  }
}

/** @throws {ValidationError} What the schema cannot say. */
function check(deps: HttpDeps, input: Pick<EndpointChanges, 'url' | 'uid' | 'metadata' | 'headers'>): void {
  checkUid('endpoint', input.uid)
  checkMetadata(input.metadata)
  const fault = input.url === undefined ? null : deps.faultOfUrl(input.url)
  if (fault !== null) throw bodyFault('url', fault)
  if (input.headers !== undefined) checkHeaders(input.headers)
}

function checkHeaders(headers: EndpointHeaders): void {
  const fault = faultOfHeaders(headers)
  if (fault === null) return
  const loc = ['body', 'headers', ...(fault.name === null ? [] : [fault.name])]
  throw new ValidationError([{ loc, msg: fault.msg, type: 'value_error' }])
}

/** Returns a secret in its one written form: the one given, or a new one. */
function secretOf(given: string | null | undefined, field: string): string {
  if (given === null || given === undefined) return generateSecret()
  const secret = given.startsWith('whsec_') ? given : `whsec_${given}`
  try {
    parseSecret(secret)
    return secret
  } catch (error) {
    if (error instanceof WebhookSecretError) throw bodyFault(field, `${error.message}. ${error.hint}`)
    throw error
  }
}
