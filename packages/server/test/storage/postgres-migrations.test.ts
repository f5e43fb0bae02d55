import { randomBytes } from 'node:crypto'

import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import { Database } from '../../src/storage/postgres/database.ts'
import { isTransient } from '../../src/storage/postgres/faults.ts'
import { type MigrateOptions, applyMigrations, planMigrations } from '../../src/storage/postgres/migrate.ts'
import { MIGRATIONS, type Migration } from '../../src/storage/postgres/migrations.ts'
import { postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import { raw } from '../../src/storage/postgres/sql.ts'
import { eventually } from '../support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { NOW, claimedIds, newScene, upTo } from './fixtures.ts'

/** What a later release would add: columns, and an index of one of them. */
const COLUMNS: Migration = {
  name: 'regions',
  sql: `ALTER TABLE message ADD COLUMN region text COLLATE "C" NOT NULL DEFAULT 'eu';
    ALTER TABLE delivery ADD COLUMN region text COLLATE "C" NOT NULL DEFAULT 'eu';
    ALTER TABLE endpoint ADD COLUMN region text COLLATE "C"`,
  worksSince: 0,
}
const INDEX: Migration = {
  name: 'regions index',
  index: { name: 'delivery_region', table: 'delivery', on: '(application_id, region, message_id)' },
  worksSince: 0,
}
const LATER: readonly Migration[] = [...MIGRATIONS, COLUMNS, INDEX]

/** A schema of its own with a store of today on it, and what changes it. */
async function newSchema() {
  const { url, superuserUrl } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const settings = { poolSize: 2, batchConnections: 2, statementTimeoutMs: 10_000, patienceMs: 1_000 }
  const database = new Database({ url, schema, ...settings })
  onTestFinished(() => database.stop())
  const newStore = async () => {
    const store = postgresStore({ url, schema, encryptionKey: randomBytes(32), isServer: true })
    onTestFinished(() => store.stop())
    await store.start()
    return store
  }
  const connect = async (as = url) => {
    const client = new Client({ connectionString: as })
    await client.connect()
    onTestFinished(() => client.end())
    await client.query(`SET search_path = ${schema}`)
    return client
  }
  /** What changes the schema as a role that may read and write its tables, and no more. */
  const asUser = async () => {
    const superuser = await connect(superuserUrl)
    await superuser.query(`CREATE ROLE ${schema} LOGIN`)
    await superuser.query(`GRANT USAGE ON SCHEMA ${schema} TO ${schema}`)
    await superuser.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${schema}`,
    )
    onTestFinished(async () => {
      const dropping = new Client({ connectionString: superuserUrl })
      await dropping.connect()
      await dropping.query(`DROP OWNED BY ${schema}; DROP ROLE ${schema}`)
      await dropping.end()
    })
    const as = new URL(url)
    as.username = schema
    const limited = new Database({ url: as.href, schema, ...settings })
    onTestFinished(() => limited.stop())
    return (options: MigrateOptions) => applyMigrations(limited, options)
  }
  return {
    database,
    asUser,
    newStore,
    connect,
    migrate: (options: MigrateOptions) => applyMigrations(database, options),
    /** Whether the index of the parent is valid, and how many partitions have theirs. */
    indexes: () =>
      database.row(
        raw(
          `SELECT (SELECT indisvalid FROM pg_index WHERE indexrelid = 'delivery_region'::regclass) AS is_valid,
             (SELECT count(*) FROM pg_inherits WHERE inhparent = 'delivery_region'::regclass)
               = (SELECT count(*) FROM pg_inherits WHERE inhparent = 'delivery'::regclass) AS is_everywhere`,
        ),
      ),
  }
}

test('a store goes on with all that it did when its tables get more columns and indexes', async () => {
  const { newStore, migrate, indexes } = await newSchema()
  const store = await newStore()
  const { application, endpoint, lease, send, record, delivery } = await newScene(store)
  const work = async () => {
    const held = await send({}, { lease })
    expect(await record(held, { kind: 'success' })).toBe('recorded')
    const due = await send()
    const claimed = await store.claimDeliveries({
      lease,
      applicationId: application.id,
      endpointId: endpoint.id,
      limits: upTo(10),
      isOrdered: false,
      maxBytes: 1e9,
      now: NOW,
    })
    expect(claimedIds(claimed)).toEqual([due.id])
    expect(await record(due, { kind: 'exhausted' })).toBe('recorded')
    expect(await delivery(due)).toMatchObject({ status: 'fail' })
    expect(await store.findMessage(application.id, due.id)).toEqual(due)
    expect(await store.beat(lease, NOW)).toBe(true)
    expect(await store.findEndpoint(application.id, endpoint.id)).toEqual(endpoint)
  }
  // Each connection prepares its statements: all of them are to have met the schema of before.
  await Promise.all(Array.from({ length: 8 }, () => store.findOrganisation()))
  for (let i = 0; i < 3; i++) await work()
  expect(await migrate({ steps: LATER })).toEqual(['regions', 'regions index'])
  for (let i = 0; i < 3; i++) await work()
  expect(await indexes()).toEqual({ is_valid: true, is_everywhere: true })
})

test('a statement that was prepared for the columns of before is prepared anew, and its caller told to repeat it', async () => {
  const { database, newStore, migrate } = await newSchema()
  await newStore()
  const all = { name: 'all messages', text: 'SELECT * FROM message' }
  await Promise.all([database.batch(all, []), database.batch(all, [])])
  await migrate({ steps: LATER })
  // Once for each of the two connections, unless one was closed for want of work.
  const tries: unknown[] = []
  for (let i = 0; i < 4; i++) tries.push(await database.batch(all, []).catch((error: unknown) => error))
  const failures = tries.filter((result) => result instanceof Error)
  expect(failures.filter((error) => !isTransient(error))).toEqual([])
  expect(failures.length).toBeLessThanOrEqual(2)
  expect(await database.batch(all, [])).toEqual([])
})

test('a step that waits for a table keeps nobody waiting behind it, and is done when the table is free', async () => {
  const { newStore, connect, migrate } = await newSchema()
  const store = await newStore()
  const { lease, send, record } = await newScene(store)
  const reader = await connect()
  await reader.query('BEGIN')
  await reader.query('SELECT count(*) FROM delivery')
  const watcher = await connect()
  const done = migrate({ steps: LATER })
  await eventually(
    () =>
      watcher.query(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE message ADD COLUMN region%'",
      ),
    ({ rowCount }) => expect(rowCount).toBe(1),
  )
  for (let i = 0; i < 3; i++) {
    expect(await record(await send({}, { lease }), { kind: 'success' })).toBe('recorded')
  }
  await reader.query('COMMIT')
  expect(await done).toEqual(['regions', 'regions index'])
})

test('a step that never gets its table gives up, names who has it, and leaves all as it was', async () => {
  const { database, newStore, connect, migrate } = await newSchema()
  await newStore()
  const reader = await connect()
  await reader.query("SET application_name = 'a long report'")
  await reader.query('BEGIN')
  await reader.query('SELECT count(*) FROM delivery')
  await expect(migrate({ steps: LATER, lockPatienceMs: 0 })).rejects.toMatchObject({
    code: 'data_in_use',
    hint: expect.stringContaining('"a long report"'),
  })
  expect(await planMigrations(database, { steps: LATER })).toMatchObject({
    pending: ['regions', 'regions index'],
  })
  await reader.query('COMMIT')
  expect(await migrate({ steps: LATER })).toEqual(['regions', 'regions index'])
})

test('a step that fails leaves nothing behind and says which it was', async () => {
  const { database, newStore, migrate } = await newSchema()
  await newStore()
  const broken: Migration = { name: 'broken', sql: 'CREATE TABLE half (); SELECT 1 / 0', worksSince: 0 }
  await expect(migrate({ steps: [...MIGRATIONS, broken] })).rejects.toMatchObject({
    code: 'data_unreadable',
    message: expect.stringContaining('"broken" failed: division by zero'),
  })
  expect(await database.row(raw("SELECT to_regclass('half') AS half"))).toEqual({ half: null })
})

test('an index whose building was interrupted is built on, also in partitions that were made meanwhile', async () => {
  const { newStore, connect, migrate, indexes } = await newSchema()
  const store = await newStore()
  await migrate({ steps: [...MIGRATIONS, COLUMNS] })
  const { send } = await newScene(store)
  for (let i = 0; i < 3; i++) await send()
  const client = await connect()
  // As a build leaves it that was cut off: the parent's, one of a partition that is not valid, and one that is not attached.
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'delivery'::regclass AND c.relname <> 'delivery_default' ORDER BY 1`,
  )
  const [first, second] = rows.map(({ name }) => name)
  await client.query('CREATE INDEX delivery_region ON ONLY delivery (application_id, region, message_id)')
  await client.query(
    `CREATE INDEX delivery_region${first!.slice('delivery'.length)} ON ${first} (application_id, region, message_id)`,
  )
  await expect(
    client.query(`CREATE UNIQUE INDEX CONCURRENTLY delivery_region_default ON delivery_default (region)`),
  ).rejects.toThrow('could not create unique index')
  expect(second).toBeDefined()
  expect(await indexes()).toEqual({ is_valid: false, is_everywhere: false })

  expect(await migrate({ steps: LATER })).toEqual(['regions index'])
  expect(await indexes()).toEqual({ is_valid: true, is_everywhere: true })
  const { rowCount } = await client.query(
    `SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE NOT indisvalid AND c.relnamespace = current_schema()::regnamespace`,
  )
  expect(rowCount).toBe(0)
})

test('ten processes that bring the schema up to date at once do it once', async () => {
  const { newStore, migrate } = await newSchema()
  await newStore()
  const done = await Promise.all(Array.from({ length: 10 }, () => migrate({ steps: LATER })))
  expect(done.filter((names) => names.length > 0)).toEqual([['regions', 'regions index']])
})

test('a step that nodes of before do not work with is not done while one runs, and then keeps them from starting', async () => {
  const { newStore, migrate } = await newSchema()
  const state = { version: '0.9.0', host: 'green', pid: 1, held: 0, inFlight: 0 }
  const older = await newStore()
  expect(await older.beat(await older.joinAsNode(NOW), NOW, state)).toBe(true)
  const gone: Migration = {
    name: 'gone',
    sql: 'ALTER TABLE delivery DROP COLUMN claim',
    worksSince: LATER.length,
  }
  await expect(migrate({ steps: [...LATER, gone] })).rejects.toMatchObject({
    code: 'data_in_use',
    message: expect.stringContaining('(0.9.0, green)'),
  })
  await older.stop()
  expect(await migrate({ steps: [...LATER, gone] })).toEqual(['gone'])
  await expect(newStore()).rejects.toMatchObject({
    code: 'data_unreadable',
    hint: expect.stringContaining('upgrade it'),
  })
})

test('where nothing is to be done, nobody waits for who migrates', async () => {
  const { newStore, connect, migrate } = await newSchema()
  await newStore()
  const other = await connect()
  await other.query("SELECT pg_advisory_lock(hashtextextended('posthorn migration ' || current_schema(), 0))")
  expect(await migrate({})).toEqual([])
  const done = migrate({ steps: LATER })
  await other.query(
    "SELECT pg_advisory_unlock(hashtextextended('posthorn migration ' || current_schema(), 0))",
  )
  expect(await done).toEqual(['regions', 'regions index'])
})

test('a role that may not change the schema starts where nothing is missing, else it is told what to run', async () => {
  const { newStore, asUser, migrate } = await newSchema()
  await newStore()
  const migrateAsUser = await asUser()
  expect(await migrateAsUser({})).toEqual([])
  await expect(migrateAsUser({ steps: LATER })).rejects.toMatchObject({
    code: 'data_unreadable',
    message: expect.stringContaining('"regions" failed: must be owner of table message'),
    hint: expect.stringContaining('"posthorn migrate"'),
  })
  await migrate({ steps: LATER })
  expect(await migrateAsUser({ steps: LATER })).toEqual([])
})
