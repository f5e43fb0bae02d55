/** Faults of a value that may have several forms, each with a `type` of its own. @module */

/** An error as TypeBox reports it, with the place of its rule: `#/properties/auth/anyOf/1/properties/type`. */
interface PlacedError {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly params: object
  readonly message: string
}

const BRANCH = /^(.*)\/anyOf\/\d+$/
const TYPE_OF_BRANCH = /^(.*\/anyOf\/\d+)\/properties\/type$/

/**
 * Returns the errors of the form that the value says it has by its `type`: what the others lack says nothing. Where it is
 * none of them, the one error is which there are.
 *
 * @param errors - As a union reports them: those of every branch.
 */
export function errorsOfNamedForm(errors: readonly PlacedError[]): readonly PlacedError[] {
  const mistaken = errors.filter(
    ({ keyword, schemaPath }) => keyword === 'enum' && TYPE_OF_BRANCH.test(schemaPath),
  )
  const unions = Map.groupBy(mistaken, ({ schemaPath }) => BRANCH.exec(branchOf(schemaPath))![1]!)
  let left: readonly PlacedError[] = errors
  for (const [union, wrongTypes] of unions) {
    const isWithin = ({ schemaPath }: PlacedError, place: string) =>
      schemaPath === place || schemaPath.startsWith(`${place}/`)
    const others = wrongTypes.map(({ schemaPath }) => branchOf(schemaPath))
    // The branch of `null`, of which an object has the wrong kind.
    for (const { keyword, schemaPath } of errors) {
      if (keyword === 'type' && BRANCH.exec(schemaPath)?.[1] === union) others.push(schemaPath)
    }
    const named = left.filter(
      (error) => !others.some((branch) => isWithin(error, branch)) && error.schemaPath !== union,
    )
    const isNamed = named.some((error) => isWithin(error, `${union}/anyOf`))
    left = isNamed ? named : [...named, noSuchType(wrongTypes)]
  }
  return left
}

function branchOf(schemaPath: string): string {
  return TYPE_OF_BRANCH.exec(schemaPath)![1]!
}

function noSuchType(wrongTypes: readonly PlacedError[]): PlacedError {
  const types = wrongTypes.flatMap(
    ({ params }) => (params as { allowedValues?: string[] }).allowedValues ?? [],
  )
  return { ...wrongTypes[0]!, message: `must be one of ${types.join(', ')}` }
}
