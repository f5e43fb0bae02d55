import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import type { PageRequest } from '../storage/port/page.ts'
import { type ListReply, pageOf, writePage } from './pagination.ts'

/** A list in memory, as a store would give it. */
const listOf =
  (keys: readonly string[]) =>
  async ({ limit, order, after }: PageRequest): Promise<string[]> => {
    const sorted = order === 'ascending' ? keys.toSorted() : keys.toSorted().toReversed()
    const isBeyond = (key: string) => after === null || (order === 'ascending' ? key > after : key < after)
    return sorted.filter(isBeyond).slice(0, limit)
  }

type Order = PageRequest['order']

const page = (keys: readonly string[], limit: number, order: Order, iterator?: string) =>
  pageOf({ limit, ...(iterator === undefined ? {} : { iterator }) }, order, listOf(keys), (key) => key)

/** Keys as ids and uids are: they do not begin with the sign of going back. */
const keys = fc.uniqueArray(fc.stringMatching(/^[a-zA-Z0-9_.][a-zA-Z0-9_.-]{0,5}$/), { maxLength: 30 })
const limit = fc.integer({ min: 1, max: 8 })
const order = fc.constantFrom<Order>('ascending', 'descending')

test('for any list and limit, the pages forward show each item once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(keys, limit, order, async (items, size, direction) => {
      const seen: string[] = []
      let reply = await page(items, size, direction)
      seen.push(...reply.data)
      while (!reply.done) {
        reply = await page(items, size, direction, reply.iterator!)
        seen.push(...reply.data)
      }
      expect(seen).toEqual(await listOf(items)({ limit: 1_000, order: direction, after: null }))
    }),
  )
})

test('for any list and limit, the pages back from the last show each item before it once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(keys, limit, order, async (items, size, direction) => {
      let reply: ListReply<string> = await page(items, size, direction)
      while (!reply.done) reply = await page(items, size, direction, reply.iterator!)
      const seen = [...reply.data]
      for (let isFirst = reply.prevIterator === null; !isFirst; isFirst = reply.done) {
        reply = await page(items, size, direction, reply.prevIterator!)
        seen.unshift(...reply.data)
        expect(reply.data.length).toBeLessThanOrEqual(size)
      }
      expect(seen).toEqual(await listOf(items)({ limit: 1_000, order: direction, after: null }))
    }),
  )
})

test('for any page, its two iterators lead to the pages on both sides of it', async () => {
  await fc.assert(
    fc.asyncProperty(keys, limit, order, async (items, size, direction) => {
      const first = await page(items, size, direction)
      if (first.done) return
      const second = await page(items, size, direction, first.iterator!)
      expect((await page(items, size, direction, second.prevIterator!)).data).toEqual(first.data)
    }),
  )
})

test('the iterator of the last page is kept, so that what is added later can be asked for', async () => {
  expect(await page(['a', 'b'], 2, 'ascending')).toEqual({
    data: ['a', 'b'],
    iterator: 'b',
    prevIterator: '-a',
    done: true,
  })
  expect(await page(['a', 'b'], 2, 'ascending', 'b')).toEqual({
    data: [],
    iterator: 'b',
    prevIterator: null,
    done: true,
  })
  expect(await page(['a', 'b', 'c'], 2, 'ascending', 'b')).toMatchObject({ data: ['c'], done: true })
})

test('a query names another order than the list has by itself', async () => {
  const reply = await pageOf({ order: 'descending' }, 'ascending', listOf(['a', 'b']), (key) => key)
  expect(reply.data).toEqual(['b', 'a'])
})

test('a page is written with each item as the JSON that it is', async () => {
  const text = writePage(await page(['a', 'b'], 1, 'ascending'), (key) => `{"${key}":1.0}`)
  expect(text).toBe('{"iterator":"a","prevIterator":"-a","done":false,"data":[{"a":1.0}]}')
})
