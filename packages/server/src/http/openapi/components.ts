/** Turns TypeBox schemas into JSON Schema with references to named parts. @module */

/** A JSON Schema, as OpenAPI 3.1 has it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** Named schemas, by name. Filled by {@link Components.refer}. */
export class Components {
  readonly #schemas = new Map<string, JsonSchema>()

  /**
   * Returns the schema with each part that carries `$id` replaced by a reference to a component of that name, and each
   * that carries `describedAs` by what it is described as.
   *
   * @throws {Error} Two different schemas carry the same `$id`.
   */
  refer(schema: unknown): JsonSchema {
    return this.#visit(schema) as JsonSchema
  }

  /** The named schemas so far, by name in order. */
  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#schemas].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  #visit(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#visit(item))
    if (typeof value !== 'object' || value === null) return value
    if ('describedAs' in value) {
      const described = this.#visit(value.describedAs) as JsonSchema
      return 'description' in value ? { ...described, description: value.description } : described
    }
    if ('$id' in value && typeof value.$id === 'string') return this.#name(value.$id, value)
    const visited = Object.entries(value).map(([key, inner]) => [key, this.#visit(inner)] as const)
    // TypeBox leaves the type of listed texts to the reader; code generators want it said.
    const isListOfTexts = 'enum' in value && Array.isArray(value.enum) && value.enum.every(isText)
    return Object.fromEntries(isListOfTexts ? [['type', 'string'], ...visited] : visited)
  }

  #name(name: string, schema: object): JsonSchema {
    const { $id: _id, ...rest } = schema as Record<string, unknown>
    const described = this.#visit(rest) as JsonSchema
    const before = this.#schemas.get(name)
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(described)) {
      throw new Error(`Two different schemas are named ${name}`)
    }
    this.#schemas.set(name, described)
    return { $ref: `#/components/schemas/${name}` }
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}
