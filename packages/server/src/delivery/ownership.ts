/** Asks the owner of an endpoint whether it wants to be called. @module */

import { randomBytes } from 'node:crypto'

import type { Endpoint } from '../domain/endpoint.ts'
import { JSON_CONTENT_TYPE } from '../domain/message.ts'
import type { OwnershipCheck, OwnershipProof } from '../domain/ownership.ts'
import { type AuthorizedContext, authorizedPost } from './authorized-post.ts'
import type { PostResult } from './guarded-client.ts'
import type { Sender } from './request.ts'
import type { Route, RoutingTable } from './routing.ts'

/** The type of the message that carries a challenge. The receiver's library knows it by that. */
const CHALLENGE_TYPE = 'webhook.verification'

const CHALLENGE_BYTES = 24

/** What asks owners. */
export interface OwnershipDeps extends AuthorizedContext {
  readonly check: OwnershipCheck
  readonly routes: Pick<RoutingTable, 'routesOf'>
  readonly timeoutMs: number
  readonly sender: Sender
}

/** Asks the owner of a stored endpoint. Never throws for what is answered. */
export type AskOwner = (endpoint: Pick<Endpoint, 'id' | 'applicationId' | 'url'>) => Promise<OwnershipProof>

/**
 * Returns what asks owners, or `null` where they are not asked. Questions about one URL of an endpoint that come while it is
 * being asked share its answer, so that no caller can have it asked many times at once.
 */
export function ownershipCheck(deps: OwnershipDeps): AskOwner | null {
  const { check } = deps
  if (check === 'off') return null
  const asking = new Map<string, Promise<OwnershipProof>>()
  return ({ id, applicationId, url }) => {
    const key = `${id} ${url}`
    const known = asking.get(key)
    if (known !== undefined) return known
    const asked = ask().finally(() => asking.delete(key))
    asking.set(key, asked)
    return asked

    async function ask(): Promise<OwnershipProof> {
      const route = (await deps.routes.routesOf(applicationId)).get(id)
      if (route?.endpoint.url !== url) return refused('the endpoint was changed meanwhile')
      return check === 'cloudevents' ? askByHandshake(route, deps) : askByChallenge(route, deps)
    }
  }
}

/**
 * Asks as CloudEvents do: OPTIONS with our name, and the answer allows it, whatever its status. No rate is asked for, since
 * then an answer without one would be no consent; one that is given is obeyed.
 *
 * Source: HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4.
 */
async function askByHandshake(route: Route, deps: OwnershipDeps): Promise<OwnershipProof> {
  const origin = deps.sender.requestOrigin ?? ''
  const result = await authorizedPost(
    {
      url: route.url,
      method: 'OPTIONS',
      headers: {
        ...route.endpoint.headers,
        'user-agent': deps.sender.userAgent,
        'webhook-request-origin': origin,
      },
      body: new Uint8Array(),
      timeoutMs: deps.timeoutMs,
      wantedHeaders: ['webhook-allowed-origin', 'webhook-allowed-rate'],
    },
    route.endpoint,
    deps,
  )
  if (result.kind === 'failed') return unanswered(result)
  const allowed = result.headers?.['webhook-allowed-origin']?.trim()
  if (allowed === undefined) {
    return refused(`it answered OPTIONS with ${result.statusCode} and without WebHook-Allowed-Origin`)
  }
  if (allowed !== '*' && allowed.toLowerCase() !== origin.toLowerCase()) {
    return refused(`WebHook-Allowed-Origin of its answer is neither ${origin} nor *`)
  }
  const rate = result.headers?.['webhook-allowed-rate']?.trim() ?? '*'
  if (rate === '*') return { isProved: true, perMinute: null }
  return /^[1-9]\d{0,8}$/.test(rate)
    ? { isProved: true, perMinute: Number(rate) }
    : refused('WebHook-Allowed-Rate of its answer is neither a whole number from 1 on nor *')
}

/**
 * Posts a random text, signed as deliveries are, which has to come back with a 2xx: as the whole answer or as
 * `{"challenge": "…"}`. A server that sends back whatever it gets does not pass.
 */
async function askByChallenge(route: Route, deps: OwnershipDeps): Promise<OwnershipProof> {
  const challenge = randomBytes(CHALLENGE_BYTES).toString('base64url')
  const body = new TextEncoder().encode(JSON.stringify({ type: CHALLENGE_TYPE, challenge }))
  const id = `verify_${randomBytes(CHALLENGE_BYTES).toString('hex')}`
  const result = await authorizedPost(
    {
      url: route.url,
      headers: {
        ...route.endpoint.headers,
        'content-type': JSON_CONTENT_TYPE,
        'user-agent': deps.sender.userAgent,
        ...route.sign(id, deps.clock(), body, JSON_CONTENT_TYPE),
      },
      body,
      timeoutMs: deps.timeoutMs,
    },
    route.endpoint,
    deps,
  )
  if (result.kind === 'failed') return unanswered(result)
  const { statusCode } = result
  if (statusCode < 200 || statusCode > 299) return refused(`it answered the challenge with ${statusCode}`)
  return holds(result.body, challenge)
    ? { isProved: true, perMinute: null }
    : refused(`it answered with ${statusCode} and not with the challenge: its text, or {"challenge": "…"}`)
}

function holds(text: string, challenge: string): boolean {
  if (text.trim() === challenge) return true
  try {
    const value = JSON.parse(text) as unknown
    return (
      typeof value === 'object' &&
      value !== null &&
      Object.keys(value).length === 1 &&
      (value as { challenge?: unknown }).challenge === challenge
    )
  } catch {
    return false
  }
}

function unanswered({ reason, detail }: Extract<PostResult, { kind: 'failed' }>): OwnershipProof {
  return refused(`it could not be asked: ${detail} (${reason})`)
}

function refused(detail: string): OwnershipProof {
  return { isProved: false, detail }
}
