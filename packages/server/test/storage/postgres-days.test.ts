import { randomBytes } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { Message } from '../../src/domain/message.ts'
import { Database } from '../../src/storage/postgres/database.ts'
import { PartitionMaker, dayOf, dropDay } from '../../src/storage/postgres/partitions.ts'
import { postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import { raw } from '../../src/storage/postgres/sql.ts'
import type { Store } from '../../src/storage/store.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { describeRecords } from './conformance/records.ts'
import { NOW, claimedIds, newScene } from './fixtures.ts'

const DAY_MS = 86_400_000

/** Partitions of so many days before today. */
const DAYS = 8

const daysAgo = (days: number) => NOW - days * DAY_MS

let store: Store
let database: Database
const schema = newSchemaName()

beforeAll(async () => {
  const { url } = await sharedPostgres()
  const options = { url, schema, encryptionKey: randomBytes(32), isServer: true, clock: () => NOW }
  const first = postgresStore(options)
  await first.start()
  await first.stop()
  database = new Database({
    url,
    schema,
    poolSize: 2,
    batchConnections: 1,
    statementTimeoutMs: 60_000,
    patienceMs: 60_000,
  })
  const days = Array.from({ length: DAYS }, (_, i) => dayOf(daysAgo(i + 1)))
  await new PartitionMaker(database).makeDays(days)
  store = postgresStore(options)
  await store.start()
}, 60_000)

afterAll(async () => {
  await store.stop()
  await database.stop()
  await dropSchema((await sharedPostgres()).url, schema)
})

// The conformance suite keeps its messages in no day's partition; here they are in one that records are written to by name.
describe('in the partition of a day', () => {
  describeRecords(() => store)
})

test('a batch of attempts at messages of many days records each, and each once', async () => {
  const { lease, send, record, delivery } = await newScene(store)
  const ages = [0, 0, 0, 1, 1, 4, 6, 300]
  const messages: Message[] = []
  for (const age of ages) messages.push(await send({ createdAt: daysAgo(age) }, { lease }))
  const recordAll = () =>
    Promise.all(
      messages.map((message, i) =>
        record(message, i % 2 === 0 ? { kind: 'success' } : { kind: 'retry', at: NOW + 5 }),
      ),
    )
  expect(await recordAll()).toEqual(ages.map(() => 'recorded'))
  expect(await recordAll()).toEqual(ages.map(() => 'lost'))
  for (const [i, message] of messages.entries()) {
    expect(await delivery(message)).toMatchObject({
      status: i % 2 === 0 ? 'success' : 'pending',
      attempts: 1,
    })
  }
})

test('an attempt at a message of a day that was dropped is lost, and the others of its batch are recorded', async () => {
  const { lease, send, record, delivery } = await newScene(store)
  const old = await send({ createdAt: daysAgo(DAYS) }, { lease })
  const young = await send({}, { lease })
  // Somebody settled it, so that the day could go.
  expect(await record(old, { kind: 'success' })).toBe('recorded')
  expect(await dropDay(database, dayOf(daysAgo(DAYS)))).toBeTypeOf('number')
  const recorded = await Promise.all([old, young].map((message) => record(message, { kind: 'success' })))
  expect(recorded).toEqual(['lost', 'recorded'])
  expect(await delivery(young)).toMatchObject({ status: 'success' })
})

test('a day whose tables others read all the time stays, and goes once they are done', async () => {
  const day = dayOf(daysAgo(DAYS - 1))
  await database.write(async (reader) => {
    await reader.rows(raw('SELECT 1 FROM message LIMIT 1'))
    expect(await dropDay(database, day)).toBe('busy')
  })
  expect(await dropDay(database, day)).toBeTypeOf('number')
  // Another node has done it.
  expect(await dropDay(database, day)).toBe(0)
})

describe('after a look at the days in which something waits', () => {
  /** A scene of which a poll has seen that nothing waits in old days. */
  async function lookedScene() {
    const scene = await newScene(store)
    await store.findWaitingEndpoints(null, 100)
    return scene
  }

  test('what is accepted for an old day is claimed', async () => {
    const { send, claim } = await lookedScene()
    const messages = [await send({ createdAt: daysAgo(3) }), await send()]
    expect(claimedIds(await claim())).toEqual(messages.map(({ id }) => id))
  })

  test('a retry of an old day is claimed when it is due', async () => {
    const { lease, send, claim, record } = await lookedScene()
    const message = await send({ createdAt: daysAgo(2) }, { lease })
    await store.findWaitingEndpoints(null, 100)
    await record(message, { kind: 'retry', at: NOW + 5 })
    expect(claimedIds(await claim({ now: NOW + 5 }))).toEqual([message.id])
  })

  test('what is sent again by hand, or given back, is claimed, of whatever day', async () => {
    const { application, endpoint, lease, send, claim, record } = await lookedScene()
    const [again, returned] = [
      await send({ createdAt: daysAgo(5) }, { lease }),
      await send({ createdAt: daysAgo(6) }, { lease }),
    ]
    await record(again, { kind: 'success' })
    const keyOf = (messageId: string) => ({
      applicationId: application.id,
      endpointId: endpoint.id,
      messageId,
    })
    await store.findWaitingEndpoints(null, 100)
    await store.resendDelivery(keyOf(again.id), NOW)
    expect(claimedIds(await claim())).toEqual([again.id])

    await store.findWaitingEndpoints(null, 100)
    await store.releaseDeliveries(lease, [keyOf(returned.id)], NOW)
    expect(claimedIds(await claim())).toEqual([returned.id])
  })

  test('what waits in old days, and in none, is found by the look', async () => {
    const { application, endpoint, send, claim } = await newScene(store)
    const messages = []
    for (const age of [300, 6, 4, 2, 0]) messages.push(await send({ createdAt: daysAgo(age) }))
    const found = await store.findWaitingEndpoints(null, 100)
    expect(found).toContainEqual(
      expect.objectContaining({
        applicationId: application.id,
        endpointId: endpoint.id,
        dueAt: daysAgo(300),
      }),
    )
    expect(claimedIds(await claim())).toEqual(messages.map(({ id }) => id))
  })
})
