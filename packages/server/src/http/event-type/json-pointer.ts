/** Finds what a reference in a document leads to. @module */

/** A place in a document, and the path to it. */
export interface Pointed {
  readonly value: unknown
  readonly path: readonly string[]
}

/**
 * Returns what a reference within a document leads to, by JSON Pointer (RFC 6901) in a fragment; `null` where it leads
 * nowhere or elsewhere: nothing is fetched.
 */
export function pointed(document: unknown, reference: string): Pointed | null {
  if (reference !== '#' && !reference.startsWith('#/')) return null
  const parts = reference.split('/').slice(1).map(unescaped)
  let value = document
  for (const part of parts) {
    if (part === null || typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return null
    value = (value as Readonly<Record<string, unknown>>)[part]
  }
  return { value, path: parts as string[] }
}

/** Tells whether a value is an object, and no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unescaped(part: string): string | null {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return null
  }
}
