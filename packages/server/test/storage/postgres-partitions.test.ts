import { randomBytes } from 'node:crypto'

import { expect, onTestFinished, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { Database } from '../../src/storage/postgres/database.ts'
import { listDays } from '../../src/storage/postgres/partitions.ts'
import { postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import { raw } from '../../src/storage/postgres/sql.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { NOW, WHOLE, newScene } from './fixtures.ts'

const DAY_MS = 86_400_000

/** A store whose clock a test sets, and a look behind it. */
async function startAt(at: number) {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const store = postgresStore({
    url,
    schema,
    encryptionKey: randomBytes(32),
    isServer: true,
    clock: () => at,
  })
  await store.start()
  onTestFinished(() => store.stop())
  const settings = { poolSize: 2, batchConnections: 1, statementTimeoutMs: 60_000, patienceMs: 60_000 }
  const database = new Database({ url, schema, ...settings })
  onTestFinished(() => database.stop())
  const count = async (table: string) =>
    (await database.row(raw(`SELECT count(*) AS number FROM ${table}`)))!['number'] as number
  return { store, database, count }
}

const dayName = (at: number) => new Date(at).toISOString().slice(0, 10).replaceAll('-', '')

test('today and the next two days have partitions, and a beat of tomorrow makes one more', async () => {
  const { store, database } = await startAt(NOW)
  const days = (from: number) => [0, 1, 2].map((i) => dayName(from + i * DAY_MS))
  expect(await listDays(database)).toEqual(days(NOW))
  const lease = await store.joinAsNode(NOW)
  await store.beat(lease, NOW + DAY_MS)
  await eventually(
    () => listDays(database),
    (seen) => expect(seen).toEqual([dayName(NOW), ...days(NOW + DAY_MS)]),
  )
})

test('a message, its deliveries, labels and attempts lie in the partition of its day', async () => {
  const { store, count } = await startAt(NOW)
  const { lease, send, record } = await newScene(store)
  const message = await send({ tags: ['vip'], createdAt: NOW }, { lease })
  await record(message, { kind: 'success' }, { attempt: { createdAt: NOW + 2 * DAY_MS } })
  for (const table of ['message', 'delivery', 'message_label', 'attempt']) {
    expect([table, await count(`${table}_${dayName(NOW)}`), await count(table)]).toEqual([table, 1, 1])
  }
})

test('messages of a day without a partition are kept all the same, and make none for that day', async () => {
  const { store, database, count } = await startAt(NOW)
  const { application, send, claim } = await newScene(store)
  const later = NOW + 3 * DAY_MS
  const message = await send({ createdAt: later }, { dueAt: NOW })
  expect(await count('message_default')).toBe(1)
  const lease = await store.joinAsNode(NOW)
  await store.beat(lease, NOW + DAY_MS)
  expect(await listDays(database)).not.toContain(dayName(later))
  expect(await store.findMessage(application.id, message.id)).toEqual(message)
  expect(await claim({ lease })).toHaveLength(1)
})

test('a day that is old enough is dropped as a whole, and its event ids are free', async () => {
  const { store, database } = await startAt(NOW)
  const { application, lease, send, record } = await newScene(store)
  for (let i = 0; i < 5; i++) {
    const message = await send({ createdAt: NOW + i, eventId: `evt-${i}`, tags: ['vip'] }, { lease })
    await record(message, { kind: 'success' })
  }
  const young = await send({ createdAt: NOW + DAY_MS })
  const sweep = async (before: number) => {
    let after: string | null = null
    do {
      const step: { next: string | null } = await store.deleteOldMessages({ before, after, limit: 2 })
      after = step.next
    } while (after !== null)
  }
  // The day is not over yet, so all of it stays.
  await sweep(NOW + 10)
  expect(await store.listMessages(application.id, WHOLE, {})).toHaveLength(6)

  await sweep(NOW + DAY_MS)
  expect(await listDays(database)).not.toContain(dayName(NOW))
  expect(await store.listMessages(application.id, WHOLE, {})).toEqual([young])
  expect(await store.findMessage(application.id, 'evt-1')).toBeNull()
  await send({ createdAt: NOW + DAY_MS, eventId: 'evt-1' })
  expect(await store.listMessages(application.id, WHOLE, {})).toHaveLength(2)
})

test('of a day with something pending all else is deleted, and the day is dropped once that is over', async () => {
  const { store, database } = await startAt(NOW)
  const { application, lease, send, record } = await newScene(store)
  const messages = []
  for (let i = 0; i < 5; i++) messages.push(await send({ createdAt: NOW + i }, { lease }))
  for (const message of messages.slice(1)) await record(message, { kind: 'success' })
  const sweep = async () => {
    let after: string | null = null
    let deleted = 0
    do {
      const step: { deleted: number; next: string | null } = await store.deleteOldMessages({
        before: NOW + DAY_MS,
        after,
        limit: 2,
      })
      deleted += step.deleted
      after = step.next
    } while (after !== null)
    return deleted
  }
  expect(await sweep()).toBe(4)
  expect(await store.listMessages(application.id, WHOLE, {})).toEqual([messages[0]])
  expect(await listDays(database)).toContain(dayName(NOW))

  await record(messages[0]!, { kind: 'success' })
  await sweep()
  expect(await store.listMessages(application.id, WHOLE, {})).toEqual([])
  expect(await listDays(database)).not.toContain(dayName(NOW))
})
