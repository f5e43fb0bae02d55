import { DatabaseSync } from 'node:sqlite'

import { beforeEach, expect, test, vi } from 'vitest'

import { secretBox } from '../secret-box.ts'
import { applicationMethods } from './applications.ts'
import { deliveryMethods, queueMethods } from './deliveries.ts'
import { endpointMethods } from './endpoints.ts'
import { messageMethods } from './messages.ts'
import { MIGRATIONS } from './migrations.ts'

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

const queue = () => queueMethods(database)
const messages = () => messageMethods(database)
const deliveries = () => deliveryMethods(database, box)

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
        limit: 10,
        maxBytes: 10,
        now: 0,
      }),
    'delivery_due (application_id=? AND endpoint_id=? AND due_at<?)',
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
      recordAttempt({ attempt, lease: 1, attempts: 1, verdict: { kind: 'exhausted', disableEndpoint: true } })
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
    'delivery_endpoint (application_id=? AND endpoint_id=? AND message_id>? AND message_id<?)',
  ],
  [
    'listDeliveriesOfEndpoint, of a status',
    () => deliveries().listDeliveriesOfEndpoint(...key, page, { status: 'sending' }),
    'delivery_endpoint (application_id=? AND endpoint_id=? AND message_id<?)',
  ],
  [
    'listDeliveriesOfMessage',
    () => deliveries().listDeliveriesOfMessage('app_0', 'msg_0', page),
    'PRIMARY KEY (application_id=? AND message_id=? AND endpoint_id<?)',
  ],
  [
    'listMessages',
    () => messages().listMessages('app_0', page, {}),
    'message_id (application_id=? AND id<?)',
  ],
  [
    'findMessage',
    () => messages().findMessage('app_0', 'x'),
    'message_event_id (application_id=? AND event_id=?)',
  ],
  [
    'listAttemptsOfEndpoint',
    () => messages().listAttemptsOfEndpoint(...key, page, {}),
    'attempt_endpoint (application_id=? AND endpoint_id=? AND id<?)',
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
    'listApplications',
    () => applicationMethods(database).listApplications('org_0', page),
    'application_list (organisation_id=? AND id<?)',
  ],
]

test.each(CASES)('%s reads by an index: no table is scanned and no result sorted', (_, call, index) => {
  const plans = plansOf(call)
  expect(plans.join('\n')).toContain(index)
  // The table of nodes has a row for each live node: clearing it scans next to nothing.
  const wasteful = plans.filter((plan) => /^SCAN (?!node$)|TEMP B-TREE/.test(plan))
  expect(wasteful).toEqual([])
})
