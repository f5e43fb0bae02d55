/** What is done to endpoints, whoever owns them: an application, or the organisation for its operational webhooks. @module */

import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'

import { WebhookSecretError, generateSecret, parseSecret } from '@posthorn/receiver'

import type { Endpoint, EndpointChanges } from '../../domain/endpoint.ts'
import { type EndpointHeaders, faultOfHeaders, mergeHeaders } from '../../domain/endpoint-headers.ts'
import { PosthornError, ValidationError } from '../../domain/errors.ts'
import { DEFAULT_SETTINGS } from '../../domain/endpoint-settings.ts'
import { newId } from '../../domain/id.ts'
import { eventsOfCreation, eventsOfDeletion } from '../../domain/operational-event.ts'
import { areHalvesOfOne, publicKeyOf } from '../../domain/signing-key.ts'
import { isCapable } from '../../domain/token.ts'
import { notFound } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { bodyFault, checkMetadata, checkUid, found, uidOfPut } from '../schemas.ts'
import { authOf, checkAuth, checkAuthFits } from './auth.ts'
import { changeEndpoint } from './change.ts'
import { askAfter, atFirst, withConsent, withOwnership } from './ownership.ts'
import type {
  EndpointHeadersPatchIn,
  EndpointIn,
  EndpointPatch,
  EndpointSecretRotateIn,
  EndpointUpdate,
} from './schemas.ts'
import { checkSettings, settingsOf } from './settings.ts'

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
  await deps.tell(ownerId, eventsOfCreation(endpoint), (events) =>
    deps.store.createEndpoint(endpoint, events),
  )
  return askAfter(deps, endpoint, input, null)
}

/** Replaces an endpoint, save its secret; or makes it. Headers, credentials and settings stay where the input says nothing of them. */
export async function putEndpoint(
  deps: HttpDeps,
  ownerId: string,
  idOrUid: string,
  input: Static<typeof EndpointUpdate>,
): Promise<{ endpoint: Endpoint; isNew: boolean }> {
  const existing = await deps.store.findEndpoint(ownerId, idOrUid)
  const uid = uidOfPut('endpoint', input.uid, idOrUid, existing)
  if (existing === null) {
    return { endpoint: await createEndpoint(deps, ownerId, { ...input, uid }), isNew: true }
  }
  const { url, description, eventTypes, channels, throttleRate, metadata, headers, auth } = newEndpoint(
    deps,
    ownerId,
    { ...input, uid },
  )
  // Settings stay where the input says nothing of them: official clients do not know them.
  const changes: EndpointChanges = {
    uid,
    url,
    description,
    disabled: input.disabled ?? false,
    eventTypes,
    channels,
    throttleRate,
    metadata,
    settings: settingsOf(input),
    headers: input.headers === undefined ? undefined : headers,
    auth: input.auth === undefined ? undefined : auth,
  }
  checkTogether(existing, changes)
  const updated = await changeEndpoint(deps, existing, withOwnership(deps, existing, changes))
  const endpoint = found(updated, () => notFound('endpoint', idOrUid))
  return { endpoint: await askAfter(deps, endpoint, changes, existing), isNew: false }
}

/** Changes some fields of an endpoint. */
export async function patchEndpoint(
  deps: HttpDeps,
  endpoint: Endpoint,
  input: Static<typeof EndpointPatch>,
): Promise<Endpoint> {
  const { uid, url, description, disabled, channels, metadata, eventTypes, throttleRate, headers } = input
  const changes: EndpointChanges = {
    uid,
    url: url === undefined ? undefined : urlInAscii(url),
    description,
    disabled,
    channels,
    metadata,
    eventTypes: eventTypes === undefined ? input.filterTypes : eventTypes,
    throttleRate: throttleRate === undefined ? input.rateLimit : throttleRate,
    headers: headers === null ? {} : headers,
    auth: input.auth === undefined ? undefined : authOf(input.auth),
    settings: settingsOf(input),
  }
  check(deps, changes)
  checkTogether(endpoint, changes)
  const asked = await withConsent(deps, endpoint, changes)
  const updated = await changeEndpoint(deps, endpoint, withOwnership(deps, endpoint, asked))
  const after = found(updated, () => notFound('endpoint', endpoint.id))
  return askAfter(deps, after, changes, endpoint)
}

/** Deletes an endpoint. */
export async function deleteEndpoint(deps: HttpDeps, endpoint: Endpoint): Promise<void> {
  const { id, applicationId } = endpoint
  await deps.tell(applicationId, eventsOfDeletion(endpoint), (events) =>
    deps.store.deleteEndpoint(applicationId, id, deps.clock(), events),
  )
}

/** Replaces the secret of an endpoint; the one before signs through the grace period. Returns what is shown of the new one. */
export async function rotateSecret(
  deps: HttpDeps,
  { id, applicationId }: Endpoint,
  { key, gracePeriodSeconds }: Static<typeof EndpointSecretRotateIn>,
): Promise<string> {
  const graceMs = (gracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1_000
  const secret = secretOf(key, 'key')
  const isDone = await deps.store.rotateEndpointSecret(applicationId, id, { secret, graceMs }, deps.clock())
  if (!isDone) throw notFound('endpoint', id)
  return shownSecret({ secret })
}

/** Returns what a receiver verifies with: the secret, or of a key pair the public half. */
export function shownSecret({ secret }: Pick<Endpoint, 'secret'>): string {
  return secret.startsWith('whsk_') ? publicKeyOf(secret) : secret
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
  endpoint: Endpoint,
  headers: EndpointHeaders,
): Promise<void> {
  const { id, applicationId } = endpoint
  checkHeaders(headers)
  checkAuthFits({ ...endpoint, headers }, 'headers')
  const updated = await deps.store.updateEndpoint(applicationId, id, { headers }, deps.clock())
  found(updated, () => notFound('endpoint', id))
}

/** Sets some headers of an endpoint and removes others. @throws {ValidationError} Names the header. */
export async function patchHeaders(
  deps: HttpDeps,
  endpoint: Endpoint,
  input: Static<typeof EndpointHeadersPatchIn>,
): Promise<void> {
  const { id, applicationId, headers } = endpoint
  const entries = Object.entries(input.headers)
  const isSet = (entry: [string, string | null]): entry is [string, string] => entry[1] !== null
  const set = Object.fromEntries(entries.filter(isSet))
  const removed = entries.filter((entry) => !isSet(entry)).map(([name]) => name)
  const changes = { set, remove: [...removed, ...(input.deleteHeaders ?? [])] }
  checkHeaders(set)
  const merged = mergeHeaders(headers, changes)
  checkHeaders(merged)
  checkAuthFits({ ...endpoint, headers: merged }, 'headers')
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
  const auth = authOf(input.auth ?? null)
  check(deps, { ...input, headers, auth })
  const now = deps.clock()
  const endpoint: Endpoint = {
    id: newId('endpoint', now),
    applicationId: ownerId,
    uid: input.uid ?? null,
    url: urlInAscii(input.url),
    description: input.description ?? '',
    ...atFirst(deps, input.disabled ?? false),
    eventTypes: input.eventTypes ?? input.filterTypes ?? null,
    channels: input.channels ?? null,
    secret: secretOf(input.secret, 'secret'),
    oldSecrets: [],
    headers,
    auth,
    throttleRate: input.throttleRate ?? input.rateLimit ?? null,
    settings: { ...DEFAULT_SETTINGS, ...settingsOf(input) },
    failingSince: null,
    metadata: input.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  }
  checkTogether(endpoint, { auth })
  return endpoint
}

/**
 * Returns a URL as it is sent: letters beyond ASCII, spaces and what else a URI cannot have are written in its own way, which
 * clients with a type for URLs can read. One that is a URI stays as it was given.
 */
function urlInAscii(text: string): string {
  return /^[\w\-.~:/?#[\]@!$&'()*+,;=%]*$/.test(text) ? text : (URL.parse(text)?.href ?? text)
}

/** @throws {ValidationError} What the schema cannot say. */
function check(
  deps: HttpDeps,
  input: Pick<EndpointChanges, 'url' | 'uid' | 'metadata' | 'headers' | 'auth'>,
): void {
  checkUid('endpoint', input.uid)
  checkMetadata(input.metadata)
  const fault = input.url === undefined ? null : deps.faultOfUrl(input.url)
  if (fault !== null) throw bodyFault('url', fault)
  if (input.headers !== undefined) checkHeaders(input.headers)
  if (input.auth !== undefined) checkAuth(input.auth, { faultOfUrl: deps.faultOfUrl, now: deps.clock() })
}

/** Checks what the fields of an endpoint are together, after the changes. @throws {ValidationError} */
function checkTogether(endpoint: Endpoint, changes: EndpointChanges): void {
  const { url = endpoint.url, headers = endpoint.headers, auth = endpoint.auth } = changes
  const field = changes.auth !== undefined ? 'auth' : changes.headers !== undefined ? 'headers' : 'url'
  checkAuthFits({ url, headers, auth }, field)
  checkSettings({ ...endpoint.settings, ...changes.settings })
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
  const secret = /^wh(sec|sk)_/.test(given) ? given : `whsec_${given}`
  try {
    const { version } = parseSecret(secret)
    if (version !== 'v1a-private' || areHalvesOfOne(secret)) return secret
    throw bodyFault(field, 'has a public half that is not that of its private one')
  } catch (error) {
    if (error instanceof WebhookSecretError) throw bodyFault(field, `${error.message}. ${error.hint}`)
    throw error
  }
}
