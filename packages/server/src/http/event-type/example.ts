/** The example of an event type: what a test message of it says. @module */

import type { EventType } from '../../domain/event-type.ts'

/**
 * Returns the example that the newest version of a type's schema gives: the one asked for among its `examples`, else its
 * `example`. `null` where it gives none that is an object, as a payload has to be.
 *
 * @param index - Which of the `examples`; the last, where it has fewer.
 */
export function exampleOf(
  eventType: Pick<EventType, 'schemas'> | null,
  index = 0,
): Readonly<Record<string, unknown>> | null {
  const versions = Object.entries(eventType?.schemas ?? {})
  // "10" is newer than "9".
  versions.sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
  const schema = versions.at(-1)?.[1]
  if (!isObject(schema)) return null
  const { examples, example } = schema
  const chosen =
    Array.isArray(examples) && examples.length > 0 ? (examples[index] ?? examples.at(-1)) : example
  return isObject(chosen) ? chosen : null
}

/** Returns what a test message says where its type has no example. */
export function plainExample(eventType: string, now: Date): Readonly<Record<string, unknown>> {
  return { type: eventType, timestamp: now.toISOString(), data: { example: true } }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
