import { randomBytes } from 'node:crypto'

import { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { firstIdAt } from '../../src/domain/id.ts'
import { Database } from '../../src/storage/postgres/database.ts'
import { PartitionMaker, dayOf } from '../../src/storage/postgres/partitions.ts'
import { type PostgresStoreOptions, postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { NOW, idAt, newApplication, newAttempt, newEndpoint, newMessage, newTask, upTo } from './fixtures.ts'

/** Tables that grow with what is sent: no statement may read one from end to end. */
const LARGE = /^(message|delivery|attempt|message_label)(_\d+|_default)?$/

/** The day that all is in. */
const DAY = dayOf(NOW).name

/** Days before it that are kept, and have nothing that waits. */
const OLD_DAYS = Array.from({ length: 30 }, (_, i) => dayOf(NOW - (i + 1) * 86_400_000))

const application = newApplication()
const applicationId = application.id
const endpoints = Array.from({ length: 4 }, () => newEndpoint({ applicationId }))
const endpointId = endpoints[0]!.id
const MESSAGES = 20_000

/** What PostgreSQL said of the plans that it ran, while somebody listened. */
let plans: string[] | null = null
let store: Store
let options: PostgresStoreOptions
/** The index of a partition by the index that it is a part of. */
const parents = new Map<string, string>()

const schema = newSchemaName()
let url: string

beforeAll(async () => {
  const shared = await sharedPostgres()
  url = shared.superuserUrl
  const explaining = new URL(url)
  explaining.searchParams.set(
    'options',
    [
      'session_preload_libraries=auto_explain',
      'auto_explain.log_min_duration=0',
      'auto_explain.log_nested_statements=on',
      'auto_explain.log_format=json',
      'auto_explain.log_level=notice',
      'auto_explain.log_parameter_max_length=0',
      'client_min_messages=notice',
    ]
      .map((setting) => `-c ${setting}`)
      .join(' '),
  )
  const connect: unknown = Object.getOwnPropertyDescriptor(Client.prototype, 'connect')!.value
  const listening = function (this: Client, ...args: unknown[]): unknown {
    this.on('notice', ({ message = '' }) => plans?.push(message))
    return Reflect.apply(connect as (...all: unknown[]) => unknown, this, args)
  }
  vi.spyOn(Client.prototype, 'connect').mockImplementation(listening)
  options = {
    url: explaining.href,
    schema,
    encryptionKey: randomBytes(32),
    isServer: true,
    clock: () => NOW,
  }
  store = postgresStore(options)
  await store.start()
  await makeOldDays()
  await fill()
}, 60_000)

afterAll(async () => {
  await store.stop()
  await dropSchema(url, schema)
})

/** Makes their partitions, and lets the store find them. */
async function makeOldDays(): Promise<void> {
  const settings = { poolSize: 1, batchConnections: 1, statementTimeoutMs: 60_000, patienceMs: 60_000 }
  const database = new Database({ url, schema, ...settings })
  await new PartitionMaker(database).makeDays(OLD_DAYS)
  await database.stop()
  await store.stop()
  store = postgresStore(options)
  await store.start()
}

/** Fills the tables as a day of traffic does: nearly all succeeded; a little failed, waits or is being sent. */
async function fill(): Promise<void> {
  await store.createApplication(application)
  for (const endpoint of endpoints) await store.createEndpoint(endpoint)
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`SET search_path = ${schema}`)
  await client.query(
    `INSERT INTO message (application_id, id, event_type, payload, content_type, created_at, tags)
     SELECT $1, $2 || lpad(i::text, 19, '0'), 'type.' || i % 50, 'x', 'application/json', $3,
       CASE WHEN i % 100 = 0 THEN ARRAY['vip'] END
     FROM generate_series(1, ${MESSAGES}) i`,
    [applicationId, firstIdAt('message', NOW), NOW],
  )
  await client.query(
    `INSERT INTO delivery (application_id, message_id, endpoint_id, event_type, status, attempts, priority, due_at, lease)
     SELECT application_id, id, ($1::text[])[1 + right(id, 6)::int % 4], event_type,
       CASE right(id, 2) WHEN '01' THEN 2 WHEN '02' THEN 1 WHEN '03' THEN 1 ELSE 0 END, 1, 0,
       CASE WHEN right(id, 2) IN ('02', '03') THEN $2::bigint + right(id, 6)::int END,
       CASE WHEN right(id, 2) = '03' THEN 999 END
     FROM message`,
    [endpoints.map(({ id }) => id), NOW],
  )
  await client.query(
    `INSERT INTO attempt (application_id, message_id, id, endpoint_id, url, response, created_at, duration_ms, status_code,
       is_success, trigger)
     SELECT application_id, message_id, replace(message_id, 'msg_', 'atmpt_'), endpoint_id, 'https://a.example', 'ok', $1, 5,
       CASE WHEN status = 0 THEN 200 ELSE 500 END, status = 0, 'scheduled' FROM delivery`,
    [NOW],
  )
  await client.query(
    `INSERT INTO message_label SELECT application_id, 0, 'vip', id FROM message WHERE tags IS NOT NULL`,
  )
  // These alone: others' tables are in this database too.
  await client.query('ANALYZE message, delivery, attempt, message_label, application, endpoint')
  const { rows } = await client.query<{ part: string; whole: string }>(
    `SELECT p.relname AS part, w.relname AS whole FROM pg_inherits i
       JOIN pg_class p ON p.oid = i.inhrelid JOIN pg_class w ON w.oid = i.inhparent
     WHERE p.relkind = 'i' AND p.relnamespace = $1::regnamespace`,
    [schema],
  )
  for (const { part, whole } of rows) parents.set(part, whole)
  await client.end()
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly Plans?: readonly PlanNode[]
}

/** Calls the visitor with each node of the plans of a call. */
async function visitPlans(call: () => Promise<unknown>, visit: (node: PlanNode) => void): Promise<void> {
  plans = []
  await call()
  const said = plans
  plans = null
  const visitAll = (node: PlanNode) => {
    visit(node)
    for (const child of node.Plans ?? []) visitAll(child)
  }
  for (const text of said) {
    const start = text.indexOf('{')
    if (!text.includes('plan:') || start < 0) continue
    visitAll((JSON.parse(text.slice(start)) as { Plan: PlanNode }).Plan)
  }
}

/** Returns the ways into large tables that a call took: `delivery_due of delivery`; `all of delivery` for a scan. */
async function waysOf(call: () => Promise<unknown>): Promise<Set<string>> {
  const ways = new Set<string>()
  await visitPlans(call, (node) => {
    const table = LARGE.exec(node['Relation Name'] ?? '')?.[1]
    const index = node['Index Name']
    if (index !== undefined && table !== undefined) ways.add(`${parents.get(index) ?? index} of ${table}`)
    else if (node['Node Type'] === 'Bitmap Index Scan' && index !== undefined) {
      ways.add(`${parents.get(index) ?? index} in a bitmap`)
    } else if (node['Node Type'] === 'Seq Scan' && node['Relation Name']?.endsWith(DAY) === true) {
      // The other days are empty: there, nothing is quicker.
      ways.add(`all of ${table}`)
    }
  })
  return ways
}

const page = { limit: 50, order: 'descending', after: null } as const

const claim = (isOrdered: boolean) => () =>
  store.claimDeliveries({
    lease: 1,
    applicationId,
    endpointId,
    limits: upTo(10),
    isOrdered,
    maxBytes: 1_000_000,
    now: NOW + MESSAGES,
  })
const step = (kind: 'endpoint.recover' | 'endpoint.replay') => async () => {
  const work = { kind, endpointId, since: NOW, until: NOW + 1 }
  const task = newTask({ applicationId, work })
  await store.createTask(task)
  await store.stepReplay(task.id, { looks: 10, sends: 10, waiting: 100 }, NOW)
}

const stepPurge = async () => {
  const task = newTask({
    work: { kind: 'application.purge_content', applicationId, since: NOW, until: NOW + 1 },
  })
  await store.createTask(task)
  await store.stepPurge(task.id, 10, NOW)
}

const CASES: readonly (readonly [name: string, call: () => Promise<unknown>, way: string])[] = [
  [
    'findWaitingEndpoints, which seeks',
    () => store.findWaitingEndpoints(null, 10),
    'delivery_due of delivery',
  ],
  ['claimDeliveries', claim(false), 'delivery_due of delivery'],
  ['claimDeliveries of a line', claim(true), 'delivery_ordered of delivery'],
  [
    'cancelDeliveries',
    () => store.cancelDeliveries(applicationId, endpointId, 1),
    'delivery_due of delivery',
  ],
  [
    'recordAttempt',
    async () => {
      const message = newMessage({ applicationId })
      await store.acceptMessage({ message, deliveries: [{ endpointId, lease: 5 }], dueAt: NOW })
      const attempt = newAttempt({ applicationId, endpointId, messageId: message.id })
      await store.recordAttempt({ attempt, lease: 5, attempts: 1, verdict: { kind: 'success' } })
    },
    'delivery_pkey of delivery',
  ],
  ['findMessage', () => store.findMessage(applicationId, newMessage().id), 'message_pkey of message'],
  ['listMessages', () => store.listMessages(applicationId, page, {}), 'message_pkey of message'],
  [
    'listMessages of a type',
    () => store.listMessages(applicationId, page, { eventTypes: ['type.7'] }),
    'message_event_type of message',
  ],
  [
    'listMessages with a tag',
    () => store.listMessages(applicationId, page, { tag: 'vip' }),
    'message_label_pkey of message_label',
  ],
  [
    'listMessages that failed',
    () => store.listMessages(applicationId, page, { status: 'fail' }),
    'delivery_status of delivery',
  ],
  [
    'listDeliveriesOfEndpoint',
    () => store.listDeliveriesOfEndpoint(applicationId, endpointId, page, {}),
    'delivery_success of delivery',
  ],
  [
    'listDeliveriesOfEndpoint that are sent',
    () => store.listDeliveriesOfEndpoint(applicationId, endpointId, page, { status: 'sending' }),
    'delivery_held of delivery',
  ],
  [
    'listAttemptsOfEndpoint',
    () => store.listAttemptsOfEndpoint(applicationId, endpointId, page, {}),
    'attempt_endpoint of attempt',
  ],
  [
    'listAttemptsOfEndpoint that failed so',
    () => store.listAttemptsOfEndpoint(applicationId, endpointId, page, { statusCodeClass: 400 }),
    'attempt_failed of attempt',
  ],
  ['listExhausted', () => store.listExhausted(applicationId, page, {}), 'delivery_failed of delivery'],
  ['expungeExpired', () => store.expungeExpired(NOW, 10), 'message_expiry of message'],
  ['stepReplay that recovers', step('endpoint.recover'), 'delivery_status of delivery'],
  ['stepReplay that replays', step('endpoint.replay'), 'message_pkey of message'],
  ['stepPurge', stepPurge, 'message_pkey of message'],
  ['joinAsNode, which frees what the dead held', () => store.joinAsNode(NOW), 'delivery_held of delivery'],
]

test.each(CASES)('%s goes by its index', async (_, call, way) => {
  const ways = await waysOf(call)
  expect([...ways]).toContain(way)
  expect([...ways].filter((taken) => taken.startsWith('all of'))).toEqual([])
})

test('a batch of messages is one statement, and one of attempts is one', async () => {
  const lease = await store.joinAsNode(NOW)
  const messages = Array.from({ length: 100 }, () => newMessage({ applicationId, id: idAt('message', NOW) }))
  const acceptOne = (message: (typeof messages)[number]) =>
    store.acceptMessage({ message, deliveries: [{ endpointId, lease }], dueAt: NOW })
  const recordOne = ({ id }: (typeof messages)[number]) => {
    const attempt = newAttempt({ applicationId, endpointId, messageId: id })
    return store.recordAttempt({ attempt, lease, attempts: 1, verdict: { kind: 'success' } })
  }
  const operations: ((message: (typeof messages)[number]) => Promise<unknown>)[] = [acceptOne, recordOne]
  for (const operation of operations) {
    plans = []
    await Promise.all(messages.map(operation))
    const statements = plans.filter((text) => text.includes('plan:'))
    plans = null
    expect(statements).toHaveLength(1)
  }
})

test('of many days, what is done many times a second opens those that it is about', async () => {
  const lease = await store.joinAsNode(NOW)
  const [held, other] = [newMessage({ applicationId }), newMessage({ applicationId })]
  const target = { applicationId, endpointId }
  await store.acceptMessage({ message: held, deliveries: [{ endpointId, lease }], dueAt: NOW })
  // Yesterday is open as today is.
  const old = OLD_DAYS.slice(1).map(({ name }) => `delivery_${name}`)
  const openedBy = async (call: () => Promise<unknown>) => {
    const opened = new Set<string>()
    await visitPlans(call, (node) => opened.add(node['Relation Name'] ?? ''))
    return old.filter((table) => opened.has(table))
  }

  // One seek in each, to know that nothing waits there.
  expect(await openedBy(() => store.findWaitingEndpoints(null, 10))).toEqual(old)
  expect(await openedBy(claim(false))).toEqual([])
  const attempt = newAttempt({ ...target, messageId: held.id })
  const record = () => store.recordAttempt({ attempt, lease, attempts: 1, verdict: { kind: 'success' } })
  expect(await openedBy(record)).toEqual([])
  expect(
    await openedBy(() =>
      store.acceptMessage({ message: other, deliveries: [{ endpointId, lease }], dueAt: NOW }),
    ),
  ).toEqual([])
  expect(
    await openedBy(() => store.releaseDeliveries(lease, [{ ...target, messageId: other.id }], NOW)),
  ).toEqual([])
})
