/** Who calls: bearer tokens, and the reach of each. @module */

import { hash } from 'node:crypto'

import type { Application } from '../domain/application.ts'
import { PosthornError } from '../domain/errors.ts'
import type { Store } from '../storage/store.ts'
import type { HttpDeps } from './deps.ts'

/** The caller of a request, by its token. */
export interface Principal {
  readonly organisationId: string
  /** The one application that it may touch; `null` for all of the organisation. */
  readonly applicationId: string | null
}

/** Tokens known by hash in memory. */
const MAX_KNOWN = 10_000

/** Returns the hash under which a token is stored and looked up: SHA-256, in hex. */
export function hashToken(text: string): string {
  return hash('sha256', text, 'hex')
}

/** Returns a function that finds the principal of an `Authorization` header. Remembers tokens until the store tells of a change. */
export function authenticator(store: Store): (header: string | undefined) => Promise<Principal> {
  const known = new Map<string, Principal>()
  let changes = 0
  store.onChange((applicationId) => {
    if (applicationId !== null) return
    changes += 1
    known.clear()
  })

  return async (header) => {
    const text = /^bearer +(\S+)$/i.exec(header ?? '')?.[1]
    if (text === undefined) {
      throw new PosthornError('unauthorized', 'A token is missing', {
        hint: 'Send the header "authorization: Bearer <token>"',
      })
    }
    const key = hashToken(text)
    const hit = known.get(key)
    if (hit !== undefined) return hit

    const before = changes
    const token = await store.findToken(key)
    if (token === null) {
      throw new PosthornError('unauthorized', 'This token is not known, or was revoked', {
        hint: 'Make one with "posthorn token create"',
      })
    }
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!)
    // What was read before a revocation is not remembered after it.
    if (before === changes) known.set(key, token)
    return token
  }
}

/** @throws {PosthornError} `forbidden`: the token opens one application, and this concerns the organisation. */
export function requireOrganisation(principal: Principal): void {
  if (principal.applicationId === null) return
  throw new PosthornError('forbidden', 'A token of one application may not do this', {
    hint: 'Use a token of the organisation',
  })
}

/**
 * Returns the application that a path names, if the caller may touch it.
 *
 * @throws {PosthornError} `not_found`: also where it is another's, so that nothing tells whether it exists.
 */
export async function requireApplication(
  deps: HttpDeps,
  principal: Principal,
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
