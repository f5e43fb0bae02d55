import { randomBytes } from 'node:crypto'

import { expect, onTestFinished, test, vi } from 'vitest'

import { type PostgresStoreOptions, postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import { applyMigrations, planMigrations } from '../../src/storage/postgres/migrate.ts'
import { Database } from '../../src/storage/postgres/database.ts'
import { sql } from '../../src/storage/postgres/sql.ts'
import { keyIdOf } from '../../src/storage/key-ring.ts'
import type { Store } from '../../src/storage/store.ts'
import { eventually } from '../support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import {
  NOW,
  WHOLE,
  claimedIds,
  newApplication,
  newEndpoint,
  newMessage,
  newScene,
  newToken,
  upTo,
} from './fixtures.ts'

const KEY = randomBytes(32)

/** A schema of its own, with as many stores on it as a test asks for. */
async function newCluster() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const newStore = (options: Partial<PostgresStoreOptions> = {}) => {
    const store = postgresStore({ url, schema, encryptionKey: KEY, isServer: true, ...options })
    onTestFinished(() => store.stop())
    return store
  }
  const newDatabase = () => {
    const settings = { poolSize: 2, batchConnections: 1, statementTimeoutMs: 60_000, patienceMs: 60_000 }
    const database = new Database({ url, schema, ...settings })
    onTestFinished(() => database.stop())
    return database
  }
  return {
    newStore,
    newDatabase,
    start: async (options?: Partial<PostgresStoreOptions>) => {
      const store = newStore(options)
      await store.start()
      return store
    },
  }
}

/** A clock that a test moves. */
function newClock() {
  let at = 0
  return { now: () => at, pass: (ms: number) => void (at += ms) }
}

/** Beats as a node does, each second of a clock. */
async function beatFor(seconds: number, store: Store, lease: number, clock: ReturnType<typeof newClock>) {
  for (let i = 0; i < seconds; i++) {
    clock.pass(1_000)
    expect(await store.beat(lease, NOW)).toBe(true)
  }
}

test('ten nodes that start at once on an empty database make one schema and one organisation', async () => {
  const { newStore } = await newCluster()
  const stores = Array.from({ length: 10 }, () => newStore({ poolSize: 2, batchConnections: 1 }))
  await Promise.all(stores.map((store) => store.start()))
  const made = await Promise.all(
    stores.map((store) => {
      const token = newToken()
      return store.createOrganisation(token.organisationId, token)
    }),
  )
  expect(made.filter((isMade) => isMade)).toHaveLength(1)
  const found = await Promise.all(stores.map((store) => store.findOrganisation()))
  expect(new Set(found).size).toBe(1)
})

test('a plan of migrations names what is missing and changes nothing; once applied, nothing is missing', async () => {
  const { newDatabase } = await newCluster()
  const database = newDatabase()
  const plan = await planMigrations(database)
  expect(plan.applied).toBe(0)
  expect(plan.pending).toContain('first')
  expect(await planMigrations(database)).toEqual(plan)
  expect(await applyMigrations(database)).toEqual(plan.pending)
  expect(await planMigrations(database)).toEqual({ applied: plan.pending.length, pending: [] })
  expect(await applyMigrations(database)).toEqual([])
})

test('a schema of a newer Posthorn is refused, unless it says that this one still works with it', async () => {
  const { start, newStore, newDatabase } = await newCluster()
  await start()
  const database = newDatabase()
  const add = (worksSince: number) =>
    database.change(
      sql`INSERT INTO migration (step, name, works_since) VALUES (${1_000 + worksSince}, 'later', ${worksSince})`,
    )
  await add(0)
  await start()
  await add(1_000)
  await expect(newStore().start()).rejects.toMatchObject({ code: 'data_unreadable' })
})

test('a database that is not there, and a name that is none, are refused', async () => {
  const { newStore } = await newCluster()
  const nowhere = 'postgres://nobody@127.0.0.1:1/nothing'
  await expect(newStore({ url: nowhere }).start()).rejects.toMatchObject({ code: 'data_unreadable' })
  expect(() => newStore({ schema: 'a"; DROP SCHEMA public' })).toThrow(
    expect.objectContaining({ code: 'bad_config' }) as Error,
  )
})

test('a wrong key is refused at the start, and the right one still opens', async () => {
  const { start, newStore } = await newCluster()
  const store = await start()
  const endpoint = newEndpoint()
  await store.createEndpoint(endpoint)
  await expect(newStore({ encryptionKey: randomBytes(32) }).start()).rejects.toMatchObject({
    code: 'bad_key',
  })
  const other = await start()
  expect(await other.findEndpoint(endpoint.applicationId, endpoint.id)).toEqual(endpoint)
})

test('a write of one node is told to the others, with its application', async () => {
  const { start } = await newCluster()
  const [one, other] = [await start(), await start()]
  const told: (string | null)[] = []
  other.onChange((id) => told.push(id))
  const application = newApplication()
  await one.createApplication(application)
  const endpoint = newEndpoint({ applicationId: application.id })
  await one.createEndpoint(endpoint)
  await eventually(
    () => told,
    (seen) => expect(seen).toEqual([application.id]),
  )

  const { lease, send, record } = await newScene(one)
  await eventually(
    () => told,
    (seen) => expect(seen).toHaveLength(2),
  )
  told.length = 0
  await record(await send({}, { lease }), { kind: 'exhausted', disable: 'gone' })
  await eventually(
    () => told,
    (seen) => expect(seen).toEqual([expect.stringMatching(/^app_/)]),
  )
})

test('what a node leaves to the store wakes the others; what it holds does not', async () => {
  const { start } = await newCluster()
  const [one, other] = [await start(), await start()]
  const { lease, send } = await newScene(one)
  let wakes = 0
  other.onDue(() => (wakes += 1))
  await send({}, { lease })
  await send({}, { dueAt: NOW + 60_000 })
  await send()
  await eventually(
    () => wakes,
    (seen) => expect(seen).toBe(1),
  )
})

test('claims of two nodes at once never hand a delivery out twice, and leave none behind', async () => {
  const { start } = await newCluster()
  const [one, other] = [await start(), await start()]
  const { application, endpoint, lease, send } = await newScene(one)
  const otherLease = await other.joinAsNode(NOW)
  const sent = await Promise.all(Array.from({ length: 200 }, () => send()))
  const claim = (store: Store, holder: number) =>
    store.claimDeliveries({
      lease: holder,
      applicationId: application.id,
      endpointId: endpoint.id,
      limits: upTo(10),
      isOrdered: false,
      maxBytes: 1e9,
      now: NOW,
    })
  const claimed: string[] = []
  while (claimed.length < sent.length) {
    const both = await Promise.all([claim(one, lease), claim(other, otherLease)])
    claimed.push(...both.flatMap(claimedIds))
    if (both.every((some) => some.length === 0)) break
  }
  expect(claimed.toSorted()).toEqual(sent.map(({ id }) => id).toSorted())
})

test('of a line no two nodes hold anything at once, and it comes in order', async () => {
  const { start } = await newCluster()
  const [one, other] = [await start(), await start()]
  const { application, endpoint, lease, send } = await newScene(one)
  const otherLease = await other.joinAsNode(NOW)
  const sent: string[] = []
  for (let i = 0; i < 12; i++)
    sent.push((await send({ createdAt: NOW + i }, { isOrdered: true, dueAt: NOW })).id)
  const nodes = [
    { store: one, lease },
    { store: other, lease: otherLease },
  ]
  const delivered: string[] = []
  while (delivered.length < sent.length) {
    const both = await Promise.all(
      nodes.map(({ store, lease: holder }) =>
        store.claimDeliveries({
          lease: holder,
          applicationId: application.id,
          endpointId: endpoint.id,
          limits: { live: 2, retry: 0, replay: 0 },
          isOrdered: true,
          maxBytes: 1e9,
          now: NOW,
        }),
      ),
    )
    expect(both.filter((some) => some.length > 0)).toHaveLength(1)
    const i = both.findIndex((some) => some.length > 0)
    for (const { message } of both[i]!) {
      delivered.push(message.id)
      await nodes[i]!.store.releaseDeliveries(
        nodes[i]!.lease,
        [{ applicationId: application.id, messageId: message.id, endpointId: endpoint.id }],
        NOW,
      )
      await one.skipDelivery({
        applicationId: application.id,
        messageId: message.id,
        endpointId: endpoint.id,
      })
    }
  }
  expect(delivered).toEqual(sent)
})

test('a node that beats no more is taken for dead, its work is free, and it cannot record when it wakes', async () => {
  const { start } = await newCluster()
  const clock = newClock()
  const [paused, watcher] = [await start(), await start({ monotonic: clock.now })]
  const { lease, send, record, delivery } = await newScene(paused)
  const message = await send({}, { lease })
  const watching = await watcher.joinAsNode(NOW)

  await beatFor(10, watcher, watching, clock)
  expect(await delivery(message)).toMatchObject({ status: 'sending' })
  let wakes = 0
  watcher.onDue(() => (wakes += 1))
  await beatFor(1, watcher, watching, clock)
  expect(await delivery(message)).toMatchObject({ status: 'pending' })
  expect(wakes).toBe(1)

  expect(await paused.beat(lease, NOW)).toBe(false)
  expect(await record(message, { kind: 'success' })).toBe('lost')
  expect(await delivery(message)).toMatchObject({ status: 'pending', attempts: 0 })
  expect(await paused.joinAsNode(NOW)).toBeGreaterThan(lease)
})

test('a node that beats keeps its work, however long another watches', async () => {
  const { start } = await newCluster()
  const clock = newClock()
  const [worker, watcher] = [await start(), await start({ monotonic: clock.now })]
  const { lease, send, record } = await newScene(worker)
  const message = await send({}, { lease })
  const watching = await watcher.joinAsNode(NOW)
  for (let i = 0; i < 6; i++) {
    await beatFor(8, watcher, watching, clock)
    expect(await worker.beat(lease, NOW)).toBe(true)
  }
  expect(await record(message, { kind: 'success' })).toBe('recorded')
})

test('a node that beats at the last moment, seen as dead already, keeps its work', async () => {
  const { start } = await newCluster()
  const clock = newClock()
  const [worker, watcher] = [await start(), await start({ monotonic: clock.now })]
  const { lease, send, delivery } = await newScene(worker)
  const message = await send({}, { lease })
  const watching = await watcher.joinAsNode(NOW)
  await beatFor(10, watcher, watching, clock)

  const takeOver: unknown = Object.getOwnPropertyDescriptor(Database.prototype, 'writeByIndex')!.value
  const spy = vi.spyOn(Database.prototype, 'writeByIndex')
  onTestFinished(() => spy.mockRestore())
  spy.mockImplementationOnce(async function (this: Database, ...args: unknown[]) {
    expect(await worker.beat(lease, NOW)).toBe(true)
    return Reflect.apply(takeOver as (...all: unknown[]) => never, this, args)
  })
  await beatFor(1, watcher, watching, clock)
  expect(spy).toHaveBeenCalled()
  expect(await delivery(message)).toMatchObject({ status: 'sending' })
  expect(await worker.beat(lease, NOW)).toBe(true)
})

test('what a node accepted under a lease that is dead is found by the next that joins', async () => {
  const { start } = await newCluster()
  const clock = newClock()
  const [paused, watcher] = [await start(), await start({ monotonic: clock.now })]
  const { lease, send, delivery } = await newScene(paused)
  const watching = await watcher.joinAsNode(NOW)
  await beatFor(11, watcher, watching, clock)
  const late = await send({}, { lease })
  expect(await delivery(late)).toMatchObject({ status: 'sending' })
  await (await start()).joinAsNode(NOW)
  expect(await delivery(late)).toMatchObject({ status: 'pending' })
})

test('a node that stops in order frees its work at once', async () => {
  const { start } = await newCluster()
  const [leaving, other] = [await start(), await start()]
  const { application, endpoint, lease, send } = await newScene(leaving)
  const message = await send({}, { lease })
  await leaving.stop()
  const shown = await other.listDeliveriesOfEndpoint(application.id, endpoint.id, WHOLE, {})
  expect(shown).toMatchObject([{ delivery: { messageId: message.id, status: 'pending' } }])
})

test('nodes are listed with what they told last, and one that left is not', async () => {
  const { start } = await newCluster()
  const [one, other] = [await start(), await start()]
  const lease = await one.joinAsNode(NOW)
  const otherLease = await other.joinAsNode(NOW + 1)
  const state = { version: '1', host: 'a', pid: 7, held: 3, inFlight: 2 }
  await one.beat(lease, NOW, state)
  await one.beat(lease, NOW)
  expect(await other.listNodes()).toEqual([
    { lease, state, joinedAt: NOW, silentMs: expect.any(Number) as number },
    { lease: otherLease, state: null, joinedAt: NOW + 1, silentMs: expect.any(Number) as number },
  ])
  await one.stop()
  expect(await other.listNodes()).toHaveLength(1)
})

test('a breaker is told to the other nodes, opened and closed', async () => {
  const { start } = await newCluster()
  const [one, other] = [await start(), await start()]
  const told: unknown[] = []
  for (const store of [one, other]) store.onBreaker((...word) => told.push([store === other, ...word]))
  one.tellBreaker('ep_1', NOW)
  await eventually(
    () => told,
    (seen) => expect(seen).toEqual([[true, 'ep_1', NOW]]),
  )
  one.tellBreaker('ep_1', null)
  await eventually(
    () => told,
    (seen) => expect(seen.slice(1)).toEqual([[true, 'ep_1', null]]),
  )
})

test('the offset of a clock that is an hour slow is told', async () => {
  const { start } = await newCluster()
  const HOUR_MS = 3_600_000
  const store = await start({ clock: () => Date.now() - HOUR_MS })
  await store.beat(await store.joinAsNode(NOW), NOW)
  expect(Math.round(store.clockOffsetMs() / 60_000)).toBe(60)
})

test('nothing is sealed with a key that another node has not', async () => {
  const { start } = await newCluster()
  const [key, newer] = [randomBytes(32), randomBytes(32)]
  const both = { keys: [key, newer], file: null }
  const node = await start({ encryptionKey: key })
  await node.joinAsNode(NOW)
  const tool = await start({ encryptionKey: both, isServer: false })
  await tool.offerEncryptionKey(keyIdOf(newer))
  expect(await tool.sealWith(keyIdOf(newer))).toBe(false)

  await node.stop()
  const restarted = await start({ encryptionKey: both })
  await restarted.joinAsNode(NOW)
  const endpoint = newEndpoint()
  await restarted.createEndpoint(endpoint)
  expect(await tool.sealWith(keyIdOf(newer))).toBe(true)
  expect(await tool.forgetEncryptionKeys()).toBeNull()
  let [resealed, next] = [0, null as string | null]
  do {
    const step: Awaited<ReturnType<Store['resealSecrets']>> = await tool.resealSecrets(next, 1)
    resealed += step.resealed
    next = step.next
  } while (next !== null)
  expect(resealed).toBe(1)
  expect(await tool.forgetEncryptionKeys()).toEqual([keyIdOf(key)])
  expect(await restarted.findEndpoint(endpoint.applicationId, endpoint.id)).toEqual(endpoint)
})

test('text with a NUL is refused, alone; what a receiver answered with one is recorded without it', async () => {
  const { start } = await newCluster()
  const store = await start()
  const { application, lease, trySend, send, record } = await newScene(store)
  const { id: applicationId } = application
  const results = await Promise.allSettled([
    trySend(newMessage({ applicationId })),
    trySend(newMessage({ applicationId, eventId: 'a\0b' })),
    trySend(newMessage({ applicationId, tags: ['a\0b'] })),
    trySend(newMessage({ applicationId })),
  ])
  const refused = { status: 'rejected', reason: { code: 'bad_request' } }
  expect(results).toMatchObject([{ status: 'fulfilled' }, refused, refused, { status: 'fulfilled' }])
  await expect(store.createApplication(newApplication({ name: 'a\0b' }))).rejects.toMatchObject({
    code: 'bad_request',
  })
  const named = newApplication({ metadata: { 'a\0b': '\0' } })
  await store.createApplication(named)
  expect(await store.findApplication(named.organisationId, named.id)).toEqual(named)

  const message = await send({}, { lease })
  await record(message, { kind: 'success' }, { attempt: { response: 'a\0b' } })
  const [attempt] = await store.listAttemptsOfMessage(applicationId, message.id, WHOLE, {})
  expect(attempt!.response).toBe('a\uFFFDb')
})

test('a message with a key and an event id leaves neither behind where it gets only one of them', async () => {
  const { start } = await newCluster()
  const [one, other] = [await start(), await start()]
  const { application } = await newScene(one)
  const { id: applicationId } = application
  const accept = (store: Store, eventId: string, key: string) =>
    store.acceptMessage({
      message: newMessage({ applicationId, eventId }),
      deliveries: [],
      dueAt: NOW,
      idempotency: { key, body: 'b' },
    })
  for (let i = 0; i < 20; i++) {
    // Two nodes, each with the other's key beside another event id: whatever comes first, each key and id is used once.
    const results = await Promise.all([
      accept(one, `e${i}`, `k${i}`),
      accept(other, `e${i}`, `l${i}`),
      accept(other, `f${i}`, `k${i}`),
    ])
    const accepted = results.filter(({ kind }) => kind === 'accepted').length
    expect([1, 2]).toContain(accepted)
    const made = await one.listMessages(applicationId, WHOLE, {})
    const ids = made.filter(({ eventId }) => eventId === `e${i}` || eventId === `f${i}`)
    expect(ids).toHaveLength(accepted)
    // A key that was given up is free, and one that was kept is not.
    const again = await accept(one, `g${i}`, `l${i}`)
    expect(again.kind).toBe(results[1].kind === 'duplicate' ? 'accepted' : 'replayed')
  }
})
