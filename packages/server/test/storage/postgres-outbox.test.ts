import { randomBytes } from 'node:crypto'

import * as fc from 'fast-check'
import { Client, type ClientBase } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import { OutboxDrain, type OutboxDrainDeps } from '../../src/delivery/outbox-drain.ts'
import { RoutingTable } from '../../src/delivery/routing.ts'
import { SigningKeys } from '../../src/delivery/signing-keys.ts'
import { ValidationError } from '../../src/domain/errors.ts'
import { ID_PREFIXES, firstIdAt, newId } from '../../src/domain/id.ts'
import type { Message } from '../../src/domain/message.ts'
import { TAKE } from '../../src/storage/postgres/outbox.ts'
import { postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { eventually } from '../support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { WHOLE, newApplication, newEndpoint, newToken } from './fixtures.ts'

const SILENT = { debug() {}, warn() {}, error() {} }

/** A schema with an organisation, an application with one endpoint, and connections of the application's own. */
async function newScene() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const encryptionKey = randomBytes(32)
  const startStore = async () => {
    const store = postgresStore({
      url,
      schema,
      encryptionKey,
      isServer: true,
      poolSize: 4,
      batchConnections: 3,
    })
    onTestFinished(() => store.stop())
    await store.start()
    return store
  }
  const store = await startStore()
  const token = newToken()
  await store.createOrganisation(token.organisationId, token)
  const application = newApplication({ organisationId: token.organisationId, uid: 'acme' })
  await store.createApplication(application)
  const endpoint = newEndpoint({ applicationId: application.id })
  await store.createEndpoint(endpoint)
  const connect = async (user?: string) => {
    const connectionString = user === undefined ? url : url.replace(/\/\/\w+@/, `//${user}@`)
    const client = new Client({ connectionString })
    client.on('error', () => {})
    onTestFinished(() => client.end())
    await client.connect()
    return client
  }
  return { url, schema, store, startStore, application, endpoint, connect, client: await connect() }
}

/** Drains as a node does, until the test ends. */
function startDrain(store: Store, deps: Partial<OutboxDrainDeps> = {}): OutboxDrain {
  const routes = new RoutingTable({ store, signingKeys: new SigningKeys(store), alsoSvix: false })
  const drain = new OutboxDrain({
    outbox: store.outbox!,
    routes,
    checkEvent: null,
    pickUp() {},
    clock: Date.now,
    log: SILENT,
    ...deps,
  })
  onTestFinished(() => drain.stop())
  drain.start()
  return drain
}

async function send(client: ClientBase, schema: string, args: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(`SELECT ${schema}.send(${args}) AS id`)
  return rows[0]!.id
}

/** All messages of an application, oldest first. */
function messagesOf(store: Store, applicationId: string): Promise<Message[]> {
  return store.listMessages(applicationId, { ...WHOLE, order: 'ascending', limit: 10_000 }, {})
}

test('what is sent in a committed transaction becomes a message with its deliveries; a rollback sends nothing', async () => {
  const { schema, store, application, endpoint, client } = await newScene()
  const told: string[] = []
  startDrain(store, { pickUp: (accepted) => told.push(...accepted.map(({ message }) => message.id)) })
  await client.query('BEGIN')
  await send(client, schema, `'acme', 'invoice.paid', '{"rolled": "back"}'`)
  await client.query('ROLLBACK')
  await client.query('BEGIN')
  const before = Date.now()
  const id = await send(client, schema, `'acme', 'invoice.paid', '{"total": 1.0}'`)
  expect(await messagesOf(store, application.id)).toEqual([])
  await client.query('COMMIT')

  const [message] = await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found).toHaveLength(1),
  )
  expect(message).toMatchObject({
    id,
    eventType: 'invoice.paid',
    contentType: 'application/json',
    eventId: null,
  })
  expect(Buffer.from(message!.payload).toString()).toBe('{"total": 1.0}')
  expect(id).toHaveLength(newId('message', before).length)
  expect(id >= firstIdAt('message', before - 5_000) && id < firstIdAt('message', Date.now() + 5_000)).toBe(
    true,
  )
  const deliveries = await store.listDeliveriesOfMessage(application.id, id, WHOLE)
  expect(deliveries).toMatchObject([{ delivery: { endpointId: endpoint.id, status: 'pending' } }])
  await eventually(
    () => told,
    (ids) => expect(ids).toEqual([id]),
  )
  const { rows } = await client.query(`SELECT * FROM ${schema}.outbox`)
  expect(rows).toEqual([])
})

test('options are given by name, and any text is sent as it is under a content type of its own', async () => {
  const { schema, store, application, client } = await newScene()
  startDrain(store)
  await send(
    client,
    schema,
    `'${application.id}', 'a.b', 'raw \u00e4, not JSON', content_type => 'text/plain', event_id => 'e-1',
     channels => '{red,blue}', tags => '{"a b"}', deliver_at => '2199-01-01T00:00:00Z'`,
  )
  const [message] = await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found).toHaveLength(1),
  )
  expect(message).toMatchObject({
    eventId: 'e-1',
    channels: ['red', 'blue'],
    tags: ['a b'],
    contentType: 'text/plain',
    deliverAt: Date.parse('2199-01-01T00:00:00Z'),
  })
  expect(Buffer.from(message!.payload).toString('utf8')).toBe('raw \u00e4, not JSON')
})

test.each([
  [`'nobody', 'a', '{}'`, '23503', /There is no application 'nobody'/],
  [`'acme', 'a b', '{}'`, '22023', /The event type 'a b' is not right/],
  [`'acme', '', '{}'`, '22023', /The event type '' is not right/],
  [`'acme', E'a\\n', '{}'`, '22023', /The event type/],
  [`'acme', NULL, '{}'`, '22004', /must not be NULL/],
  [`'acme', 'a', '{"total": 1.0'`, '22P02', /invalid input syntax for type json/],
  [`'acme', 'a', ''`, '22P02', /invalid input syntax for type json/],
  [`'acme', 'a', '{}'::jsonb`, '42883', /does not exist/],
  [`'acme', 'a', '[1]'`, '22023', /JSON, but no object/],
  [`'acme', 'a', '{}', event_id => 'a b'`, '22023', /The event id 'a b' is not right/],
  [`'acme', 'a', '{}', channels => '{}'`, '22023', /The channels {} are not right/],
  [`'acme', 'a', '{}', channels => '{a,a}'`, '22023', /The channels/],
  [`'acme', 'a', '{}', channels => ARRAY[NULL]::text[]`, '22023', /The channels/],
  [`'acme', 'a', '{}', tags => '{1,2,3,4,5,6,7,8,9}'`, '22023', /The tags/],
  [`'acme', 'a', 'x', content_type => ''`, '22023', /The content type/],
  [
    `'acme', 'a', repeat('x', 1048577), content_type => 'text/plain'`,
    '54000',
    /The payload has 1048577 bytes/,
  ],
])('send(%s) is refused with SQLSTATE %s', async (args, code, text) => {
  const { schema, client } = await newScene()
  await expect(send(client, schema, args)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(text) as string,
  })
})

test('an event id is used once: in the outbox, after it was accepted, and by two transactions at once', async () => {
  const { schema, store, application, client, connect } = await newScene()
  const other = await connect()
  const args = `'acme', 'a', '{}', event_id => 'e-1'`
  await client.query('BEGIN')
  const id = await send(client, schema, args)
  const second = send(other, schema, args)
  second.catch(() => {})
  await client.query('COMMIT')
  await expect(second).rejects.toMatchObject({ code: '23505' })
  startDrain(store)
  await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found).toHaveLength(1),
  )
  await expect(send(client, schema, args)).rejects.toThrow(`The event e-1 was accepted before, as ${id}`)
})

test('what cannot be accepted is kept beside with the reason, stops nobody, and can be put back', async () => {
  const { schema, store, application, client } = await newScene()
  let isStrict = true
  const doomed = newApplication({ organisationId: application.organisationId, uid: 'doomed' })
  await store.createApplication(doomed)
  const known = await send(client, schema, `'acme', 'known', '{"n": 1}'`)
  const unknown = await send(client, schema, `'acme', 'unknown', '{"n": 2.0}'`)
  const orphan = await send(client, schema, `'doomed', 'known', '{"n": 3}'`)
  await send(client, schema, `'acme', 'known', '{"n": 4}'`)
  await store.deleteApplication(application.organisationId, doomed.id, Date.now())
  startDrain(store, {
    async checkEvent(_organisation, { eventType }) {
      if (!isStrict || eventType === 'known') return
      throw new ValidationError([
        { loc: ['body', 'eventType'], msg: 'is not an event type here', type: 'event_type' },
      ])
    },
  })
  await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found).toHaveLength(2),
  )
  const refused = await eventually(
    () =>
      client.query(
        `SELECT message_id, code, reason, payload FROM ${schema}.outbox_refused ORDER BY message_id`,
      ),
    ({ rows }) => expect(rows).toHaveLength(2),
  )
  expect(refused.rows).toEqual([
    {
      message_id: unknown,
      code: 'validation',
      reason: 'eventType: is not an event type here',
      payload: '{"n": 2.0}',
    },
    {
      message_id: orphan,
      code: 'not_found',
      reason: `There is no application ${doomed.id} any more`,
      payload: '{"n": 3}',
    },
  ])
  isStrict = false
  await client.query(`SELECT ${schema}.send_refused('${unknown}')`)
  const messages = await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found).toHaveLength(3),
  )
  expect(messages.map(({ id }) => id)).toContain(known)
  expect(messages.map(({ id }) => id)).toContain(unknown)
})

test('a transaction that is prepared sends when it tells nobody, and sends nothing when it is rolled back', async () => {
  const { schema, store, application, client } = await newScene()
  const prepare = async (name: string, event: string) => {
    await client.query('BEGIN')
    // A NOTIFY could not be prepared.
    await client.query('SET LOCAL posthorn.tell = off')
    await client.query(`SELECT ${schema}.send('acme', 'a', '{}', event_id => '${event}')`)
    await client.query(`PREPARE TRANSACTION '${name} ${schema}'`)
  }
  await prepare('one', 'undone')
  await client.query(`ROLLBACK PREPARED 'one ${schema}'`)
  await prepare('two', 'kept')
  await client.query(`COMMIT PREPARED 'two ${schema}'`)
  startDrain(store)
  await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found.map(({ eventId }) => eventId)).toEqual(['kept']),
  )
})

test('what was refused goes when messages of its age do', async () => {
  const { schema, store, client } = await newScene()
  const old = Date.UTC(2025, 0, 1)
  await client.query(
    `INSERT INTO ${schema}.outbox_refused (message_id, application_id, event_type, payload, content_type, sent_at, code,
       reason, refused_at)
     SELECT 'msg_' || n, 'app_x', 'a', '{}', 'text/plain', now(), 'not_found', 'x',
       to_timestamp(${old}::bigint / 1000) + n * interval '1 second' FROM generate_series(0, 9) n`,
  )
  for (let after: string | null = null; ;) {
    after = (await store.deleteOldMessages({ before: old + 7_000, after, limit: 3 })).next
    if (after === null) break
  }
  const { rows } = await client.query<{ message_id: string }>(
    `SELECT message_id FROM ${schema}.outbox_refused`,
  )
  expect(rows.map((row) => row.message_id).toSorted()).toEqual(['msg_7', 'msg_8', 'msg_9'])
})

test('a row that the database refuses to make a message of does not stop those beside it', async () => {
  const { schema, store, application, client } = await newScene()
  await send(client, schema, `'acme', 'a', '{"n": 1}'`)
  const twin = await send(client, schema, `'acme', 'a', '{"n": 2}'`)
  await send(client, schema, `'acme', 'a', '{"n": 3}'`)
  // The same id as a message that is there already.
  await client.query(
    `INSERT INTO ${schema}.message (application_id, id, event_type, payload, content_type, created_at)
     VALUES ('${application.id}', '${twin}', 'other', '', 'text/plain', 0)`,
  )
  startDrain(store)
  await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found).toHaveLength(3),
  )
  await eventually(
    () => client.query(`SELECT message_id, code FROM ${schema}.outbox_refused`),
    ({ rows }) => expect(rows).toEqual([{ message_id: twin, code: 'internal' }]),
  )
})

test('a role with nothing but EXECUTE sends, and can neither read the outbox nor be led to other tables', async () => {
  const { schema, store, application, connect, client } = await newScene()
  const { superuserUrl } = await sharedPostgres()
  const role = `app_${randomBytes(6).toString('hex')}`
  const superuser = new Client({ connectionString: superuserUrl })
  await superuser.connect()
  onTestFinished(async () => {
    await superuser.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    await superuser.end()
  })
  await superuser.query(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA ${schema} TO ${role}`)
  const app = await connect(role)
  await expect(send(app, schema, `'acme', 'a', '{}'`)).rejects.toMatchObject({ code: '42501' })
  await client.query(`GRANT EXECUTE ON FUNCTION ${schema}.send TO ${role}`)
  await app.query(`CREATE TEMPORARY TABLE outbox (LIKE pg_class)`)
  await app.query(`CREATE TEMPORARY TABLE application (id text, uid text)`)
  const id = await send(app, schema, `'acme', 'a', '{}'`)
  for (const table of ['outbox', 'outbox_refused', 'message', 'token']) {
    await expect(app.query(`SELECT * FROM ${schema}.${table}`)).rejects.toMatchObject({ code: '42501' })
  }
  startDrain(store)
  await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found.map((message) => message.id)).toEqual([id]),
  )
})

test('ids sort by the calls of send, have the form of all ids, and none comes twice', async () => {
  const { schema, client } = await newScene()
  const { rows } = await client.query<{ id: string }>(
    `SELECT ${schema}.send('acme', 'a', '{}') AS id FROM generate_series(1, 3000)`,
  )
  const ids = rows.map(({ id }) => id)
  expect(new Set(ids).size).toBe(3_000)
  for (const id of ids) expect(id).toMatch(new RegExp(`^${ID_PREFIXES.message}[0-9A-Za-z]{27}$`))
  // Within a millisecond the sequence may wrap once.
  const inOrder = ids.filter((id, i) => i === 0 || id > ids[i - 1]!).length
  expect(inOrder).toBeGreaterThan(2_990)
})

/** What a transaction of the property test does: sends, savepoints and their end, and its own. */
const steps = fc.array(fc.constantFrom('send', 'savepoint', 'rollback to', 'release'), {
  minLength: 1,
  maxLength: 8,
})
const transactions = fc.array(
  fc.record({ steps, isCommitted: fc.boolean(), application: fc.constantFrom('acme', 'umbrella') }),
  {
    minLength: 1,
    maxLength: 24,
  },
)

test('whatever transactions do, at once and beside three drains, each committed send is one message and no other is any', async () => {
  const scene = await newScene()
  const { schema, store, application, connect } = scene
  const umbrella = newApplication({ organisationId: application.organisationId, uid: 'umbrella' })
  await store.createApplication(umbrella)
  for (const each of [store, await scene.startStore(), await scene.startStore()]) startDrain(each)
  const clients = await Promise.all(Array.from({ length: 8 }, () => connect()))
  const expected = new Set<string>()
  await fc.assert(
    fc.asyncProperty(transactions, async (plans) => {
      const left = [...plans]
      const work = async (client: Client) => {
        for (let plan = left.pop(); plan !== undefined; plan = left.pop()) {
          const ids = await runPlan(client, schema, plan)
          if (plan.isCommitted) for (const id of ids) expected.add(id)
        }
      }
      await Promise.all(clients.map(work))
      const seen = await eventually(
        async () =>
          [...(await messagesOf(store, application.id)), ...(await messagesOf(store, umbrella.id))].map(
            ({ id }) => id,
          ),
        (ids) => expect(ids.length).toBeGreaterThanOrEqual(expected.size),
      )
      expect(seen.toSorted()).toEqual([...expected].toSorted())
    }),
    { numRuns: 15 },
  )
  // A row that two had taken would be refused as the second of its id.
  const { rows } = await scene.client.query(`SELECT * FROM ${schema}.outbox_refused`)
  expect(rows).toEqual([])
}, 60_000)

/** Runs a transaction; returns the ids of what it sent and did not take back. */
async function runPlan(
  client: Client,
  schema: string,
  plan: { steps: string[]; isCommitted: boolean; application: string },
): Promise<string[]> {
  const kept: string[][] = [[]]
  await client.query('BEGIN')
  for (const step of plan.steps) {
    if (step === 'send') kept.at(-1)!.push(await send(client, schema, `'${plan.application}', 'a', '{}'`))
    if (step === 'savepoint') {
      await client.query('SAVEPOINT s')
      kept.push([])
    }
    if (kept.length === 1) continue
    if (step === 'rollback to') {
      await client.query('ROLLBACK TO SAVEPOINT s')
      kept[kept.length - 1] = []
    }
    if (step === 'release') {
      await client.query('RELEASE SAVEPOINT s')
      const inner = kept.pop()!
      kept.at(-1)!.push(...inner)
    }
  }
  await client.query(plan.isCommitted ? 'COMMIT' : 'ROLLBACK')
  return kept.flat()
}

test('messages of an application come in the order of their send calls, also with three drains', async () => {
  const scene = await newScene()
  const { schema, store, application, client, endpoint } = scene
  await store.updateEndpoint(
    application.id,
    endpoint.id,
    { settings: { ...endpoint.settings, ordering: 'fifo' } },
    Date.now(),
  )
  for (const each of [store, await scene.startStore(), await scene.startStore()]) startDrain(each)
  const sent: string[] = []
  for (let i = 0; i < 300; i++) sent.push(await send(client, schema, `'acme', 'a', '{}'`))
  await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found).toHaveLength(300),
  )
  const { rows } = await client.query<{ message_id: string }>(
    `SELECT message_id FROM ${schema}.delivery WHERE endpoint_id = '${endpoint.id}' ORDER BY ordinal`,
  )
  expect(rows.map((row) => row.message_id)).toEqual(sent)
})

test('an application that has sent very much does not keep another one waiting', async () => {
  const { schema, store, application, client } = await newScene()
  const last = newApplication({
    organisationId: application.organisationId,
    uid: 'last',
    id: 'app_zzzzzzzzzzzzzzzzzzzzzzzzzzz',
  })
  await store.createApplication(last)
  await client.query(`SELECT ${schema}.send('acme', 'a', '{}') FROM generate_series(1, 3000)`)
  await send(client, schema, `'last', 'a', '{}'`)
  const first = await store.outbox!.drain('', async (row) => ({
    message: { ...row, createdAt: Date.now(), expiresAt: null, expungedAt: null },
    deliveries: [],
    dueAt: Date.now(),
  }))
  expect(first.accepted.filter(({ message }) => message.applicationId === last.id)).toHaveLength(1)
  expect(first.accepted.length).toBeLessThan(600)
})

test('a step that its node does not finish is undone after a while, and another node takes the rows', async () => {
  const { schema, store, startStore, application, client } = await newScene()
  const id = await send(client, schema, `'acme', 'a', '{}'`)
  const stopped = Promise.withResolvers<never>()
  const stuck = store.outbox!.drain('', () => stopped.promise)
  stuck.catch(() => {})
  startDrain(await startStore())
  await eventually(
    () => messagesOf(store, application.id),
    (found) => expect(found.map((each) => each.id)).toEqual([id]),
  )
  stopped.reject(new Error('woken up late'))
  await expect(stuck).rejects.toThrow('woken up late')
})

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly Plans?: readonly PlanNode[]
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

test('a step reads what it takes and no more, however much waits', async () => {
  const { schema, client } = await newScene()
  await client.query(`SET search_path = ${schema}; SET enable_seqscan = off; SET enable_bitmapscan = off`)
  await client.query(
    `INSERT INTO outbox (application_id, message_id, event_type, payload, content_type, sent_at)
     SELECT 'app_' || i % 40, 'msg_' || i, 'a', '{}', 'application/json', now() FROM generate_series(1, 40000) i`,
  )
  await client.query('ANALYZE outbox')
  await client.query('BEGIN')
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>({
    text: `EXPLAIN (ANALYZE, FORMAT JSON) ${TAKE.text}`,
    values: ['', schema],
  })
  await client.query('ROLLBACK')
  const reads = nodesOf(rows[0]!['QUERY PLAN'][0].Plan).filter((node) => node['Relation Name'] === 'outbox')
  expect(reads.map((node) => node['Node Type']).filter((type) => !type.startsWith('Index'))).toEqual([])
  const seen = reads.reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0)
  // Each application once, what is locked, and the same again with its content.
  expect(seen).toBeLessThan(40 + 2 * 520)
})
