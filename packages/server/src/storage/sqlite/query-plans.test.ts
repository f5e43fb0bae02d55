import { DatabaseSync } from 'node:sqlite'

import { beforeEach, expect, test, vi } from 'vitest'

import { DEFAULT_SETTINGS } from '../../domain/endpoint-settings.ts'
import type { ReplayWork } from '../../domain/task.ts'
import type { ExhaustedFilter } from '../port/deliveries.ts'
import { secretBox } from '../secret-box.ts'
import { acceptMethods } from './accepts.ts'
import { applicationMethods } from './applications.ts'
import { deliveryMethods } from './deliveries.ts'
import { queueMethods } from './queue.ts'
import { endpointMethods } from './endpoints.ts'
import { exhaustedMethods } from './exhausted.ts'
import { explanationMethods } from './explanations.ts'
import { messageMethods } from './messages.ts'
import { MIGRATIONS } from './migrations.ts'
import { recordMethods } from './records.ts'
import { retentionMethods } from './retention.ts'
import { replayMethods } from './replays.ts'
import { searchMethods } from './search.ts'
import { taskMethods } from './tasks.ts'

let database: DatabaseSync
beforeEach(() => {
  database = new DatabaseSync(':memory:')
  for (const step of MIGRATIONS) database.exec(step)
  return () => database.close()
})

/** Returns the plans of all statements that `call` prepares and that read: one line for each table it visits. */
function plansOf(call: () => unknown): string[] {
  const prepare = vi.spyOn(database, 'prepare')
  call()
  const statements = prepare.mock.calls.map(([sql]) => sql)
  prepare.mockRestore()
  return statements.flatMap((sql) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail'])),
  )
}

const page = { limit: 50, order: 'descending', after: 'msg_0' } as const
const key = ['app_0', 'ep_0'] as const
const box = secretBox(new Uint8Array(32))

const message = {
  id: 'msg_1',
  applicationId: 'app_0',
  eventType: 'paid',
  eventId: 'evt-1',
  channels: null,
  tags: null,
  payload: new Uint8Array(1),
  contentType: 'application/json',
  deliverAt: null,
  expiresAt: null,
  expungedAt: null,
  createdAt: 0,
}
const attempt = {
  id: 'atmpt_1',
  applicationId: 'app_0',
  messageId: 'msg_1',
  endpointId: 'ep_0',
  url: '',
  isSuccess: false,
  responseStatusCode: 410,
  response: '',
  responseDurationMs: 0,
  failure: null,
  trigger: 'scheduled',
  createdAt: 0,
} as const

const queue = () => ({ ...acceptMethods(database), ...recordMethods(database), ...queueMethods(database) })
const messages = () => messageMethods(database)
const search = () => searchMethods(database)
const exhausted = (filter: ExhaustedFilter) => exhaustedMethods(database).listExhausted('app_0', page, filter)
const replays = () => replayMethods(database, box)
const tasks = () => taskMethods(database)
const deliveries = () => deliveryMethods(database, box)

function addEndpoint(): void {
  database.exec(`INSERT INTO endpoint (application_id, id, url, description, disabled, secret, metadata, created_at,
    updated_at) VALUES ('app_0', 'ep_0', '', '', 0, x'', '{}', 0, 0)`)
}

/** Makes more messages of one type than are looked at one by one. */
function acceptMany(): void {
  const { acceptMessage } = queue()
  database.exec('BEGIN')
  for (let i = 0; i < 2_002; i++) {
    acceptMessage({ message: { ...message, id: `msg_${i}`, eventId: null }, deliveries: [], dueAt: 0 })
  }
  database.exec('COMMIT')
}

/** Takes a step of a task of this kind, to an endpoint that is there. */
function takeStep(kind: ReplayWork['kind']): void {
  const [applicationId, endpointId] = key
  const filter = { eventTypes: null, channel: null, tag: null, status: null, statusCodeClass: 200 }
  const span = { since: 0, until: 1 }
  const work = { kind, endpointId, filter, ...span } as ReplayWork
  const at = { createdAt: 0, updatedAt: 0 }
  endpointMethods(database, box).createEndpoint({
    id: endpointId,
    applicationId,
    uid: null,
    url: '',
    description: '',
    disabled: false,
    eventTypes: null,
    channels: null,
    secret: '',
    oldSecrets: [],
    headers: {},
    auth: null,
    throttleRate: null,
    settings: DEFAULT_SETTINGS,
    failingSince: null,
    disabledReason: null,
    metadata: {},
    ...at,
  })
  const task = {
    id: 'qtask_0',
    organisationId: 'org_0',
    applicationId,
    status: 'running',
    work,
    data: {},
  } as const
  tasks().createTask({ ...task, ...at })
  replays().stepReplay(task.id, { looks: 10, sends: 10, waiting: 10 }, 0)
}

const CASES: readonly (readonly [name: string, call: () => unknown, index: string])[] = [
  [
    'acceptMessage, which looks for the event id',
    () => {
      const { acceptMessage } = queue()
      const request = { message, deliveries: [], dueAt: 0 }
      acceptMessage(request)
      acceptMessage({ ...request, message: { ...message, id: 'msg_2' } })
    },
    'message_event_id (application_id=? AND event_id=?)',
  ],
  [
    'findWaitingEndpoints, which seeks',
    () => queue().findWaitingEndpoints(null, 10),
    'delivery_due ((application_id,endpoint_id)>(?,?))',
  ],
  [
    'claimDeliveries',
    () =>
      queue().claimDeliveries({
        lease: 1,
        applicationId: 'app_0',
        endpointId: 'ep_0',
        limits: { live: 10, retry: 0, replay: 0 },
        isOrdered: false,
        maxBytes: 10,
        now: 0,
      }),
    'delivery_due (application_id=? AND endpoint_id=? AND priority=? AND due_at<?)',
  ],
  [
    'cancelDeliveries',
    () => queue().cancelDeliveries(...key, 10),
    'delivery_due (application_id=? AND endpoint_id=?)',
  ],
  ['joinAsNode, which frees what is held', () => queue().joinAsNode(0), 'delivery_held'],
  [
    'recordAttempt, which settles and disables',
    () => {
      const { acceptMessage, recordAttempt } = queue()
      acceptMessage({ message, deliveries: [{ endpointId: 'ep_0', lease: 1 }], dueAt: 0 })
      recordAttempt({ attempt, lease: 1, attempts: 1, verdict: { kind: 'exhausted', disable: 'gone' } })
    },
    'PRIMARY KEY (application_id=? AND message_id=? AND endpoint_id=?)',
  ],
  [
    'releaseDeliveries',
    () =>
      queue().releaseDeliveries(1, [{ applicationId: 'app_0', messageId: 'msg_1', endpointId: 'ep_0' }], 0),
    'PRIMARY KEY (application_id=? AND message_id=? AND endpoint_id=?)',
  ],
  [
    'listDeliveriesOfEndpoint, of a stretch of time',
    () => deliveries().listDeliveriesOfEndpoint(...key, page, { after: 0, before: 1 }),
    'delivery_success (application_id=? AND endpoint_id=? AND message_id>? AND message_id<?)',
  ],
  [
    'listDeliveriesOfEndpoint, of those that failed too',
    () => deliveries().listDeliveriesOfEndpoint(...key, page, {}),
    'delivery_status (application_id=? AND endpoint_id=? AND status=? AND message_id<?)',
  ],
  [
    'listDeliveriesOfEndpoint, of those that are being sent too',
    () => deliveries().listDeliveriesOfEndpoint(...key, page, {}),
    'delivery_held (application_id=? AND endpoint_id=? AND message_id<?)',
  ],
  [
    'listDeliveriesOfEndpoint, of what succeeded',
    () => deliveries().listDeliveriesOfEndpoint(...key, page, { status: 'success' }),
    'delivery_success (application_id=? AND endpoint_id=? AND message_id<?)',
  ],
  [
    'listDeliveriesOfEndpoint, of a status',
    () => deliveries().listDeliveriesOfEndpoint(...key, page, { status: 'pending' }),
    'delivery_status (application_id=? AND endpoint_id=? AND status=? AND message_id<?)',
  ],
  [
    'listDeliveriesOfEndpoint, of what failed of two types',
    () => {
      acceptMany()
      deliveries().listDeliveriesOfEndpoint(...key, page, { status: 'fail', eventTypes: ['paid', 'lost'] })
    },
    'delivery_status_type (application_id=? AND endpoint_id=? AND status=? AND event_type=? AND message_id<?)',
  ],
  [
    'listDeliveriesOfEndpoint, of a rare type',
    () => deliveries().listDeliveriesOfEndpoint(...key, page, { eventTypes: ['paid'], status: 'success' }),
    'd USING PRIMARY KEY (application_id=? AND message_id=? AND endpoint_id=?)',
  ],
  [
    'listDeliveriesOfMessage',
    () => deliveries().listDeliveriesOfMessage('app_0', 'msg_0', page),
    'PRIMARY KEY (application_id=? AND message_id=? AND endpoint_id<?)',
  ],
  ['listMessages', () => search().listMessages('app_0', page, {}), 'message_id (application_id=? AND id<?)'],
  [
    'listMessages, by id',
    () => search().listMessages('app_0', { ...page, after: null }, { id: 'msg_1' }),
    'message_id (application_id=? AND id=?)',
  ],
  [
    'listMessages, by event id',
    () => search().listMessages('app_0', { ...page, after: null }, { eventId: 'evt' }),
    'message_event_id (application_id=? AND event_id=?)',
  ],
  [
    'listMessages, of a tag',
    () => search().listMessages('app_0', page, { tag: 'vip' }),
    'PRIMARY KEY (application_id=? AND kind=? AND name=? AND message_id<?)',
  ],
  [
    'listMessages, of a channel in a stretch of time',
    () => search().listMessages('app_0', page, { channel: 'eu', after: 0, before: 1 }),
    'PRIMARY KEY (application_id=? AND kind=? AND name=? AND message_id>? AND message_id<?)',
  ],
  [
    'listMessages, of two event types',
    () => search().listMessages('app_0', page, { eventTypes: ['paid', 'lost'] }),
    'message_event_type (application_id=? AND event_type=? AND id<?)',
  ],
  [
    'listMessages, of what failed',
    () => {
      addEndpoint()
      search().listMessages('app_0', page, { status: 'fail' })
    },
    'delivery_status (application_id=? AND endpoint_id=? AND status=? AND message_id<?)',
  ],
  [
    'listMessages, of what failed of two types',
    () => {
      addEndpoint()
      search().listMessages('app_0', page, { status: 'fail', eventTypes: ['paid', 'lost'] })
    },
    'delivery_status_type (application_id=? AND endpoint_id=? AND status=? AND event_type=? AND message_id<?)',
  ],
  [
    'listMessages, of what is being sent',
    () => {
      addEndpoint()
      search().listMessages('app_0', page, { status: 'sending' })
    },
    'delivery_held (application_id=? AND endpoint_id=? AND message_id<?)',
  ],
  [
    'listMessages, of what succeeded, where all that is near did',
    () => search().listMessages('app_0', page, { status: 'success' }),
    'message_id (application_id=? AND id<?)',
  ],
  [
    'listMessages, of what succeeded, where nothing that is near did',
    () => {
      addEndpoint()
      acceptMany()
      search().listMessages('app_0', { ...page, after: null }, { status: 'success' })
    },
    'delivery_success (application_id=? AND endpoint_id=?)',
  ],
  [
    'listExhausted',
    () => exhausted({}),
    'delivery_failed (application_id=? AND (message_id,endpoint_id)<(?,?))',
  ],
  [
    'listExhausted, of two types',
    () => exhausted({ eventTypes: ['paid', 'lost'] }),
    'delivery_failed_type (application_id=? AND event_type=? AND (message_id,endpoint_id)<(?,?))',
  ],
  [
    'listExhausted, of an endpoint',
    () => exhausted({ endpointId: 'ep_0' }),
    'delivery_status (application_id=? AND endpoint_id=? AND status=? AND message_id<?)',
  ],
  [
    'findQueue, which counts what waits',
    () => queue().findQueue(...key),
    'delivery_status (application_id=? AND endpoint_id=? AND status=?)',
  ],
  [
    'findQueue, which looks for the oldest',
    () => queue().findQueue(...key),
    'delivery_held (application_id=? AND endpoint_id=?)',
  ],
  [
    'a step of a task, which counts what waits of it',
    () => takeStep('endpoint.recover'),
    'delivery_replayed (replay_task=? AND due_at<?)',
  ],
  [
    'a step of a task on what failed in an application',
    () => takeStep('application.recover'),
    'delivery_failed (application_id=? AND (message_id,endpoint_id)>(?,?) AND message_id<?)',
  ],
  [
    'cancelTask, which takes back',
    () => {
      takeStep('endpoint.recover')
      database.exec(`UPDATE task SET status = 'running'`)
      replays().cancelTask('qtask_0', 0)
    },
    'delivery_replayed (replay_task=?)',
  ],
  [
    'listSituations',
    () => explanationMethods(database).listSituations({ ...message, id: 'msg_0' }, page),
    'PRIMARY KEY (application_id=? AND id<?)',
  ],
  [
    'expungeExpired',
    () => retentionMethods(database).expungeExpired(1, 10),
    'message_expiry (expires_at>? AND expires_at<?)',
  ],
  [
    'stepPurge',
    () => {
      const span = { since: 0, until: 1 }
      const work = { kind: 'application.purge_content', applicationId: 'app_0', ...span } as const
      const at = { createdAt: 0, updatedAt: 0, data: {}, status: 'running' } as const
      tasks().createTask({ id: 'qtask_1', organisationId: 'org_0', applicationId: null, work, ...at })
      retentionMethods(database).stepPurge('qtask_1', 10, 0)
    },
    'message_id (application_id=? AND id>? AND id<?)',
  ],
  [
    'trimEndpointHistory',
    () => {
      database
        .prepare(
          'INSERT INTO endpoint_history (application_id, endpoint_id, changed_at, disabled) VALUES (?, ?, 0, 0)',
        )
        .run(...key)
      retentionMethods(database).trimEndpointHistory({ before: 1, after: null, limit: 10 })
    },
    'PRIMARY KEY (application_id=? AND endpoint_id=? AND changed_at<?)',
  ],
  [
    'deleteOldMessages',
    () => {
      queue().acceptMessage({ message, deliveries: [], dueAt: 0 })
      retentionMethods(database).deleteOldMessages({ before: 1, after: null, limit: 10 })
    },
    'INTEGER PRIMARY KEY (rowid>?)',
  ],
  [
    'findMessage',
    () => messages().findMessage('app_0', 'x'),
    'message_event_id (application_id=? AND event_id=?)',
  ],
  [
    'listAttemptsOfEndpoint',
    () => messages().listAttemptsOfEndpoint(...key, page, {}),
    'attempt_endpoint (application_id=? AND endpoint_id=? AND is_success=? AND id<?)',
  ],
  [
    'listAttemptsOfEndpoint, of those that succeeded',
    () => messages().listAttemptsOfEndpoint(...key, page, { isSuccess: true }),
    'attempt_endpoint (application_id=? AND endpoint_id=? AND is_success=? AND id<?)',
  ],
  [
    'listAttemptsOfEndpoint, of those answered 5xx',
    () => messages().listAttemptsOfEndpoint(...key, { ...page, after: null }, { statusCodeClass: 500 }),
    'attempt_failed (application_id=? AND endpoint_id=? AND <expr>=?)',
  ],
  [
    'listAttemptsOfMessage',
    () => messages().listAttemptsOfMessage('app_0', 'msg_0', page, {}),
    'PRIMARY KEY (application_id=? AND message_id=? AND id<?)',
  ],
  [
    'findEndpoint',
    () => endpointMethods(database, box).findEndpoint(...key),
    'endpoint_uid (application_id=? AND uid=?)',
  ],
  [
    'listEndpoints',
    () => endpointMethods(database, box).listEndpoints('app_0', page),
    'PRIMARY KEY (application_id=? AND id<?)',
  ],
  [
    'resendDelivery, of what is there and of what is not',
    () => {
      const { acceptMessage } = queue()
      acceptMessage({ message, deliveries: [{ endpointId: 'ep_0', lease: null }], dueAt: 0 })
      const { resendDelivery } = replays()
      resendDelivery({ applicationId: 'app_0', messageId: 'msg_1', endpointId: 'ep_0' }, 0)
      resendDelivery({ applicationId: 'app_0', messageId: 'msg_1', endpointId: 'ep_1' }, 0)
    },
    'PRIMARY KEY (application_id=? AND message_id=? AND endpoint_id=?)',
  ],
  [
    'stepReplay, of what failed',
    () => takeStep('endpoint.recover'),
    'delivery_status (application_id=? AND endpoint_id=? AND status=? AND message_id>? AND message_id<?)',
  ],
  [
    'stepReplay, of what is missing',
    () => takeStep('endpoint.replay'),
    'message_id (application_id=? AND id>? AND id<?)',
  ],
  [
    'stepReplay, of what is over',
    () => takeStep('endpoint.bulk-replay'),
    'delivery_success (application_id=? AND endpoint_id=? AND message_id>? AND message_id<?)',
  ],
  [
    'countDeliveriesOfEndpoint',
    () => tasks().countDeliveriesOfEndpoint(...key, { from: 'msg_0', to: 'msg_1' }, 10),
    'USING COVERING INDEX delivery_success (application_id=? AND endpoint_id=? AND message_id>? AND message_id<?)',
  ],
  [
    'countDeliveriesOfApplication',
    () => tasks().countDeliveriesOfApplication('app_0', { from: 'msg_0', to: 'msg_1' }, 10),
    'PRIMARY KEY (application_id=? AND message_id>? AND message_id<?)',
  ],
  ['findTask', () => tasks().findTask('org_0', 'qtask_0'), 'PRIMARY KEY (id=?)'],
  [
    'listTasks',
    () => tasks().listTasks('org_0', page, { status: 'running', kinds: ['endpoint.replay'] }),
    'task_list (organisation_id=? AND id<?)',
  ],
  ['deleteTasks', () => tasks().deleteTasks('qtask_0', 10), 'PRIMARY KEY (id<?)'],
  [
    'listApplications',
    () => applicationMethods(database).listApplications('org_0', page),
    'application_list (organisation_id=? AND id<?)',
  ],
]

/**
 * Scans of no more than is wanted or than is few: the table of nodes, all that is held where all of it is freed, the names
 * in a filter, and the messages that are counted to see whether they are few.
 */
const FAIR_SCANS =
  /^SCAN (node|delivery USING INDEX delivery_held|json_each .*|CONSTANT ROW|\(subquery-\d+\))$/

test.each(CASES)('%s reads by an index: no table is scanned and no result sorted', (_, call, index) => {
  const plans = plansOf(call)
  expect(plans.join('\n')).toContain(index)
  const wasteful = plans.filter((plan) => /^SCAN |TEMP B-TREE/.test(plan) && !FAIR_SCANS.test(plan))
  expect(wasteful).toEqual([])
})
