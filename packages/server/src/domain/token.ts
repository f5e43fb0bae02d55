/** A token: who may call the API, and with which reach. @module */

import { newId, randomText } from './id.ts'

/** What a token opens: everything, one application as its provider sees it, or as its customer does. */
export type TokenScope = 'organisation' | 'application' | 'portal'

/**
 * What a portal token may do in its application. The names are those of the Svix API; `ViewBase` reads, and every portal
 * token has it.
 */
export const CAPABILITIES = [
  'ViewBase',
  'ViewEndpointSecret',
  'ManageEndpointSecret',
  'ManageTransformations',
  'CreateAttempts',
  'ManageEndpoint',
] as const
/** One thing that a portal token may do. */
export type Capability = (typeof CAPABILITIES)[number]

/** What a capability includes beside itself. */
const INCLUDED: Readonly<Partial<Record<Capability, readonly Capability[]>>> = {
  ManageEndpoint: ['ViewEndpointSecret', 'ManageEndpointSecret'],
  ManageEndpointSecret: ['ViewEndpointSecret'],
}

/** A bearer token. Its text is shown once, when it is made; what is kept is its hash. */
export interface Token {
  readonly id: string
  readonly organisationId: string
  readonly scope: TokenScope
  /** The one application that it opens; `null` for the whole organisation. */
  readonly applicationId: string | null
  readonly name: string
  /** The first characters of the text, enough to recognise it and too few to use it. */
  readonly prefix: string
  /** SHA-256 of the text, in hex. A token is 238 random bits, so a slow hash would protect nothing more. */
  readonly hash: string
  /** Refused on everything that writes. */
  readonly isReadOnly: boolean
  /** What a portal token may do; `null` for all of it, as for every other token. */
  readonly capabilities: readonly Capability[] | null
  /** The session of the provider's that a portal token belongs to, by which it can be expired. */
  readonly sessionId: string | null
  readonly createdAt: number
  /** From when on it is refused; `null` for never. */
  readonly expiresAt: number | null
  /** When it was last used, to the minute; `null` for never. */
  readonly lastUsedAt: number | null
  readonly revokedAt: number | null
}

/** A token and its text, which is shown now and never again. */
export interface NewToken {
  readonly token: Token
  readonly text: string
}

/** How a text begins, by scope: a customer's token is told apart from the provider's at sight. */
const TEXT_PREFIXES = { organisation: 'pht_', application: 'pht_', portal: 'phs_' } as const
const RANDOM_LENGTH = 40
const SHOWN_LENGTH = 12

/**
 * Makes a token: of the given organisation, or of a new one.
 *
 * @param input.scope - By default what `applicationId` says: that application, or the organisation.
 * @param input.text - Its text where the operator brings one; by default 40 random characters.
 * @param input.hashToken - SHA-256 in hex.
 */
export function newToken(input: {
  readonly name: string
  readonly organisationId?: string
  readonly applicationId: string | null
  readonly scope?: TokenScope
  readonly isReadOnly?: boolean
  readonly capabilities?: readonly Capability[] | null
  readonly sessionId?: string | null
  readonly expiresAt?: number | null
  readonly text?: string | null
  readonly hashToken: (text: string) => string
  readonly now: number
}): NewToken {
  const scope = input.scope ?? (input.applicationId === null ? 'organisation' : 'application')
  const text = input.text ?? TEXT_PREFIXES[scope] + randomText(RANDOM_LENGTH)
  return {
    text,
    token: {
      id: newId('token', input.now),
      organisationId: input.organisationId ?? newId('organisation', input.now),
      scope,
      applicationId: input.applicationId,
      name: input.name,
      // Of a text that is short because a person chose it, no more than a third is shown.
      prefix: text.slice(0, Math.min(SHOWN_LENGTH, Math.floor(text.length / 3))),
      hash: input.hashToken(text),
      isReadOnly: input.isReadOnly ?? false,
      capabilities: input.capabilities ?? null,
      sessionId: input.sessionId ?? null,
      createdAt: input.now,
      expiresAt: input.expiresAt ?? null,
      lastUsedAt: null,
      revokedAt: null,
    },
  }
}

/** Tells whether a token with these capabilities may do what needs `needed`. */
export function isCapable(capabilities: readonly Capability[] | null, needed: Capability): boolean {
  if (capabilities === null || needed === 'ViewBase') return true
  return capabilities.some((has) => has === needed || INCLUDED[has]?.includes(needed) === true)
}

/**
 * A key that is exchanged for a portal token, once: what the link to the portal carries in the token's place, so that a
 * link which leaks later, from a log or a browser's history, opens nothing.
 */
export interface LoginKey {
  /** SHA-256 of its text, in hex. */
  readonly hash: string
  /** When it ceases to be accepted. */
  readonly expiresAt: number
}
