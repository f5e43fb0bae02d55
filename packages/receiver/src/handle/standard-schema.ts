/** The one interface of validators (zod, valibot, arktype …), and a way into it for those without. @module */

/**
 * A schema as the Standard Schema specification has it. Copied, as the specification invites to: types only.
 *
 * Source: Standard Schema 1.0, https://standardschema.dev
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** What a schema says of a value: the value as its type, or what is wrong with it. */
export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }

/** One thing that is wrong. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * Makes a schema of a type guard, for TypeBox (`(value) => Check(Invoice, value)`) and for checks by hand.
 */
export function guardSchema<Output>(isValid: (value: unknown) => value is Output): StandardSchema<Output> {
  return {
    '~standard': {
      version: 1,
      vendor: 'posthorn',
      validate: (value) => (isValid(value) ? { value } : { issues: [{ message: 'the value is not valid' }] }),
    },
  }
}

/** Returns the issues in one line, for a log. No value of the payload is in it that the schema's vendor left out. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  return issues
    .slice(0, 5)
    .map(({ path = [], message }) => {
      const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
      return place === '' ? message : `${place}: ${message}`
    })
    .join('; ')
}
