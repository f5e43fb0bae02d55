/** One page of several lists. @module */

import type { PageRequest } from '../port/page.ts'

/** The first page of all lists together, each thing once. Each list gives as many as the page may need of it. */
export async function merged<Item extends { readonly id: string }, T>(
  page: PageRequest,
  parts: readonly T[],
  list: (part: T) => Promise<Item[]>,
): Promise<Item[]> {
  if (parts.length === 1) return list(parts[0]!)
  const all = new Map<string, Item>()
  for (const part of parts) for (const item of await list(part)) all.set(item.id, item)
  const sign = page.order === 'ascending' ? 1 : -1
  return [...all.values()].toSorted((a, b) => (a.id < b.id ? -sign : sign)).slice(0, page.limit)
}
