import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'

test('under --strict-event-types what does not fit is kept with the reason, and the rest is delivered', async () => {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const { api } = await startServer({
    database: url,
    'database-schema': schema,
    'database-pool': '3',
    'strict-event-types': true,
  })
  const receiver = await startReceiver()
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url)
  const total = { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] }
  await api.ask('POST', '/event-type', { name: 'invoice.paid', description: '', schemas: { 1: total } })
  const client = new Client({ connectionString: url })
  onTestFinished(() => client.end())
  await client.connect()
  await client.query(
    `SELECT ${schema}.send('acme', 'invoice.paid', '{"total": "much"}'), ${schema}.send('acme', 'unknown', '{}'),
       ${schema}.send('acme', 'invoice.paid', 'no JSON', content_type => 'text/plain'),
       ${schema}.send('acme', 'invoice.paid', '{"total": 1.0}')`,
  )
  const [request] = await receiver.waitFor((all) => all.length > 0)
  expect(request!.body.toString()).toBe('{"total": 1.0}')
  const refused = async () =>
    (
      await client.query<{ reason: string }>(
        `SELECT reason FROM ${schema}.outbox_refused ORDER BY message_id`,
      )
    ).rows
  const rows = await eventually(refused, (found) => expect(found).toHaveLength(3))
  expect(rows.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^payload\.total: /),
    'eventType: unknown is not an event type here',
    'payload: must be JSON, because the event type has a schema',
  ])
  expect(await api.ask('GET', '/app/acme/msg')).toMatchObject({ data: [{ id: request!.id }] })
})
