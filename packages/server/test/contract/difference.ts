/** Compares two descriptions of an API: what one that speaks theirs would miss in ours. @module */

/** A JSON Schema of either description: OpenAPI 3.0 or 3.1. */
interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
}

interface Body {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
  readonly required?: boolean
}

interface Operation {
  readonly operationId?: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
  readonly requestBody?: Body
  readonly responses: Readonly<Record<string, Body>>
}

/** The parts of a description that are compared. */
export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/**
 * Returns what theirs has and ours lacks, and what ours demands and theirs does not, one line each: a path, a method, a
 * name, a parameter, a status, a field. More in ours is no difference.
 */
export function differencesOf(theirs: Description, ours: Description): string[] {
  const found: string[] = []
  for (const [path, methods] of Object.entries(theirs.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const place = `${method.toUpperCase()} ${path}`
      const own = ours.paths[path]?.[method]
      if (own === undefined) found.push(`${place}: is missing`)
      else found.push(...ofOperation(operation, own).map((line) => `${place}: ${line}`))
    }
  }
  return found

  function ofOperation(their: Operation, own: Operation): string[] {
    const lines: string[] = []
    // A HEAD has the name of its GET there, where a name is used once here.
    const isNamed = their.operationId !== undefined && own.operationId !== undefined
    if (isNamed && own.operationId !== their.operationId) {
      lines.push(`is named ${own.operationId}, not ${their.operationId}`)
    }
    const ownOf = new Map(own.parameters?.map((each) => [`${each.in} ${each.name}`, each]))
    const theirNames = new Set(their.parameters?.map((each) => `${each.in} ${each.name}`))
    for (const name of theirNames) if (!ownOf.has(name)) lines.push(`lacks the ${name}`)
    for (const [name, { required }] of ownOf) {
      const isNew = required === true && !theirNames.has(name) && !name.startsWith('path ')
      if (isNew) lines.push(`demands the ${name}`)
    }
    if (their.requestBody !== undefined && own.requestBody === undefined) lines.push('takes no body')
    else if (their.requestBody === undefined && own.requestBody?.required === true)
      lines.push('demands a body')
    else lines.push(...ofForms(formOf(their.requestBody), formOf(own.requestBody), 'request', ''))
    for (const [status, answer] of Object.entries(their.responses)) {
      const ownAnswer = own.responses[status]
      if (ownAnswer === undefined) lines.push(`does not answer ${status}`)
      else lines.push(...ofForms(formOf(answer), formOf(ownAnswer), 'answer', status))
    }
    return lines
  }

  /** @param side - A request must accept what theirs accepts; an answer must have what theirs has. */
  function ofForms(
    their: Schema | undefined,
    own: Schema | undefined,
    side: 'request' | 'answer',
    at: string,
  ): string[] {
    if (their === undefined) return []
    const place = `${side} ${at}`.trim()
    if (own === undefined) return [`${place}: is missing`]
    const [theirForm, ownForm] = [resolve(theirs, their), resolve(ours, own)]
    const lines: string[] = []
    const [theirKind, ownKind] = [kindOf(theirForm), kindOf(ownForm)]
    if (theirKind !== null && ownKind !== null && theirKind !== ownKind) {
      lines.push(`${place}: is ${ownKind}, not ${theirKind}`)
    }
    if (side === 'request' && theirForm.enum !== undefined && ownForm.enum !== undefined) {
      const refused = theirForm.enum.filter((value) => !ownForm.enum!.includes(value))
      if (refused.length > 0) lines.push(`${place}: refuses ${refused.join(', ')}`)
    }
    const [theirRequired, ownRequired] = [new Set(theirForm.required), new Set(ownForm.required)]
    for (const [name, field] of Object.entries(theirForm.properties ?? {})) {
      const ownField = ownForm.properties?.[name]
      const fieldAt = `${at}.${name}`
      if (ownField === undefined) lines.push(`${side} ${fieldAt}: is missing`)
      else lines.push(...ofForms(field, ownField, side, fieldAt))
      const isLoose = side === 'answer' && theirRequired.has(name) && !ownRequired.has(name)
      if (isLoose) lines.push(`${side} ${fieldAt}: may be absent`)
    }
    for (const name of side === 'request' ? ownRequired : []) {
      if (!theirRequired.has(name)) lines.push(`${side} ${at}.${name}: is demanded`)
    }
    if (theirForm.items !== undefined && ownForm.items !== undefined) {
      lines.push(...ofForms(theirForm.items, ownForm.items, side, `${at}[]`))
    }
    return lines
  }
}

function formOf(body: Body | undefined): Schema | undefined {
  return body?.content?.['application/json']?.schema
}

/** Follows references, and takes what may be `null` for what it is otherwise. */
function resolve({ components }: Description, schema: Schema): Schema {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1)!
    return resolve({ paths: {}, components }, components.schemas[name]!)
  }
  const branches = schema.anyOf?.filter(({ type }) => type !== 'null') ?? []
  return branches.length === 1 ? resolve({ paths: {}, components }, branches[0]!) : schema
}

/** The JSON type; `null` where the schema leaves it open. */
function kindOf({ type, enum: values, const: value, properties, anyOf }: Schema): string | null {
  if (type !== undefined) return type
  if (properties !== undefined) return 'object'
  const example = value ?? values?.[0] ?? anyOf?.[0]?.const
  if (typeof example === 'number') return 'integer'
  return example === undefined ? null : typeof example
}
