/** The store's port: the organisation, its tokens, and portal access. @module */

import type { LoginKey, Token } from '../../domain/token.ts'
import type { PageRequest } from './page.ts'

/** That a token was used, and when. */
export interface TokenUse {
  readonly tokenId: string
  /** Epoch ms. */
  readonly at: number
}

/** The organisation and who may act in it. */
export interface TokenStore {
  /** Returns the id of the organisation, or `null` in a new database. */
  findOrganisation(): Promise<string | null>
  /** Makes the organisation and its first token, both or neither; `false` where there is one already. */
  createOrganisation(organisationId: string, token: Token): Promise<boolean>

  createToken(token: Token): Promise<void>
  /** Returns the token with this hash, unless it is revoked; also where it has expired. */
  findToken(hash: string): Promise<Token | null>
  /** Revokes by id or by prefix; returns the token, or `null`. @throws {PosthornError} `conflict`: more than one matches. */
  revokeToken(organisationId: string, idOrPrefix: string, now: number): Promise<Token | null>
  /** Lists tokens by id, revoked ones included, portal tokens left out. */
  listApiTokens(organisationId: string, page: PageRequest): Promise<Token[]>
  /** Lets a token that is not revoked expire at `at`, or earlier where it does already; returns it, or `null`. */
  expireToken(organisationId: string, id: string, at: number): Promise<Token | null>
  /** Lets all tokens of an application expire at `at`, or those of some sessions; returns how many that changed. */
  expireTokensOfApplication(
    applicationId: string,
    at: number,
    sessionIds: readonly string[] | null,
  ): Promise<number>
  /** Notes when tokens were last used. A use older than the one noted changes nothing. */
  recordTokenUses(uses: readonly TokenUse[]): Promise<void>
  /** Makes a portal token and the key that opens another one like it. */
  createPortalAccess(token: Token, key: LoginKey): Promise<void>
  /**
   * Takes a login key, once, and makes a token with this text's hash that is otherwise like the one that the key was made
   * with; `null` where there is no such key, it or that token has expired, or that token is revoked.
   */
  redeemLoginKey(
    keyHash: string,
    token: Pick<Token, 'id' | 'hash' | 'prefix' | 'createdAt'>,
  ): Promise<Token | null>
}
