/** Posts to an endpoint with the credentials that it asks for. @module */

import { type EndpointAuth, type OAuth2Auth, headerOfAuth } from '../domain/endpoint-auth.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { ClientCertificate } from './guarded-connector.ts'
import type { GuardedClient, PostRequest, PostResult } from './guarded-client.ts'

/** What an authorized post needs besides the request. */
export interface AuthorizedContext {
  readonly client: Pick<GuardedClient, 'post'>
  readonly tokens: AccessTokens
  /** Milliseconds. */
  readonly clock: () => number
}

/** Whom is posted to. */
interface Authorized {
  readonly id: string
  readonly auth: EndpointAuth | null
}

const UNAUTHORIZED = 401

/**
 * Posts a request with the endpoint's credentials, within the request's one deadline.
 *
 * A token that was kept and is refused with 401 is got anew, once, and the request is sent again with the new one: it may
 * have been revoked before its time. A token that was got for this very request is not: another would be refused too.
 */
export async function authorizedPost(
  request: PostRequest,
  { id, auth }: Authorized,
  context: AuthorizedContext,
): Promise<PostResult> {
  if (auth === null) return context.client.post(request)
  switch (auth.type) {
    case 'basic': {
      const pair = Buffer.from(`${auth.username}:${auth.password}`).toString('base64')
      return context.client.post(withHeader(request, `Basic ${pair}`))
    }
    case 'mtls':
      return context.client.post({ ...request, tls: certificateOf(auth) })
    case 'oauth2':
      return postWithToken(request, id, auth, context)
  }
}

async function postWithToken(
  request: PostRequest,
  id: string,
  auth: OAuth2Auth,
  { client, tokens, clock }: AuthorizedContext,
): Promise<PostResult> {
  const startedAt = clock()
  const leftMs = () => request.timeoutMs - Math.max(0, clock() - startedAt)
  const send = async (token: string) =>
    client.post({ ...withHeader(request, `Bearer ${token}`), timeoutMs: Math.max(1, leftMs()) })

  const kept = tokens.keptToken(id, auth)
  if (kept !== null) {
    const result = await send(kept)
    if (!isRefusal(result)) return result
    tokens.refuse(id, kept)
  }
  const got = await within(leftMs(), tokens.newToken(id, auth))
  if (got === null || got.kind === 'failed') {
    const detail =
      got?.detail ?? `no access token: none came within the ${request.timeoutMs} ms of the attempt`
    return { kind: 'failed', reason: 'auth_failure', detail }
  }
  const result = await send(got.token)
  if (isRefusal(result)) tokens.refuse(id, got.token)
  return result
}

function isRefusal(result: PostResult): boolean {
  return result.kind === 'answered' && result.statusCode === UNAUTHORIZED
}

/** Resolves with what the promise does, or with `null` when the time is up. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), Math.max(0, ms))
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** In the place of one that was given by hand, whatever the case of its name: of two, a receiver would take its choice. */
function withHeader(request: PostRequest, value: string): PostRequest {
  const others = Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== 'authorization')
  return { ...request, headers: { ...Object.fromEntries(others), authorization: value } }
}

function certificateOf({
  certificate,
  privateKey,
}: Extract<EndpointAuth, { type: 'mtls' }>): ClientCertificate {
  return { certificate, key: privateKey }
}

/** Returns headers as `authorizedPost` would send them, with a mask in the place of what is secret. */
export function withMaskedAuth(
  headers: Readonly<Record<string, string>>,
  auth: EndpointAuth | null,
  mask: string,
): Record<string, string> {
  const name = headerOfAuth(auth)
  return name === null ? { ...headers } : { ...headers, [name]: mask }
}
