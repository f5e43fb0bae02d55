import { randomBytes } from 'node:crypto'

import { Client, type QueryConfig } from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'

import { postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { eventually } from '../support/eventually.ts'
import { newSchemaName } from '../support/postgres.ts'
import { PostgresServer } from '../support/postgres-server.ts'
import { NOW, type Scene, WHOLE, newApplication, newMessage, newScene } from './fixtures.ts'

/** A server of its own, which these tests stop and starve. It writes through, as one that is to survive a crash. */
let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.create({ isDurable: true })
})
afterAll(() => server.remove())

async function startStore(options: { patienceMs?: number; poolSize?: number } = {}): Promise<Store> {
  const store = postgresStore({
    url: server.url,
    schema: newSchemaName(),
    encryptionKey: randomBytes(32),
    isServer: true,
    ...options,
  })
  await store.start()
  onTestFinished(() => store.stop())
  return store
}

/** Sends messages that are held and records each, from many callers, until it is told to stop. */
function sendUntilStopped({ application, lease, trySend, record }: Scene) {
  const [acknowledged, recorded, refusals] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const stopped = new AbortController()
  const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error)
  const caller = async () => {
    while (!stopped.signal.aborted) {
      const message = newMessage({ applicationId: application.id })
      try {
        await trySend(message, { lease })
        acknowledged.add(message.id)
        if ((await record(message, { kind: 'success' })) !== 'lost') recorded.add(message.id)
      } catch (error) {
        refusals.add(codeOf(error))
      }
    }
  }
  const callers = Array.from({ length: 20 }, caller)
  return {
    acknowledged,
    recorded,
    refusals,
    async stop() {
      stopped.abort()
      await Promise.all(callers)
    },
  }
}

/** Holds the store to what it acknowledged while something happened to the database. */
async function expectNothingLost(store: Store, happen: () => Promise<unknown>): Promise<Set<string>> {
  const scene = await newScene(store)
  const load = sendUntilStopped(scene)
  await eventually(
    () => load.recorded.size,
    (size) => expect(size).toBeGreaterThan(50),
  )
  await happen()
  const before = load.recorded.size
  await eventually(
    () => load.recorded.size,
    (size) => expect(size).toBeGreaterThan(before + 50),
  )
  await load.stop()

  const page = { ...WHOLE, limit: 1_000_000 }
  const { application, endpoint } = scene
  const shown = await store.listDeliveriesOfEndpoint(application.id, endpoint.id, page, {})
  const statuses = new Map(shown.map(({ delivery }) => [delivery.messageId, delivery.status]))
  expect([...load.acknowledged].filter((id) => !statuses.has(id))).toEqual([])
  expect([...load.recorded].filter((id) => statuses.get(id) !== 'success')).toEqual([])
  const attempts = await store.listAttemptsOfEndpoint(application.id, endpoint.id, page, {})
  expect(new Set(attempts.map(({ messageId }) => messageId)).size).toBe(attempts.length)
  return load.refusals
}

test.each(['fast', 'immediate'] as const)(
  'a restart of the database (%s) loses nothing that was acknowledged, and refuses nothing',
  async (mode) => {
    const refusals = await expectNothingLost(await startStore(), () => server.restart(mode))
    expect(refusals).toEqual(new Set())
  },
)

test('cut connections lose nothing that was acknowledged, and refuse nothing', async () => {
  const refusals = await expectNothingLost(await startStore(), async () => {
    for (let i = 0; i < 5; i++) {
      await eventually(
        () => server.cutConnections(),
        (cut) => expect(cut).toBeGreaterThan(0),
      )
    }
  })
  expect(refusals).toEqual(new Set())
})

test('while no connection is to be had what is asked for waits, and goes on when one is', async () => {
  const store = await startStore()
  await server.limitConnections(0)
  await server.cutConnections()
  const application = newApplication()
  const made = store.createApplication(application)
  await server.limitConnections(null)
  await made
  expect(await store.findApplication(application.organisationId, application.id)).toEqual(application)
})

test('a database that stays away is told as busy, for reads and writes alike', async () => {
  const store = await startStore({ patienceMs: 100 })
  const { application, lease, trySend, send, record } = await newScene(store)
  const held = await send({}, { lease })
  await server.stop('fast')
  try {
    const busy = { code: 'busy' }
    await expect(store.findApplication(application.organisationId, application.id)).rejects.toMatchObject(
      busy,
    )
    await expect(trySend(newMessage({ applicationId: application.id }))).rejects.toMatchObject(busy)
    await expect(record(held, { kind: 'success' })).rejects.toMatchObject(busy)
    await expect(store.createApplication(newApplication())).rejects.toMatchObject(busy)
    await expect(store.beat(lease, NOW)).rejects.toMatchObject(busy)
  } finally {
    await server.start()
  }
  await eventually(
    () => record(held, { kind: 'success' }),
    (result) => expect(result).toBe('recorded'),
  )
})

test('who listens is told that anything may have changed once the connection is back, and hears again', async () => {
  const store = await startStore()
  const told: (string | null)[] = []
  store.onChange((id) => told.push(id))
  await server.restart('immediate')
  await eventually(
    () => told,
    (seen) => expect(seen).toContain(null),
  )
})

/** Lets the next statement of this name have its effect, and loses its answer with its connection. */
function loseAnswerOf(name: string): void {
  const query: unknown = Object.getOwnPropertyDescriptor(Client.prototype, 'query')!.value
  const spy = vi.spyOn(Client.prototype, 'query')
  onTestFinished(() => spy.mockRestore())
  let isLost = false
  const losing = function (this: Client, ...args: unknown[]): unknown {
    const result: unknown = Reflect.apply(query as (...all: unknown[]) => unknown, this, args)
    if (isLost || (args[0] as QueryConfig).name !== name) return result
    isLost = true
    return (result as Promise<unknown>).then(() => {
      throw new Error('Connection terminated unexpectedly')
    })
  }
  spy.mockImplementation(losing)
}

test('a message whose acknowledgement was lost is accepted once', async () => {
  const store = await startStore()
  const { application, trySend } = await newScene(store)
  loseAnswerOf('accept')
  const message = newMessage({ applicationId: application.id })
  expect(await trySend(message)).toEqual({ kind: 'accepted' })
  expect(await store.listMessages(application.id, WHOLE, {})).toEqual([message])
})

test('an attempt whose record was answered by nothing is recorded once, and not taken for lost', async () => {
  const store = await startStore()
  const { application, lease, send, record, delivery } = await newScene(store)
  const message = await send({}, { lease })
  loseAnswerOf('record')
  expect(await record(message, { kind: 'success' })).not.toBe('lost')
  expect(await delivery(message)).toMatchObject({ status: 'success' })
  expect(await store.listAttemptsOfMessage(application.id, message.id, WHOLE, {})).toHaveLength(1)
})

test('what was claimed while the answer was lost is given back, though the node that holds it lives', async () => {
  const store = await startStore()
  const { lease, send, claim } = await newScene(store)
  const message = await send()
  loseAnswerOf('claim')
  expect(await claim()).toEqual([])
  await store.beat(lease, NOW)
  expect(await claim()).toMatchObject([{ message: { id: message.id } }])
})
