/**
 * Endpoints whose owners are to prove that they want to be called.
 *
 *     made, or its URL changed ──▶ unverified ──asked, and it consents──▶ enabled
 *                                      │  ▲
 *                                      └──┘ it does not: asked again by the route, or when it is to be enabled
 *
 * @module
 */

import type { Endpoint, EndpointChanges } from '../../domain/endpoint.ts'
import { PosthornError } from '../../domain/errors.ts'
import type { OwnershipProof } from '../../domain/ownership.ts'
import type { HttpDeps } from '../deps.ts'
import { changeEndpoint } from './change.ts'

/** Returns how a new endpoint begins: where owners are asked, disabled until its own has consented. */
export function atFirst(deps: HttpDeps, disabled: boolean): Pick<Endpoint, 'disabled' | 'disabledReason'> {
  return deps.askOwner === null
    ? { disabled, disabledReason: null }
    : { disabled: true, disabledReason: 'unverified' }
}

/**
 * Returns a change as it is to be written: a new URL is its owner's to prove; and where owners are no longer asked, what
 * was asked before counts no more.
 */
export function withOwnership(
  deps: HttpDeps,
  endpoint: Pick<Endpoint, 'url'>,
  changes: EndpointChanges,
): EndpointChanges {
  if (deps.askOwner === null) return { ...changes, provedUrl: changes.url ?? endpoint.url }
  if (!isOfNewUrl(endpoint, changes)) return changes
  return {
    ...changes,
    disabled: true,
    disabledReason: 'unverified',
    settings: { ...changes.settings, allowedPerMinute: null },
  }
}

/**
 * Adds to a change that enables an unverified endpoint the consent of its owner, who is asked for it.
 *
 * @throws {PosthornError} `conflict`: it does not consent.
 */
export async function withConsent(
  deps: HttpDeps,
  endpoint: Endpoint,
  changes: EndpointChanges,
): Promise<EndpointChanges> {
  const isEnabling = changes.disabled === false && endpoint.disabledReason === 'unverified'
  if (deps.askOwner === null || !isEnabling || isOfNewUrl(endpoint, changes)) return changes
  const proof = await deps.askOwner(endpoint)
  if (proof.isProved) return { ...changes, ...consent(endpoint, proof, changes) }
  throw new PosthornError(
    'conflict',
    `The owner of ${endpoint.id} has not proved that it wants to be called: ${proof.detail}`,
    { hint: 'Let its server consent, then enable it again or POST …/verify' },
  )
}

/**
 * Asks the owner of an endpoint that was just written, where it is to be enabled and waits for that. Returns the endpoint
 * as it is then.
 *
 * @param before - As it was before the change; `null` for a new one.
 */
export async function askAfter(
  deps: HttpDeps,
  endpoint: Endpoint,
  changes: Pick<EndpointChanges, 'url' | 'disabled'>,
  before: Endpoint | null,
): Promise<Endpoint> {
  if (deps.askOwner === null || endpoint.disabledReason !== 'unverified') return endpoint
  const wasMeantOn = before === null || !before.disabled || before.disabledReason === 'unverified'
  const isMeantOn = changes.disabled === undefined ? wasMeantOn : !changes.disabled
  const isNews = before === null || changes.disabled === false || isOfNewUrl(before, changes)
  return isMeantOn && isNews ? (await askAndEnable(deps, endpoint)).endpoint : endpoint
}

/** Asks the owner of an unverified endpoint, and enables it where it consents. */
export async function askAndEnable(
  deps: HttpDeps,
  endpoint: Endpoint,
): Promise<{ readonly endpoint: Endpoint; readonly proof: OwnershipProof }> {
  if (deps.askOwner === null) {
    const detail = 'owners are not asked here, so enable it: PATCH with "disabled": false'
    return { endpoint, proof: { isProved: false, detail } }
  }
  const proof = await deps.askOwner(endpoint)
  if (!proof.isProved) return { endpoint, proof }
  const changes = { disabled: false, ...consent(endpoint, proof, {}) }
  const updated = await changeEndpoint(deps, endpoint, changes)
  if (updated !== null && updated.disabledReason !== 'unverified') return { endpoint: updated, proof }
  const detail = 'its URL was changed while it was asked'
  return { endpoint: updated ?? endpoint, proof: { isProved: false, detail } }
}

function consent(
  { url }: Endpoint,
  { perMinute }: Extract<OwnershipProof, { isProved: true }>,
  { settings }: EndpointChanges,
): Pick<EndpointChanges, 'provedUrl' | 'settings'> {
  return { provedUrl: url, settings: { ...settings, allowedPerMinute: perMinute } }
}

function isOfNewUrl({ url }: Pick<Endpoint, 'url'>, changes: Pick<EndpointChanges, 'url'>): boolean {
  return changes.url !== undefined && changes.url !== url
}
