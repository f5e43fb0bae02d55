/** Who calls: bearer tokens, and the reach of each. @module */

import { hash } from 'node:crypto'

import type { Application } from '../domain/application.ts'
import { PosthornError } from '../domain/errors.ts'
import type { TokenUse } from '../storage/port/tokens.ts'
import type { Store } from '../storage/store.ts'
import { isJwt, verifyJwt } from './auth/jwt.ts'
import type { Caller } from './permissions.ts'

/** The caller of a request, by its token. */
export interface Principal extends Caller {
  readonly organisationId: string
  /** The one application that it may touch; `null` for all of the organisation. */
  readonly applicationId: string | null
  /** Id of the token; `null` for a JWT, which is nowhere kept. */
  readonly tokenId: string | null
  /** First characters of the token; of a JWT, its subject. */
  readonly prefix: string
  /** Tells the caller's requests from those of others: hash of the token. */
  readonly key: string
}

/** Tokens known by hash in memory. */
const MAX_KNOWN = 10_000

/** A use of a token is noted when the one noted before is older than this: milliseconds. */
const USE_INTERVAL_MS = 60_000

/** Returns the hash under which a token is stored and looked up: SHA-256, in hex. */
export function hashToken(text: string): string {
  return hash('sha256', text, 'hex')
}

/** What an authenticator needs. */
export interface AuthenticatorDeps {
  readonly store: Store
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** The secrets of JWTs, any of which may have signed one; `null` where none are accepted. */
  readonly jwtSecrets: readonly string[] | null
  /** Hash of the token by which the process itself calls, as the organisation. */
  readonly insiderKey?: string | undefined
}

/** Finds principals by token. */
export interface Authenticator {
  /**
   * Returns the principal of an `Authorization` header: at once where it is known, else when the store has told.
   *
   * @throws {PosthornError} `unauthorized`.
   */
  find(header: string | undefined): Principal | Promise<Principal>
  /** Returns the uses that were noted since the last call, and forgets them. */
  takeUses(): TokenUse[]
}

interface Known {
  readonly principal: Principal
  readonly expiresAt: number
  notedAt: number
}

/**
 * Makes an authenticator. It remembers tokens until the store tells of a change, so that the usual request costs a hash and
 * no query, and notes a token's uses at most once a minute, for somebody else to write.
 */
export function authenticator({ store, clock, jwtSecrets, insiderKey }: AuthenticatorDeps): Authenticator {
  const known = new Map<string, Known>()
  let uses = new Map<string, number>()
  let changes = 0
  store.onChange((applicationId) => {
    if (applicationId !== null) return
    changes += 1
    known.clear()
  })

  return {
    find(header) {
      const text = /^bearer +(\S+)$/i.exec(header ?? '')?.[1]
      if (text === undefined) {
        throw new PosthornError('unauthorized', 'A token is missing', {
          hint: 'Send the header "authorization: Bearer <token>"',
        })
      }
      const key = hashToken(text)
      const hit = known.get(key)
      return hit === undefined ? load(text, key) : use(hit)
    },
    takeUses() {
      const taken = uses
      uses = new Map()
      return Array.from(taken, ([tokenId, at]) => ({ tokenId, at }))
    },
  }

  async function load(text: string, key: string): Promise<Principal> {
    const before = changes
    const loaded =
      key === insiderKey
        ? await loadInsider(key)
        : isJwt(text) && jwtSecrets !== null
          ? await loadJwt(text, key, jwtSecrets)
          : await loadToken(key)
    const { principal } = loaded
    use(loaded)
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!)
    // What was read before a revocation is not remembered after it.
    if (before === changes) known.set(key, loaded)
    return principal
  }

  async function loadToken(key: string): Promise<Known> {
    const token = await store.findToken(key)
    if (token === null) {
      throw new PosthornError('unauthorized', 'This token is not known, or was revoked', {
        hint: 'Make one with "posthorn token create"',
      })
    }
    const { id: tokenId, organisationId, applicationId, scope, isReadOnly, capabilities, prefix } = token
    return {
      principal: { key, tokenId, organisationId, applicationId, scope, isReadOnly, capabilities, prefix },
      expiresAt: token.expiresAt ?? Infinity,
      notedAt: token.lastUsedAt ?? 0,
    }
  }

  async function loadJwt(text: string, key: string, secrets: readonly string[]): Promise<Known> {
    const { applicationId, expiresAt } = verifyJwt(text, secrets, clock())
    const organisationId = await theOrganisation()
    return {
      principal: {
        key,
        tokenId: null,
        organisationId,
        applicationId,
        scope: applicationId === null ? 'organisation' : 'application',
        isReadOnly: false,
        capabilities: null,
        prefix: `jwt:${applicationId ?? 'organisation'}`,
      },
      expiresAt,
      notedAt: Infinity,
    }
  }

  async function loadInsider(key: string): Promise<Known> {
    return {
      principal: {
        key,
        tokenId: null,
        organisationId: await theOrganisation(),
        applicationId: null,
        scope: 'organisation',
        isReadOnly: false,
        capabilities: null,
        prefix: 'in-process',
      },
      expiresAt: Infinity,
      notedAt: Infinity,
    }
  }

  async function theOrganisation(): Promise<string> {
    const organisationId = await store.findOrganisation()
    if (organisationId === null) throw new PosthornError('unauthorized', 'There is no organisation here yet')
    return organisationId
  }

  function use(token: Known): Principal {
    const now = clock()
    if (token.expiresAt <= now) {
      throw new PosthornError('unauthorized', 'This token has expired', { hint: 'Ask for a new one' })
    }
    const { tokenId } = token.principal
    if (tokenId !== null && now - token.notedAt >= USE_INTERVAL_MS) {
      token.notedAt = now
      uses.set(tokenId, now)
    }
    return token.principal
  }
}

/** Finds an application by id or uid, from memory where it can. */
interface ApplicationFinder {
  readonly findApplication: (organisationId: string, idOrUid: string) => Promise<Application | null>
}

/**
 * Returns the application that a path names, if the caller may touch it.
 *
 * @throws {PosthornError} `not_found`: also where it is another's, so that nothing tells whether it exists.
 */
export async function requireApplication(
  deps: ApplicationFinder,
  principal: Pick<Principal, 'organisationId' | 'applicationId'>,
  idOrUid: string,
): Promise<Application> {
  const application = await deps.findApplication(principal.organisationId, idOrUid)
  const isHidden = principal.applicationId !== null && principal.applicationId !== application?.id
  if (application === null || isHidden) throw notFound('application', idOrUid)
  return application
}

/** Returns the error for a thing that is not there. */
export function notFound(kind: string, idOrUid: string): PosthornError {
  return new PosthornError('not_found', `There is no ${kind} ${idOrUid} here`)
}
