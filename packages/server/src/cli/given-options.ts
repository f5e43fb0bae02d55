/** Options as a command takes them: flags, environment and file. @module */

import { readFileSync } from 'node:fs'

import { type Command, Option } from 'commander'

import { PosthornError } from '../domain/errors.ts'
import type { Options } from '../options.ts'
import { type GivenOptions, resolveOptions } from '../options/resolve.ts'
import { environmentName } from '../options/spec.ts'
import { OPTION_SPECS } from '../options/table.ts'

/** Adds these options of the server to a command, and `--config`. */
export function addOptions(command: Command, keys: readonly (keyof Options)[]): Command {
  for (const key of keys) {
    const { name, value, shown, help, isSecret } = OPTION_SPECS[key]
    if (isSecret === true) continue
    const flag = value === null ? `--${name}` : `--${name} ${value}`
    const isDefaultShown = value !== null && shown !== ''
    command.addOption(
      new Option(
        flag,
        `${help} (${isDefaultShown ? `default: ${shown}, ` : ''}env: ${environmentName(name)})`,
      ),
    )
  }
  return command.option('--config <file>', 'JSON file of options by their long names (env: POSTHORN_CONFIG)')
}

/** Returns the options that a command was given. @throws {PosthornError} `bad_config`. */
export function givenOptions(command: Command): Options {
  const { config, ...rest } = command.optsWithGlobals<Record<string, unknown>>()
  // Commander names options in camel case; our names are those that people write.
  const flags = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`),
      value,
    ]),
  )
  const path = (config as string | undefined) ?? process.env['POSTHORN_CONFIG']
  return resolveOptions({
    flags,
    environment: process.env,
    ...(path === undefined ? {} : { file: { path, values: readConfig(path) } }),
  })
}

function readConfig(path: string): GivenOptions {
  let values: unknown
  try {
    values = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new PosthornError('bad_config', `Cannot read ${path}: ${(cause as Error).message}`, {
      hint: 'It must be a JSON object, such as {"port": 8071}',
      cause,
    })
  }
  if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as GivenOptions
  throw new PosthornError('bad_config', `${path} is not a JSON object`, { hint: 'Such as {"port": 8071}' })
}
