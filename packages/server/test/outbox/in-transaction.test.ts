import { drizzle } from 'drizzle-orm/node-postgres'
import { sql } from 'drizzle-orm'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import {
  type OutboxMessage,
  type TransactionQuery,
  sendInTransaction,
  viaDrizzle,
  viaKysely,
  viaPg,
  viaPrisma,
} from '../../src/outbox/in-transaction.ts'
import { relaySchema } from '../../src/storage/postgres/relay-schema.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'

class Undo extends Error {}

/** Runs work in a transaction; what it throws undoes the transaction. */
type Transact = (work: (query: TransactionQuery) => Promise<void>) => Promise<void>

const CLIENTS: Readonly<Record<string, (pool: Pool) => Transact>> = {
  pg: (pool) => async (work) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await work(viaPg(client))
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  },
  Drizzle: (pool) => (work) => drizzle(pool).transaction((tx) => work(viaDrizzle(tx, sql))),
  Kysely: (pool) => (work) =>
    new Kysely<object>({ dialect: new PostgresDialect({ pool }) })
      .transaction()
      .execute((trx) => work(viaKysely(trx, CompiledQuery))),
  // Prisma needs an engine that is downloaded, so this is its documented shape: a text with $1, $2, … and the values after it;
  // an array of rows comes back.
  'what has the shape of Prisma': (pool) => async (work) => {
    const client = await pool.connect()
    const tx = {
      $queryRawUnsafe: async (text: string, ...values: unknown[]) =>
        (await client.query<Record<string, unknown>>(text, values)).rows,
    }
    try {
      await client.query('BEGIN')
      await work(viaPrisma(tx))
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  },
}

async function newOutbox() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  const pool = new Pool({ connectionString: url, max: 3 })
  onTestFinished(async () => {
    await pool.end()
    await dropSchema(url, schema)
  })
  await pool.query(relaySchema(schema))
  const rows = async () => (await pool.query(`SELECT * FROM ${schema}.outbox ORDER BY id`)).rows
  return { schema, pool, rows }
}

test.each(Object.entries(CLIENTS))(
  'with %s a message is sent with the transaction, or not at all',
  async (_name, via) => {
    const { schema, pool, rows } = await newOutbox()
    const transact = via(pool)
    const whole: OutboxMessage = {
      application: 'acme',
      eventType: 'invoice.paid',
      payload: '{"total": 1.0}',
      eventId: 'e-1',
      channels: ['red', 'blue'],
      tags: ['a "quoted" \\ tag', '{b,c}'],
      deliverAt: new Date('2199-01-01T00:00:00.123Z'),
      contentType: 'application/cloudevents+json',
    }
    let id = ''
    await transact(async (query) => {
      expect(await sendInTransaction(query, whole, { schema })).toBe('e-1')
      id = await sendInTransaction(
        query,
        { application: 'acme', eventType: 'a', payload: { n: 1 } },
        { schema },
      )
    })
    const undone = transact(async (query) => {
      await sendInTransaction(query, { ...whole, eventId: 'e-2' }, { schema })
      throw new Undo()
    })
    await expect(undone).rejects.toThrow(Undo)
    expect(await rows()).toMatchObject([
      {
        application: 'acme',
        event_type: 'invoice.paid',
        payload: '{"total": 1.0}',
        event_id: 'e-1',
        channels: whole.channels,
        tags: whole.tags,
        deliver_at: whole.deliverAt,
        content_type: whole.contentType,
      },
      { event_id: id, payload: '{"n":1}', channels: null, tags: null, deliver_at: null, content_type: null },
    ])
  },
)

test('a query that returns no rows, and a name that is no schema, are refused', async () => {
  const message = { application: 'acme', eventType: 'a', payload: {} }
  await expect(sendInTransaction(async () => 1, message)).rejects.toThrow('did not return rows')
  await expect(sendInTransaction(async () => [], message, { schema: 'a;b' })).rejects.toThrow(RangeError)
})
