import { Pool, type PoolClient } from 'pg'
import { describe, expect, onTestFinished, test, vi } from 'vitest'

import { createReceiver } from '../../src/handle.ts'
import {
  dedupeTable,
  postgresDedupe,
  postgresInbox,
  postgresTransaction,
  postgresTransactionInbox,
} from '../../src/postgres.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../../../server/test/support/postgres.ts'
import { SCHEME, signedRequest } from '../support/signed.ts'
import { crashIn } from './crash.ts'
import { dedupeContract, leaseContract, runOf } from './dedupe-contract.ts'
import { inboxContract } from './inbox-contract.ts'

/** A schema of this test's, and a pool. */
async function database() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  const pool = new Pool({ connectionString: url, max: 10 })
  await pool.query(`CREATE SCHEMA ${schema}`)
  const close = async () => {
    await pool.end()
    await dropSchema(url, schema)
  }
  return { url, schema, pool, close }
}

async function open<Tx>(kind: 'postgres' | 'transaction', make: (pool: Pool, table: string) => Tx) {
  const { url, schema, pool, close } = await database()
  const table = `${schema}.dedupe`
  let nowMs = Date.now()
  return {
    store: make(pool, table),
    now: () => nowMs,
    advance: async (ms: number) => void (nowMs += ms),
    crash: async (key: string) => crashIn(kind, url, key, nowMs, table),
    close,
  }
}

const openLease = async () => open('postgres', (pool, table) => postgresDedupe(pool, { table }))
const openTransaction = async () => open('transaction', (pool, table) => postgresTransaction(pool, { table }))

describe('deduplication in PostgreSQL by lease', () => {
  dedupeContract(openLease)
  leaseContract(openLease)

  test('a role that may not make the table can do without', async () => {
    const { schema, pool, close } = await database()
    onTestFinished(close)
    const options = { table: `${schema}.mine`, createTable: false }
    const times = { nowMs: 0, leaseEndMs: 1, windowEndMs: 2 }
    await expect(postgresDedupe(pool, options).begin('a', times)).rejects.toThrow('does not exist')
    await pool.query(dedupeTable(options.table))
    expect((await postgresDedupe(pool, options).begin('a', times)).state).toBe('begun')
  })

  test('processes that make the table at once all succeed', async () => {
    const { schema, pool, close } = await database()
    onTestFinished(close)
    const stores = Array.from({ length: 8 }, () => postgresDedupe(pool, { table: `${schema}.dedupe` }))
    const times = { nowMs: 0, leaseEndMs: 1, windowEndMs: 2 }
    const begun = await Promise.all(stores.map(async (store, i) => store.begin(String(i), times)))
    expect(begun.every(({ state }) => state === 'begun')).toBe(true)
  })
})

describe('deduplication in PostgreSQL in the handler’s transaction', () => {
  dedupeContract(openTransaction)

  async function receiving(handle: (tx: PoolClient) => Promise<void>) {
    const { schema, pool, close } = await database()
    onTestFinished(close)
    await pool.query(`CREATE TABLE ${schema}.payments (id TEXT)`)
    const receiver = createReceiver({
      scheme: SCHEME,
      store: postgresTransaction<PoolClient>(pool, { table: `${schema}.dedupe` }),
      report: () => undefined,
      on: {
        '*': async (event, { tx }) => {
          await tx.query(`INSERT INTO ${schema}.payments VALUES ($1)`, [event.id])
          await handle(tx)
        },
      },
    })
    const payments = async () =>
      (await pool.query(`SELECT id FROM ${schema}.payments`)).rows.map(({ id }) => id)
    return { receiver, payments, pool }
  }

  test('the handler’s effects and the mark are one: after a failure there is neither, and then each once', async () => {
    let fails = 2
    const { receiver, payments } = await receiving(async () => {
      if (fails-- > 0) throw new Error('after the insert')
    })
    for (const status of [500, 500, 200, 200]) {
      expect((await receiver(await signedRequest('msg_1'))).status).toBe(status)
      expect(await payments()).toEqual(status === 500 ? [] : ['msg_1'])
    }
  })

  test('a handler that swallows the failure of a statement has not handled the event', async () => {
    let isBroken = true
    const { receiver, payments } = await receiving(async (tx) => {
      if (isBroken) await tx.query('SELECT 1 / 0').catch(() => undefined)
    })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(500)
    expect(await payments()).toEqual([])
    isBroken = false
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(await payments()).toEqual(['msg_1'])
  })

  test('a connection that is cut under the handler undoes all of it, and neither process nor pool is the worse', async () => {
    let isCut = true
    const { receiver, payments, pool } = await receiving(async (tx) => {
      if (!isCut) return
      isCut = false
      const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
      await tx.query('SELECT 1')
    })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(500)
    expect(await payments()).toEqual([])
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(await payments()).toEqual(['msg_1'])
  })

  test('a run that hangs loses its event when its lease is over', async () => {
    const { schema, pool, close } = await database()
    onTestFinished(close)
    const store = postgresTransaction(pool, { table: `${schema}.dedupe` })
    const begin = async (leaseMs: number) =>
      store.begin('a', { nowMs: 0, leaseEndMs: leaseMs, windowEndMs: 60_000 })
    const hanging = runOf(await begin(2_000))
    const next = await vi.waitFor(async () => runOf(await begin(60_000)), { timeout: 50_000 })
    await expect(hanging.commit()).rejects.toThrow(/terminat|not queryable/)
    expect(await next.commit()).toBe(true)
  })
})

describe('the inbox in PostgreSQL', () => {
  inboxContract(async () => {
    const { schema, pool, close } = await database()
    return { store: postgresInbox(pool, { table: `${schema}.inbox` }), close }
  })
})

test('a claim passes by the events that another process is claiming, and does not wait for it', async () => {
  const { schema, pool, close } = await database()
  onTestFinished(close)
  const store = postgresInbox(pool, { table: `${schema}.inbox` })
  for (const key of ['a', 'b', 'c']) {
    const names = { key, source: 'default', eventId: key, eventType: null }
    await store.add({ ...names, signedAtMs: 0, body: new Uint8Array() }, 0)
  }
  const other = await pool.connect()
  await other.query(`BEGIN; SELECT id FROM ${schema}.inbox WHERE key = 'b' FOR UPDATE`)
  expect((await store.claim(3, 0, 100)).map(({ eventId }) => eventId)).toEqual(['a', 'c'])
  await other.query('ROLLBACK')
  other.release()
  expect((await store.claim(3, 0, 100)).map(({ eventId }) => eventId)).toEqual(['b'])
})

test('processes share an inbox: each event is handled once, by one of them', async () => {
  const { url, schema, pool, close } = await database()
  onTestFinished(close)
  const handled: string[] = []
  const otherPool = new Pool({ connectionString: url, max: 3 })
  onTestFinished(async () => otherPool.end())
  const [first, second] = [pool, otherPool].map((connections) =>
    createReceiver({
      scheme: SCHEME,
      inbox: { store: postgresInbox(connections, { table: `${schema}.inbox` }), concurrency: 2, pollMs: 5 },
      on: { '*': async ({ id }) => void handled.push(id) },
    }),
  )
  first!.inbox.start()
  second!.inbox.start()
  const ids = Array.from({ length: 40 }, (_, i) => `msg_${i}`)
  for (const id of ids) expect((await first!(await signedRequest(id))).status).toBe(202)
  await expect.poll(() => handled.length).toBeGreaterThanOrEqual(40)
  await first!.inbox.stop()
  await second!.inbox.stop()
  expect(handled.toSorted()).toEqual(ids.toSorted())
})

describe('the inbox in PostgreSQL in the handler’s transaction', () => {
  inboxContract(async () => {
    const { schema, pool, close } = await database()
    return { store: postgresTransactionInbox(pool, { table: `${schema}.inbox` }), close }
  })

  test('what a failed run wrote is undone', async () => {
    const { schema, pool, close } = await database()
    onTestFinished(close)
    await pool.query(`CREATE TABLE ${schema}.payments (id TEXT)`)
    let nowMs = Date.now()
    const receiver = createReceiver({
      scheme: SCHEME,
      inbox: {
        store: postgresTransactionInbox<PoolClient>(pool, { table: `${schema}.inbox` }),
        now: () => nowMs,
        report: () => undefined,
      },
      on: {
        '*': async (event, { tx, attempt }) => {
          await tx.query(`INSERT INTO ${schema}.payments VALUES ($1)`, [`${event.id} ${attempt}`])
          if (attempt === 1) throw new Error('after the insert')
        },
      },
    })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(202)
    expect(await receiver.inbox.runDue()).toBe(1)
    nowMs += 60_000
    expect(await receiver.inbox.runDue()).toBe(1)
    const { rows } = await pool.query(`SELECT id FROM ${schema}.payments`)
    expect(rows).toEqual([{ id: 'msg_1 2' }])
  })
})
