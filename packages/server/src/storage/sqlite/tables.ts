/** What the tables have in common: cells, pages and changes. @module */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import type { PageRequest } from '../port/page.ts'
import { toJson } from '../rows/cells.ts'
import type { Store } from '../store.ts'

/** A row as the driver gives it. */
export type Row = Record<string, null | number | bigint | string | Uint8Array>

/** The store's methods as they run inside the database's thread: the same, without the promise. */
export type Synchronous<Name extends keyof Store> = {
  [K in Name]: Store[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never
}

/** Prepares each text once, so that statements built from filters are prepared once per combination. */
export function statementCache(database: DatabaseSync): (sql: string) => StatementSync {
  const statements = new Map<string, StatementSync>()
  return (sql) => {
    let statement = statements.get(sql)
    if (statement === undefined) {
      statement = database.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
}

/** A condition with the values of its `?` placeholders. */
export type Condition = readonly [sql: string, ...values: SQLInputValue[]]

/**
 * Returns the end of a list query: conditions, the page's cursor, order and limit, with the values that go with it.
 *
 * @param key - Column that the list is ordered by: unique within the conditions.
 */
export function pageClause(
  key: string,
  page: PageRequest,
  conditions: readonly Condition[],
): { sql: string; values: SQLInputValue[] } {
  const { sql, values } = conditionClause([...conditions, ...cursorConditions(key, page)])
  return {
    sql: `${sql} ORDER BY ${key} ${page.order === 'ascending' ? 'ASC' : 'DESC'} LIMIT ?`,
    values: [...values, page.limit],
  }
}

/** The condition that a page begins after its cursor. */
export function cursorConditions(key: string, page: PageRequest): Condition[] {
  return page.after === null ? [] : [[`${key} ${page.order === 'ascending' ? '>' : '<'} ?`, page.after]]
}

/** Returns a `WHERE` clause with the values that go with it. */
export function conditionClause(conditions: readonly Condition[]): { sql: string; values: SQLInputValue[] } {
  return {
    sql: `WHERE ${conditions.map(([sql]) => sql).join(' AND ')}`,
    values: conditions.flatMap(([, ...values]) => values),
  }
}

/**
 * Returns the `SET` list for the fields that a change names, with its values.
 *
 * @param columns - Column and cell of each field that may change.
 */
export function changeClause<Changes extends object>(
  changes: Changes,
  columns: { [K in keyof Changes]-?: (value: NonNullable<Changes[K]> | null) => [string, SQLInputValue] },
): { sql: string; values: SQLInputValue[] } {
  const cells = (Object.keys(columns) as (keyof Changes)[])
    .filter((field) => changes[field] !== undefined)
    .map((field) => columns[field](changes[field] ?? null))
  return {
    sql: [...cells.map(([column]) => `${column} = ?`), 'updated_at = ?'].join(', '),
    values: cells.map(([, value]) => value),
  }
}

/** Writers of one cell, for {@link changeClause}. */
export const cell = {
  text: (column: string) => (value: string | null) => [column, value] as [string, SQLInputValue],
  number: (column: string) => (value: number | null) => [column, value] as [string, SQLInputValue],
  flag: (column: string) => (value: boolean | null) => [column, Number(value)] as [string, SQLInputValue],
  json: (column: string) => (value: unknown) => [column, toJson(value)] as [string, SQLInputValue],
}

/** Runs a write and turns the breach of a unique index into a refusal. */
export function refuseTaken<T>(write: () => T, refusal: () => PosthornError): T {
  try {
    return write()
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('UNIQUE constraint failed')) throw refusal()
    throw error
  }
}
