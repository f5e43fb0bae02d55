/** Names of schemas. @module */

import { PosthornError } from '../../domain/errors.ts'

/** A name that needs no quotes anywhere. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/

/** Returns the name. @throws {PosthornError} `bad_config`: it would need quotes. */
export function requireSchemaName(name: string): string {
  if (SCHEMA.test(name)) return name
  throw new PosthornError('bad_config', `${name} is no name of a schema`, {
    hint: 'Lower-case letters, digits and underscores, not a digit first, 63 at most',
  })
}
