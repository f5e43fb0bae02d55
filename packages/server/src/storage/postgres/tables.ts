/** What the tables have in common: cells, pages and changes. @module */

import type { PosthornError } from '../../domain/errors.ts'
import type { PageRequest } from '../port/page.ts'
import { toJson } from '../rows/cells.ts'
import { isTaken } from './faults.ts'
import { type Sql, joined, raw, sql } from './sql.ts'

/** All conditions together. */
export function all(conditions: readonly Sql[]): Sql {
  return joined(conditions, ' AND ')
}

/**
 * Returns the end of a list query: conditions, the page's cursor, order and limit.
 *
 * @param key - Column that the list is ordered by: unique within the conditions.
 */
export function pageClause(key: string, page: PageRequest, conditions: readonly Sql[]): Sql {
  return sql`WHERE ${all([...conditions, ...cursorConditions(key, page)])} ${pageOrder(key, page)}`
}

/** The order of a page, and its limit. */
export function pageOrder(key: string, page: PageRequest): Sql {
  return sql`ORDER BY ${raw(key)} ${raw(page.order === 'ascending' ? 'ASC' : 'DESC')} LIMIT ${page.limit}`
}

/** The condition that a page begins after its cursor. */
export function cursorConditions(key: string, page: PageRequest): Sql[] {
  if (page.after === null) return []
  return [sql`${raw(key)} ${raw(page.order === 'ascending' ? '>' : '<')} ${page.after}`]
}

/**
 * Returns the `SET` list for the fields that a change names.
 *
 * @param columns - Column and cell of each field that may change.
 */
export function changeClause<Changes extends object>(
  changes: Changes,
  columns: { [K in keyof Changes]-?: (value: NonNullable<Changes[K]> | null) => Sql },
  now: number,
): Sql {
  const cells = (Object.keys(columns) as (keyof Changes)[])
    .filter((field) => changes[field] !== undefined)
    .map((field) => columns[field](changes[field] ?? null))
  return joined([...cells, sql`updated_at = ${now}`], ', ')
}

/** Writers of one cell, for {@link changeClause}. */
export const cell = {
  plain: (column: string) => (value: unknown) => sql`${raw(column)} = ${value}`,
  json: (column: string) => (value: unknown) => sql`${raw(column)} = ${toJson(value)}`,
}

/** Runs a write and turns the breach of a unique index into a refusal. */
export async function refuseTaken<T>(
  write: Promise<T>,
  constraint: string,
  refusal: () => PosthornError,
): Promise<T> {
  try {
    return await write
  } catch (error) {
    if (isTaken(error, constraint)) throw refusal()
    throw error
  }
}
