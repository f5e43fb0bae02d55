/** SQL texts with the values that belong to their places. @module */

/** A part of a statement, or a whole one. */
export class Sql {
  /** The text between the values: one more than there are values. */
  readonly parts: readonly string[]
  readonly values: readonly unknown[]

  constructor(parts: readonly string[], values: readonly unknown[]) {
    this.parts = parts
    this.values = values
  }

  /** The text with `$1`, `$2`, … where the values go. */
  get text(): string {
    return this.parts.reduce((text, part, i) => `${text}$${i}${part}`)
  }
}

/** Makes SQL of a template: what is inserted becomes a parameter, save SQL, which becomes part of the text. */
export function sql(strings: TemplateStringsArray, ...inserts: readonly unknown[]): Sql {
  const parts = [strings[0]!]
  const values: unknown[] = []
  for (const [i, insert] of inserts.entries()) {
    const after = strings[i + 1]!
    if (insert instanceof Sql) {
      const [first, ...rest] = insert.parts
      parts[parts.length - 1] += first!
      parts.push(...rest)
      values.push(...insert.values)
      parts[parts.length - 1] += after
    } else {
      values.push(insert)
      parts.push(after)
    }
  }
  return new Sql(parts, values)
}

/** SQL of a text that has no values. Never of anything that a caller gave. */
export function raw(text: string): Sql {
  return new Sql([text], [])
}

/** Several pieces of SQL with a separator between them. */
export function joined(pieces: readonly Sql[], separator: string): Sql {
  return pieces.reduce((all, piece, i) => (i === 0 ? piece : sql`${all}${raw(separator)}${piece}`), raw(''))
}

/**
 * Returns the text of a PostgreSQL array. A statement for many rows takes a column of each as one array: its text and its
 * plan are then the same for any number of rows.
 */
export function arrayText(items: readonly (string | number | boolean | null)[]): string {
  return `{${items.map(itemText).join(',')}}`
}

/**
 * The condition that a row `a` of a large table has the key of a row `b` that is given. Said so that it can only be looked up
 * in the index of the key, once for each row given: an equality could also be joined by a scan of the table.
 */
export function sameKey(a: string, b: string, columns: readonly string[]): string {
  return columns.map((column) => `${a}.${column} = ANY (ARRAY[${b}.${column}])`).join(' AND ')
}

/** Columns of the key of a delivery. */
export const DELIVERY_KEY = ['application_id', 'message_id', 'endpoint_id'] as const

function itemText(item: string | number | boolean | null): string {
  if (item === null) return 'NULL'
  return typeof item === 'string' ? `"${item.replaceAll(/["\\]/g, '\\$&')}"` : String(item)
}
