/** Lists, a page at a time, forward and back. @module */

import { type Static, type TSchema, Type } from 'typebox'

import type { PageRequest } from '../storage/port/page.ts'
import { writeJson } from './json-body.ts'

/** Items of a page where the caller names no number, and at most. */
const DEFAULT_LIMIT = 50
const MAX_LIMIT = 250

/** The query parameters of every list. */
export const PageQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_LIMIT,
      description: `Items of a page. Where it is left out, ${DEFAULT_LIMIT}.`,
    }),
  ),
  iterator: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 300,
      description: 'The `iterator` of the page before for what follows, or its `prevIterator` to go back.',
    }),
  ),
  order: Type.Optional(
    Type.Enum(['ascending', 'descending'], {
      description: 'By time of making, or by name where that is the id.',
    }),
  ),
})

/** The form of a list's answer, named for its items: `ListResponse_ApplicationOut_`. */
export const ListOf = <Item extends TSchema & { readonly $id?: string }>(item: Item) =>
  Type.Object(
    {
      data: Type.Array(item, { description: 'The items of this page.' }),
      iterator: Type.Union([Type.String(), Type.Null()], {
        description: 'Given as `iterator`, asks for the page that follows.',
      }),
      prevIterator: Type.Union([Type.String(), Type.Null()], {
        description: 'Given as `iterator`, asks for the page before.',
      }),
      done: Type.Boolean({ description: 'Whether nothing follows in the direction that was asked for.' }),
    },
    item.$id === undefined ? {} : { $id: `ListResponse_${item.$id}_` },
  )

/** One page of a list. */
export interface ListReply<Item> {
  readonly data: readonly Item[]
  /** The last id, also on the last page; given as `iterator`, it asks for what follows. */
  readonly iterator: string | null
  /** `-` and the first id; given as `iterator`, it asks for what comes before. */
  readonly prevIterator: string | null
  /** Nothing follows in the direction that was asked for. */
  readonly done: boolean
}

/**
 * Returns the page that a query asks for.
 *
 * @param order - Order where the query names none.
 * @param list - Lists strictly beyond an id.
 * @param keyOf - The id by which the list is ordered.
 */
export async function pageOf<Item>(
  query: Static<typeof PageQuery>,
  order: PageRequest['order'],
  list: (page: PageRequest) => Promise<Item[]>,
  keyOf: (item: Item) => string,
): Promise<ListReply<Item>> {
  const limit = query.limit ?? DEFAULT_LIMIT
  const iterator = query.iterator ?? null
  const isBack = iterator?.startsWith('-') ?? false
  const forward = query.order ?? order
  const items = await list({
    // One more than is shown tells whether anything follows.
    limit: limit + 1,
    order: isBack ? opposite(forward) : forward,
    after: isBack ? iterator!.slice(1) : iterator,
  })
  const data = items.slice(0, limit)
  if (isBack) data.reverse()
  const [first, last] = [data[0], data.at(-1)]
  return {
    data,
    iterator: last === undefined ? (isBack ? null : iterator) : keyOf(last),
    prevIterator: first === undefined ? null : `-${keyOf(first)}`,
    done: items.length <= limit,
  }
}

/** Returns the page with each item shown by `show`. */
export function showPage<Item, Shown>(page: ListReply<Item>, show: (item: Item) => Shown): ListReply<Shown> {
  return { ...page, data: page.data.map(show) }
}

/** Writes the page as JSON with each item as a text that is JSON already. */
export function writePage<Item>({ data, ...rest }: ListReply<Item>, write: (item: Item) => string): string {
  return writeJson(rest, { data: `[${data.map(write).join(',')}]` })
}

function opposite(order: PageRequest['order']): PageRequest['order'] {
  return order === 'ascending' ? 'descending' : 'ascending'
}
