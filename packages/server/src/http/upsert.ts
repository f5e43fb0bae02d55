/** Making what is not there yet, also where two requests do so at once. @module */

import { PosthornError } from '../domain/errors.ts'

/** Refusals of what has been made already. */
const TAKEN: ReadonlySet<string> = new Set(['uid_exists', 'event_type_exists'])

/**
 * Looks for a thing and makes it where it is not there. Of two requests at once both may find nothing, and only one can make
 * it: the other looks again, and finds it.
 *
 * @param findOrMake - Looks, and makes or changes what it found.
 * @throws {PosthornError} `uid_exists`, `event_type_exists`: taken by another than the one looked for.
 */
export async function upsert<T>(findOrMake: () => Promise<T>): Promise<T> {
  try {
    return await findOrMake()
  } catch (error) {
    if (!(error instanceof PosthornError) || !TAKEN.has(error.code)) throw error
    return findOrMake()
  }
}
