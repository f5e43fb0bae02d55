/** Finds the application that a path names, or makes it on the way. @module */

import type { Static } from 'typebox'

import type { Application } from '../../domain/application.ts'
import { PosthornError } from '../../domain/errors.ts'
import { type Principal, requireApplication } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { bodyFault } from '../schemas.ts'
import { newApplication } from './routes.ts'
import type { ApplicationIn } from './schemas.ts'

/**
 * Returns the application of a path, made from `input` where it is not there yet. The caller opens the organisation.
 *
 * @throws {PosthornError} `not_found`; `validation`: its uid is not the one in the path.
 */
export async function findOrMakeApplication(
  deps: HttpDeps,
  principal: Pick<Principal, 'organisationId' | 'applicationId'>,
  idOrUid: string,
  input: Static<typeof ApplicationIn> | null | undefined,
): Promise<Application> {
  if (input === undefined || input === null) return requireApplication(deps, principal, idOrUid)
  const { organisationId } = principal
  const existing = await deps.findApplication(organisationId, idOrUid)
  if (existing !== null) return existing
  if (input.uid !== idOrUid) {
    throw bodyFault('application', `must have the uid ${idOrUid}, as the path has, to be made on the way`)
  }
  const application = newApplication(input, organisationId, deps.clock())
  try {
    await deps.store.createApplication(application)
    return application
  } catch (error) {
    // Another request of the same moment has made it.
    const isTaken = error instanceof PosthornError && error.code === 'uid_exists'
    if (!isTaken) throw error
    return requireApplication(deps, principal, idOrUid)
  }
}
