import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { expect, onTestFinished, test } from 'vitest'

import { secretBox } from '../secret-box.ts'
import { openDatabase } from './database.ts'
import { deliveryMethods } from './deliveries.ts'
import { exhaustedMethods } from './exhausted.ts'
import { explanationMethods } from './explanations.ts'
import { messageMethods } from './messages.ts'
import { MIGRATIONS } from './migrations.ts'
import { searchMethods } from './search.ts'

const page = { limit: 10, order: 'ascending', after: null } as const

/** Makes a database as a Posthorn left it that knew the first steps only. */
function databaseOf(steps: number, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'posthorn.db')
  const database = new DatabaseSync(path)
  for (const step of MIGRATIONS.slice(0, steps)) database.exec(step)
  database.exec(`${content}; PRAGMA user_version = ${steps}`)
  database.close()
  return path
}

test('deliveries made before there were indexes by status are listed, counted and found by status and type', () => {
  const path = databaseOf(
    4,
    `INSERT INTO endpoint (application_id, id, url, description, disabled, secret, metadata, created_at, updated_at)
       VALUES ('app_0', 'ep_0', '', '', 0, x'', '{}', 0, 0);
     INSERT INTO message (application_id, id, event_type, payload, content_type, created_at)
       VALUES ('app_0', 'msg_0', 'paid', x'', '', 0), ('app_0', 'msg_1', 'lost', x'', '', 0),
         ('app_0', 'msg_2', 'paid', x'', '', 0), ('app_0', 'msg_3', 'lost', x'', '', 0);
     INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, due_at, lease)
       VALUES ('app_0', 'msg_0', 'ep_0', 0, 1, NULL, NULL), ('app_0', 'msg_1', 'ep_0', 2, 10, NULL, NULL),
         ('app_0', 'msg_2', 'ep_0', 1, 3, 77, NULL), ('app_0', 'msg_3', 'ep_0', 1, 0, 0, 1);
     INSERT INTO attempt VALUES ('app_0', 'msg_0', 'atmpt_0', 'ep_0', '', 1, 200, '', 1, NULL, 'scheduled', 0),
       ('app_0', 'msg_1', 'atmpt_1', 'ep_0', '', 0, 500, '', 1, NULL, 'scheduled', 0)`,
  )
  const database = openDatabase(path)
  onTestFinished(() => database.close())

  const { listDeliveriesOfEndpoint } = deliveryMethods(database, secretBox(new Uint8Array(32)))
  const deliveries = listDeliveriesOfEndpoint('app_0', 'ep_0', page, {}).map(({ delivery }) => delivery)
  const key = { applicationId: 'app_0', endpointId: 'ep_0' }
  expect(deliveries).toMatchObject([
    { ...key, messageId: 'msg_0', status: 'success', attempts: 1, nextAttemptAt: null },
    { ...key, messageId: 'msg_1', status: 'fail', attempts: 10, nextAttemptAt: null },
    { ...key, messageId: 'msg_2', status: 'pending', attempts: 3, nextAttemptAt: 77 },
    { ...key, messageId: 'msg_3', status: 'sending', attempts: 0, nextAttemptAt: 0 },
  ])
  const { listMessages } = searchMethods(database)
  const failed = (eventTypes: string[]) => listMessages('app_0', page, { status: 'fail', eventTypes })
  expect(failed(['lost']).map(({ id }) => id)).toEqual(['msg_1'])
  expect(failed(['paid'])).toEqual([])
  const attempts = messageMethods(database).listAttemptsOfEndpoint('app_0', 'ep_0', page, {})
  expect(attempts.map(({ id }) => id)).toEqual(['atmpt_0', 'atmpt_1'])
})

test('what failed before there was a list of it is in the list, and an endpoint disabled before says what it can', () => {
  const path = databaseOf(
    7,
    `INSERT INTO endpoint (application_id, id, url, description, disabled, secret, metadata, created_at, updated_at)
       VALUES ('app_0', 'ep_0', '', '', 0, x'', '{}', 0, 0);
     UPDATE endpoint SET disabled = 1, updated_at = 5;
     UPDATE endpoint SET disabled = 0, updated_at = 9;
     INSERT INTO message (application_id, id, event_type, payload, content_type, created_at)
       VALUES ('app_0', 'msg_0', 'paid', x'', '', 7), ('app_0', 'msg_1', 'paid', x'', '', 7);
     INSERT INTO delivery (application_id, message_id, endpoint_id, status, attempts, event_type)
       VALUES ('app_0', 'msg_0', 'ep_0', 2, 10, 'paid'), ('app_0', 'msg_1', 'ep_0', 0, 1, 'paid')`,
  )
  const database = openDatabase(path)
  onTestFinished(() => database.close())
  const { listExhausted } = exhaustedMethods(database)
  for (const filter of [{}, { eventTypes: ['paid'] }]) {
    expect(listExhausted('app_0', page, filter).map(({ key }) => key)).toEqual(['msg_0.ep_0'])
  }
  const message = { applicationId: 'app_0', id: 'msg_0', createdAt: 7 }
  expect(explanationMethods(database).listSituations(message, page)).toMatchObject([
    { endpoint: { disabledSince: null }, wanted: { disabledSince: 5, disabledBy: 'api' } },
  ])
})
