/** From what was given, in flags, environment, file or code, to the options that hold. @module */

import { PosthornError } from '../domain/errors.ts'
import { DEFAULTS, type Options } from '../options.ts'
import { Wrong, codeName, environmentName } from './spec.ts'
import { OPTION_SPECS } from './table.ts'

/** Values as they were given, by kebab-case name. */
export type GivenOptions = Readonly<Record<string, unknown>>

/** Where options come from; what is earlier here counts more. */
export interface OptionSources {
  /** By {@link codeName}, from an application that Posthorn is embedded in. */
  readonly code?: GivenOptions
  readonly flags?: GivenOptions
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly file?: { readonly path: string; readonly values: GivenOptions }
}

/**
 * Returns the options, resolved and frozen: code before a flag before the environment before the file before the default.
 *
 * @throws {PosthornError} `bad_config`: names the option, the value and what would be right.
 */
export function resolveOptions({ code = {}, flags = {}, environment = {}, file }: OptionSources): Options {
  if (file !== undefined) refuseUnknown(file)
  const resolved = Object.entries(OPTION_SPECS).map(([key, spec]) => {
    const [from, given] =
      code[codeName(spec.name)] !== undefined
        ? [codeName(spec.name), code[codeName(spec.name)]]
        : flags[spec.name] !== undefined
          ? [`--${spec.name}`, flags[spec.name]]
          : environment[environmentName(spec.name)] !== undefined
            ? [environmentName(spec.name), environment[environmentName(spec.name)]]
            : [`"${spec.name}" in ${file?.path}`, file?.values[spec.name]]
    if (given === undefined) return [key, DEFAULTS[key as keyof Options]]

    const text = textOf(given)
    const isSecret = spec.isSecret === true || spec.holdsSecret?.(text) === true
    if (isSecret && from.startsWith('--')) {
      throw new PosthornError('bad_config', `${from}: the value holds a password, and others can see flags`, {
        hint: `Give it as ${environmentName(spec.name)} or in the file`,
      })
    }
    const value = spec.parse(text)
    if (value instanceof Wrong) {
      const shown = isSecret ? 'the value' : JSON.stringify(text)
      throw new PosthornError('bad_config', `${from}: ${shown} is not right`, {
        hint: `Give ${value.expected}`,
      })
    }
    return [key, value]
  })
  return Object.freeze(Object.fromEntries(resolved)) as Options
}

function refuseUnknown({ path, values }: { path: string; values: GivenOptions }): void {
  const known = Object.values(OPTION_SPECS).filter((spec) => spec.isSecret !== true)
  for (const name of Object.keys(values)) {
    if (known.some((spec) => spec.name === name)) continue
    throw new PosthornError('bad_config', `"${name}" in ${path} is no option`, {
      hint: `There are ${known.map((spec) => spec.name).join(', ')}`,
    })
  }
}

/** A file may give a number, a truth value or a list where a flag has text. */
function textOf(given: unknown): string {
  return Array.isArray(given)
    ? given.map(textOf).join(',')
    : typeof given === 'string'
      ? given
      : JSON.stringify(given)
}
