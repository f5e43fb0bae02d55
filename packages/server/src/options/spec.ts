/** What the table says of one option. @module */

import type { Options } from '../options.ts'

/** How one option is given and read. */
export interface OptionSpec<Value = unknown> {
  /** Kebab-case: `--name` as a flag, `POSTHORN_NAME` in the environment, `"name"` in the file. */
  readonly name: string
  /** How its value is written in help; `null` for a switch. */
  readonly value: string | null
  /** The default as it would be written. */
  readonly shown: string
  readonly help: string
  /** Only in the environment: a flag or file would show a secret. */
  readonly isSecret?: boolean
  /** Tells whether a value holds a secret, although most do not: then a flag is refused, and it is never shown. */
  readonly holdsSecret?: (text: string) => boolean
  /** Returns the value, or says what would be right. */
  readonly parse: (text: string) => Value | Wrong
}

/** What the table says of each option. */
export type OptionSpecs = { readonly [K in keyof Options]: OptionSpec<Options[K]> }

/** What would be right in the place of a wrong value. */
export class Wrong {
  readonly expected: string
  constructor(expected: string) {
    this.expected = expected
  }
}

/** Returns the name of an option in the environment: `POSTHORN_ATTEMPT_TIMEOUT`. */
export function environmentName(name: string): string {
  return `POSTHORN_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Returns the name of an option in code: `attemptTimeout`. */
export function codeName(name: string): string {
  return name.replaceAll(/-(\w)/g, (_match, letter: string) => letter.toUpperCase())
}
