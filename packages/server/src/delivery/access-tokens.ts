/** Access tokens of endpoints that want them: got by OAuth2 for client credentials, and kept while they last. @module */

import type { OAuth2Auth } from '../domain/endpoint-auth.ts'
import type { GuardedClient, PostResult } from './guarded-client.ts'

/** Tokens kept. The one unused for longest goes first. */
const MAX_TOKENS = 10_000

/** How long a token is taken to last where its server does not say: a 401 ends it sooner. */
const DEFAULT_LIFETIME_MS = 300_000

/** A token is not used in the last minute of its life, nor in its last tenth where that is less: clocks differ. */
const MARGIN_MS = 60_000
const MARGIN_SHARE = 0.1

/** Characters of a token, at most: with more of them hardly a server would read the header. */
const MAX_TOKEN_LENGTH = 8_192

/** Codes of errors that may be shown. Source: RFC 6749, section 5.2; RFC 8707, section 2. Anything else may be a secret. */
const ERROR_CODES: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
])

/** What asking for a token came to. */
export type TokenResult =
  | { readonly kind: 'token'; readonly token: string }
  /** In words, for the endpoint's owner: without any secret. */
  | { readonly kind: 'failed'; readonly detail: string }

interface Entry {
  readonly auth: OAuth2Auth
  /** The fetch that is under way. */
  fetching: Promise<TokenResult> | null
  token: string | null
  /** Epoch milliseconds from which the token is not used. */
  expiresAt: number
}

/** Gets tokens, one fetch at a time for an endpoint however many deliveries wait for it. */
export class AccessTokens {
  readonly #client: Pick<GuardedClient, 'post'>
  readonly #clock: () => number
  readonly #userAgent: string
  readonly #timeoutMs: number
  // A Map keeps the order of insertion: what is used is moved to its end, so its start is what to drop.
  readonly #entries = new Map<string, Entry>()

  /** @param deps.client - The one of deliveries: token URLs are held to the same policy. */
  constructor(deps: {
    readonly client: Pick<GuardedClient, 'post'>
    readonly clock: () => number
    readonly userAgent: string
    /** For one answer of a token server. */
    readonly timeoutMs: number
  }) {
    this.#client = deps.client
    this.#clock = deps.clock
    this.#userAgent = deps.userAgent
    this.#timeoutMs = deps.timeoutMs
  }

  /** Returns the token that is kept for the endpoint and can be used still, or `null`. */
  keptToken(endpointId: string, auth: OAuth2Auth): string | null {
    const { token, expiresAt } = this.#entryOf(endpointId, auth)
    return this.#clock() < expiresAt ? token : null
  }

  /**
   * Gets a new token, or joins those who wait for it. It has a time of its own: who asks last must not lose it to the one
   * who asked first, and whose time is up.
   */
  newToken(endpointId: string, auth: OAuth2Auth): Promise<TokenResult> {
    const entry = this.#entryOf(endpointId, auth)
    entry.fetching ??= this.#fetch(entry).finally(() => (entry.fetching = null))
    return entry.fetching
  }

  /** Forgets a token that the endpoint refused. One that was got since then is kept. */
  refuse(endpointId: string, token: string): void {
    const entry = this.#entries.get(endpointId)
    if (entry?.token === token) entry.token = null
  }

  #entryOf(endpointId: string, auth: OAuth2Auth): Entry {
    const known = this.#entries.get(endpointId)
    this.#entries.delete(endpointId)
    // A token that was got for other credentials is another's.
    const entry = known !== undefined && isSame(known.auth, auth) ? known : newEntry(auth)
    this.#entries.set(endpointId, entry)
    if (this.#entries.size > MAX_TOKENS) this.#entries.delete(this.#entries.keys().next().value!)
    return entry
  }

  async #fetch(entry: Entry): Promise<TokenResult> {
    const { headers, body } = tokenRequest(entry.auth)
    const askedAt = this.#clock()
    const result = await this.#client.post({
      url: new URL(entry.auth.tokenUrl),
      headers: { ...headers, 'user-agent': this.#userAgent },
      body: new TextEncoder().encode(body),
      timeoutMs: this.#timeoutMs,
    })
    const granted = readGrant(result)
    if (typeof granted === 'string') return { kind: 'failed', detail: `no access token: ${granted}` }
    const { token, lifetimeMs } = granted
    entry.token = token
    // From when it was asked for: the answer may have been long under way.
    entry.expiresAt = askedAt + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs * MARGIN_SHARE)
    return { kind: 'token', token }
  }
}

function newEntry(auth: OAuth2Auth): Entry {
  return { auth, fetching: null, token: null, expiresAt: 0 }
}

function isSame(one: OAuth2Auth, other: OAuth2Auth): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}

/** Source: RFC 6749, section 4.4.2, and for the client's own credentials section 2.3.1. */
function tokenRequest(auth: OAuth2Auth): { headers: Record<string, string>; body: string } {
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  }
  for (const name of ['scope', 'audience', 'resource'] as const) {
    if (auth[name] !== null) form.set(name, auth[name])
  }
  if (auth.clientAuthentication === 'body') {
    form.set('client_id', auth.clientId)
    form.set('client_secret', auth.clientSecret)
  } else {
    const pair = `${formEncoded(auth.clientId)}:${formEncoded(auth.clientSecret)}`
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`
  }
  return { headers, body: form.toString() }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}

/** Reads the answer of a token server. Returns what was granted, or why nothing was. Source: RFC 6749, section 5. */
function readGrant(result: PostResult): { token: string; lifetimeMs: number } | string {
  if (result.kind === 'failed') return `the token URL: ${result.detail} (${result.reason})`
  const { statusCode, body } = result
  const fields = jsonObject(body)
  if (statusCode < 200 || statusCode > 299) {
    const code = fields?.['error']
    const shown = typeof code === 'string' && ERROR_CODES.has(code) ? `, ${code}` : ''
    return `the token server answered with ${statusCode}${shown}`
  }
  if (fields === null) return `the token server answered with ${statusCode} and no JSON object`
  const { access_token: token, token_type: type, expires_in: expiresIn } = fields
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || token.length > MAX_TOKEN_LENGTH) {
    return `the token server answered with ${statusCode} and no access_token that can be sent`
  }
  if (type !== undefined && (typeof type !== 'string' || type.toLowerCase() !== 'bearer')) {
    return 'the token server gave a token that is not of the type Bearer'
  }
  // Some servers write the number as text.
  const seconds = Number(expiresIn ?? NaN)
  return { token, lifetimeMs: Number.isFinite(seconds) ? Math.max(0, seconds) * 1_000 : DEFAULT_LIFETIME_MS }
}

function jsonObject(text: string): Record<string, unknown> | null {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
