/** One way to read a header from the header collections of the web and of Node. @module */

/** Web `Headers`, or a record such as Node's `IncomingHttpHeaders`, with names in any case. */
export type HeaderSource =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Returns a header's value, or `null` when there is none. Several values come back as one text joined by `,
 * `, as `Headers` does it: the strict parsers then see that a header was sent twice, whatever the server.
 *
 * @param name - The header's name in lower case.
 */
export function headerOf(headers: object, name: string): string | null {
  if ('get' in headers && typeof headers.get === 'function') {
    const value: unknown = headers.get(name)
    return typeof value === 'string' ? value : null
  }
  let found: string | null = null
  for (const key of Object.keys(headers)) {
    // The length first: it rules out nearly every other header, at less cost than its lower case.
    if (key.length !== name.length || key.toLowerCase() !== name) continue
    const value = (headers as Readonly<Record<string, unknown>>)[key]
    for (const text of Array.isArray(value) ? value : [value]) {
      if (typeof text === 'string') found = found === null ? text : `${found}, ${text}`
    }
  }
  return found
}
