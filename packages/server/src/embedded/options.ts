/** The options of a Posthorn in another application's process: those of the server, given in code. @module */

import { PosthornError } from '../domain/errors.ts'
import type { Options } from '../options.ts'
import { resolveOptions } from '../options/resolve.ts'
import { codeName } from '../options/spec.ts'
import { OPTION_SPECS } from '../options/table.ts'
import type { PosthornLog } from './log.ts'

/** What only a server has, which listens, logs and starts processes by itself. */
type OfServer = 'host' | 'port' | 'workers' | 'logLevel'

/** An option's name in code: that of its flag in camel case, as values are given with their units. */
type NameOf<Key extends string> = Key extends 'encryptionKeys'
  ? 'encryptionKey'
  : Key extends 'apiRatePerSecond'
    ? 'apiRateLimit'
    : Key extends `${infer Name}Ms`
      ? Name
      : Key

/** Text as a flag has it; a list may be an array, a URL one, and a number without a unit too. */
type GivenAs<Key extends string, Value> = Value extends boolean
  ? boolean
  : Key extends `${string}Ms` | 'apiRatePerSecond'
    ? string | readonly string[]
    : Value extends number
      ? number | string
      : string | readonly string[] | URL

/**
 * Options of {@link createPosthorn}: those of docs/configuration.md in camel case, with values as a flag has them:
 * `{ data: './data', dev: true, attemptTimeout: '15s', allowAddresses: ['10.0.0.0/8'] }`. The environment is not read.
 */
export type PosthornOptions = {
  readonly [Key in Exclude<keyof Options, OfServer> as NameOf<Key>]?: GivenAs<Key, Options[Key]> | undefined
} & {
  /** Takes what a server would log: pino, or what has the same methods. By default nothing is logged. */
  readonly log?: PosthornLog | undefined
}

const OF_SERVER: ReadonlySet<string> = new Set<OfServer>(['host', 'port', 'workers', 'logLevel'])

/** Names of the options in code. */
export const OPTION_NAMES: readonly string[] = Object.entries(OPTION_SPECS)
  .filter(([key]) => !OF_SERVER.has(key))
  .map(([, { name }]) => codeName(name))

/**
 * Returns the options, resolved.
 *
 * @throws {PosthornError} `bad_config`: names the option, the value and what would be right.
 */
export function embeddedOptions({ log: _log, ...given }: PosthornOptions): Options {
  for (const name of Object.keys(given)) {
    if (OPTION_NAMES.includes(name)) continue
    throw new PosthornError('bad_config', `"${name}" is no option of createPosthorn`, {
      hint: `There are ${OPTION_NAMES.join(', ')} and log`,
    })
  }
  const code = Object.entries(given).map(([name, value]) => [name, value instanceof URL ? value.href : value])
  return resolveOptions({ code: Object.fromEntries(code) as Record<string, unknown> })
}
