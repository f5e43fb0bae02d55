/** Shows schemas as lists of fields. @module */

import type { JsonSchema } from '../openapi/components.ts'
import type { Parameter } from '../openapi/document.ts'
import { type Html, type Piece, html, prose } from './html.ts'
import type { NamedSchemas } from './samples.ts'

/** Levels of fields within fields that are shown. */
const MAX_DEPTH = 3

/** One thing with a name: a field or a parameter. */
interface Field {
  readonly name: string
  readonly schema: JsonSchema
  readonly isRequired: boolean
  readonly description?: string
}

/** Shows parameters of one kind; nothing where there are none. */
export function showParameters(title: string, parameters: readonly Parameter[], named: NamedSchemas): Piece {
  if (parameters.length === 0) return null
  const fields = parameters.map((each) => ({ ...each, isRequired: each.required && each.in !== 'path' }))
  return html`<h4>${title}</h4>
    ${showFields(fields, named, 'request', MAX_DEPTH)}`
}

/** Shows the fields of a form, or of the items of a list. `null` where it has no fields. */
export function showForm(
  schema: JsonSchema,
  named: NamedSchemas,
  side: 'request' | 'answer',
  depth = MAX_DEPTH,
): Html | null {
  const forms = objectsIn(schema, named)
  if (forms.length > 1) {
    return html`${forms.map((each) => showVariant(each, named, side, depth))}`
  }
  const [form] = forms
  if (form === undefined) return null
  // What is demanded matters to who writes; who reads finds nearly every field there.
  const required = new Set(side === 'request' ? (form['required'] as readonly string[] | undefined) : [])
  const fields = Object.entries(form['properties'] as Record<string, JsonSchema>).map(([name, field]) => ({
    name,
    schema: field,
    isRequired: required.has(name),
  }))
  return showFields(fields, named, side, depth)
}

/** Shows one of several forms that a value may have, told apart by a field with one value alone. */
function showVariant(form: JsonSchema, named: NamedSchemas, side: 'request' | 'answer', depth: number): Html {
  const fields = Object.entries(form['properties'] as Record<string, JsonSchema>)
  const kind = fields.flatMap(([name, field]) => {
    const value = onlyValueOf(field)
    return value === null ? [] : [html`<code>${name}: ${value}</code>`]
  })
  return html`<p class="variant">With ${kind[0] ?? 'these fields'}</p>
    ${showForm(form, named, side, depth)}`
}

/** Returns the name under which a schema is known, or that of its items; `null` where it has none. */
export function nameOf(schema: JsonSchema): string | null {
  if (typeof schema['$ref'] === 'string') return schema['$ref'].split('/').at(-1)!
  return null
}

function showFields(
  fields: readonly Field[],
  named: NamedSchemas,
  side: 'request' | 'answer',
  depth: number,
): Html {
  return html`<dl class="fields">${fields.map((field) => showField(field, named, side, depth))}</dl>`
}

function showField(
  { name, schema, isRequired, description }: Field,
  named: NamedSchemas,
  side: 'request' | 'answer',
  depth: number,
): Html {
  const text = description ?? descriptionOf(schema, named)
  const inner = depth > 1 ? showForm(schema, named, side, depth - 1) : null
  const rules = rulesOf(schema)
  return html`<div class="field">
    <dt>
      <code>${name}</code> <span class="type">${typeOf(schema, named)}</span>${
        isRequired ? html` <span class="required">required</span>` : null
      }
    </dt>
    <dd>
      ${typeof text === 'string' ? html`<p>${prose(text)}</p>` : null}${
        rules.length === 0 ? null : html`<p class="rules">${prose(rules.join(' · '))}</p>`
      }${
        inner === null
          ? null
          : html`<details>
              <summary>Fields of <code>${name}</code></summary>
              ${inner}
            </details>`
      }
    </dd>
  </div>`
}

/** What is said of the value, or of what it is where it is not `null`. */
function descriptionOf(schema: JsonSchema, named: NamedSchemas): string | null {
  if (typeof schema['description'] === 'string') return schema['description']
  const name = nameOf(schema)
  if (name !== null) return descriptionOf(named[name]!, named)
  const branches = Array.isArray(schema['anyOf']) ? (schema['anyOf'] as JsonSchema[]) : []
  return branches.map((branch) => descriptionOf(branch, named)).find((text) => text !== null) ?? null
}

/** The one value that there is for a field; `null` where there are several. */
function onlyValueOf(schema: JsonSchema): string | null {
  const values = schema['enum']
  return Array.isArray(values) && values.length === 1 ? String(values[0]) : null
}

/** Says in a word or two what kind of value it is. */
function typeOf(schema: JsonSchema, named: NamedSchemas): string {
  const name = nameOf(schema)
  if (name !== null) return typeOf(named[name]!, named)
  if (Array.isArray(schema['anyOf'])) {
    return [...new Set(schema['anyOf'].map((branch) => typeOf(branch as JsonSchema, named)))].join(' or ')
  }
  if (schema['type'] === 'array') return `list of ${typeOf((schema['items'] ?? {}) as JsonSchema, named)}`
  if (schema['format'] === 'date-time') return 'instant'
  if (schema['patternProperties'] !== undefined) return 'map'
  if (typeof schema['type'] === 'string') return schema['type']
  return 'const' in schema ? typeof schema['const'] : 'any'
}

/** Says what a value must keep to. */
function rulesOf(schema: JsonSchema): string[] {
  const branches = schema['anyOf']
  if (Array.isArray(branches)) return branches.flatMap((branch) => rulesOf(branch as JsonSchema))
  const rules: string[] = []
  const range = (min: unknown, max: unknown, unit: string) => {
    const bounds = [min, max].map((bound) =>
      bound === undefined ? '' : Number(bound).toLocaleString('en-US'),
    )
    if (min !== undefined && max !== undefined) rules.push(`${bounds[0]} to ${bounds[1]}${unit}`)
    else if (max !== undefined) rules.push(`at most ${bounds[1]}${unit}`)
    else if (min === 1 && unit !== '') rules.push('not empty')
    else if (min !== undefined && min !== 0) rules.push(`at least ${bounds[0]}${unit}`)
  }
  range(schema['minimum'], schema['maximum'], '')
  range(schema['minLength'], schema['maxLength'], ' characters')
  range(schema['minItems'], schema['maxItems'], ' items')
  const only = onlyValueOf(schema)
  if (only !== null) rules.push(`always \`${only}\``)
  else if (Array.isArray(schema['enum']))
    rules.push(`one of ${schema['enum'].map((value) => `\`${value}\``).join(', ')}`)
  if (typeof schema['pattern'] === 'string') rules.push(`matches \`${schema['pattern']}\``)
  if (schema['default'] !== undefined) rules.push(`default \`${JSON.stringify(schema['default'])}\``)
  return rules
}

/** The objects that a schema is or is a list of, through references and beside `null`: one, or one of several forms. */
function objectsIn(schema: JsonSchema, named: NamedSchemas): JsonSchema[] {
  const name = nameOf(schema)
  if (name !== null) return objectsIn(named[name]!, named)
  const branches = schema['anyOf']
  if (Array.isArray(branches)) return branches.flatMap((branch) => objectsIn(branch as JsonSchema, named))
  if (schema['type'] === 'array') return objectsIn((schema['items'] ?? {}) as JsonSchema, named)
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>
  return Object.keys(properties).length === 0 ? [] : [schema]
}
