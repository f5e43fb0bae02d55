import { DatabaseSync } from 'node:sqlite'

import { beforeAll, expect, test } from 'vitest'

import type { DeliveryFilter } from '../port/deliveries.ts'
import type { PageRequest } from '../port/page.ts'
import { secretBox } from '../secret-box.ts'
import { deliveryMethods } from './deliveries.ts'
import { MIGRATIONS } from './migrations.ts'

/** More than are looked at one by one, of each type, channel and tag that is common. */
const NUMBER = 9_000

let database: DatabaseSync
beforeAll(() => {
  database = new DatabaseSync(':memory:')
  for (const step of MIGRATIONS) database.exec(step)
  // Of three types in turn; every 2,999th is of a rare one. A quarter each succeeded, failed, waits and is held.
  database.exec(`
    INSERT INTO message (application_id, id, event_type, payload, content_type, created_at)
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${NUMBER - 1})
      SELECT 'app_0', printf('msg_%06d', i), iif(i % 2999 = 5, 'rare', char(97 + i % 3)), x'', '', 0 FROM n;
    INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, lease, event_type)
      SELECT application_id, id, 'ep_0', iif(rowid % 4 < 3, rowid % 4, 1), 0, iif(rowid % 4 = 3, 1, NULL), event_type
      FROM message;
  `)
  return () => database.close()
})

/** Returns the ids of the messages of all pages. */
function listed(filter: DeliveryFilter, { limit, order }: Pick<PageRequest, 'limit' | 'order'>): string[] {
  const { listDeliveriesOfEndpoint } = deliveryMethods(database, secretBox(new Uint8Array(32)))
  const ids: string[] = []
  for (;;) {
    const page = { limit, order, after: ids.at(-1) ?? null }
    const found = listDeliveriesOfEndpoint('app_0', 'ep_0', page, filter)
    ids.push(...found.map(({ message }) => message.id))
    if (found.length < limit) return ids
  }
}

/** The same, found by looking at every row. */
function expected(condition: string): string[] {
  return database
    .prepare(`SELECT message_id FROM delivery WHERE ${condition} ORDER BY message_id`)
    .all()
    .map((row) => row['message_id'] as string)
}

const FILTERS: readonly (readonly [filter: DeliveryFilter, condition: string])[] = [
  [{}, 'TRUE'],
  [{ eventTypes: ['a'] }, "event_type = 'a'"],
  [{ eventTypes: ['rare'] }, "event_type = 'rare'"],
  [{ eventTypes: ['a', 'rare'] }, "event_type IN ('a', 'rare')"],
  [{ status: 'success', eventTypes: ['b'] }, "status = 0 AND event_type = 'b'"],
  [{ status: 'success', eventTypes: ['rare'] }, "status = 0 AND event_type = 'rare'"],
  [{ status: 'fail', eventTypes: ['b'] }, "status = 2 AND event_type = 'b'"],
  [{ status: 'fail', eventTypes: ['b', 'rare', 'b'] }, "status = 2 AND event_type IN ('b', 'rare')"],
  [
    { status: 'pending', eventTypes: ['a', 'b', 'c'] },
    "status = 1 AND lease IS NULL AND event_type <> 'rare'",
  ],
  [{ status: 'sending', eventTypes: ['c'] }, "lease IS NOT NULL AND event_type = 'c'"],
]

test.each(FILTERS)('an endpoint lists each of many deliveries once: %o', (filter, condition) => {
  const ids = expected(condition)
  expect(ids.length).toBeGreaterThan(0)
  expect(listed(filter, { limit: 251, order: 'ascending' })).toEqual(ids)
  expect(listed(filter, { limit: 251, order: 'descending' })).toEqual(ids.toReversed())
})
