import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { Client } from 'pg'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'

import { temporaryFolder } from '../storage/temporary-folder.ts'
import { eventually } from '../support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { runCommand } from '../support/process.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServerOn } from '../support/server.ts'

/** A new folder with the key of another, and flags of a database: that in the folder, or a new schema. */
async function newPlace(keyOf: string, kind: 'SQLite' | 'PostgreSQL') {
  const data = await temporaryFolder()
  copyFileSync(join(keyOf, 'encryption.key'), join(data, 'encryption.key'))
  if (kind === 'SQLite') return { data, flags: { database: 'sqlite' } }
  return { data, flags: await newSchema() }
}

async function newSchema() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  return { database: url, 'database-schema': schema }
}

type Place = Awaited<ReturnType<typeof newPlace>>

const flagsOf = ({ data, flags }: Place) =>
  Object.entries({ data, ...flags }).flatMap(([name, value]) => [`--${name}`, value])

async function move(from: Place, to: Place): Promise<void> {
  const file = join(to.data, 'everything.export')
  expect(await runCommand(['export', file, ...flagsOf(from)])).toMatchObject({ code: 0 })
  expect(await runCommand(['import', file, ...flagsOf(to)])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('counts are right'),
  })
}

async function startAt({ data, flags }: Place) {
  const server = await startServerOn(data, flags)
  onTestFinished(() => server.stop())
  return server
}

const keyed = { 'idempotency-key': 'once' }
/** Longer than the first server needs to stop, also where the machine stands still for a while. */
const SOON_S = 10
const LATER_S = 3_600

test.for([
  ['SQLite', 'PostgreSQL'],
  ['PostgreSQL', 'SQLite'],
] as const)(
  'a server goes on where another one stopped, from %s to %s: token, secrets, keys, retries and what waits',
  { timeout: 120_000 },
  async ([from, to]) => {
    const data = await temporaryFolder()
    writeFileSync(join(data, 'encryption.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`)
    const source = await newPlace(data, from)
    const before = await startAt(source)
    const receiver = await startReceiver({ answer: () => ({ status: 500 }) })
    const application = await before.api.makeApplication({ uid: 'acme' })
    const soon = await before.api.makeEndpoint(application, `${receiver.url}/soon`, {
      retrySchedule: [SOON_S],
    })
    const later = await before.api.makeEndpoint(application, `${receiver.url}/later`, {
      retrySchedule: [LATER_S],
    })
    const secrets = [
      await before.api.secretOf(application, soon),
      await before.api.secretOf(application, later),
    ]
    const path = `/app/${application}/msg`
    const body = {
      eventType: 'invoice.paid',
      eventId: 'e1',
      tags: ['blue'],
      payload: { total: '1.0', note: 'é🐎' },
    }
    const sent = await before.api.call('POST', path, body, keyed)
    const message = (sent.body as { id: string }).id
    const waiting = await eventually(
      () => before.api.deliveriesOf(application, message),
      (seen) => expect(seen.every(({ nextAttempt }) => nextAttempt !== null)).toBe(true),
    )
    const attempts = await before.api.attemptsOf(application, message)
    expect(attempts).toHaveLength(2)
    const signingKeys = await (await fetch(`${before.url}/.well-known/webhook-keys.json`)).json()
    await before.stop()

    const target = await newPlace(data, to)
    receiver.answerWith(({ path: asked }) => ({ status: asked.endsWith('/soon') ? 200 : 500 }))
    await move(source, target)
    const after = await startAt(target)

    expect(await after.api.secretOf('acme', later)).toBe(secrets[1])
    expect(await (await fetch(`${after.url}/.well-known/webhook-keys.json`)).json()).toEqual(signingKeys)
    const repeated = await after.api.call('POST', path, body, keyed)
    expect([repeated.status, repeated.body]).toEqual([sent.status, sent.body])
    expect(await after.api.call('POST', path, body)).toMatchObject({ status: 409 })
    expect((await after.api.ask<{ data: unknown[] }>('GET', `${path}?tag=blue`)).data).toHaveLength(1)

    // The second attempt of the one that was due soon; the other one waits for its hour.
    const all = await eventually(
      () => after.api.attemptsOf(application, message),
      (seen) => expect(seen).toHaveLength(3),
    )
    expect(all.slice(0, 2)).toEqual(attempts)
    const again = receiver.requests.findLast(({ path: asked }) => asked.endsWith('/soon'))!
    const first = receiver.requests.find(({ path: asked }) => asked.endsWith('/soon'))!
    expect([again.id, again.body]).toEqual([first.id, first.body])
    new Webhook(secrets[0]!).verify(again.body, again.headers)
    const stands = await after.api.deliveriesOf(application, message)
    expect(stands.find(({ id }) => id === soon)).toMatchObject({ statusText: 'success' })
    expect(stands.find(({ id }) => id === later)).toEqual(waiting.find(({ id }) => id === later))
  },
)

test('an export has the mode of a secret, takes no place of another file, and warns beside a running server', async () => {
  const data = await temporaryFolder()
  const server = await startServerOn(data, { database: 'sqlite' })
  onTestFinished(() => server.stop())
  const application = await server.api.makeApplication()
  await server.api.makeEndpoint(application, 'http://127.0.0.1:9/')
  const secret = await server.api.secretOf(
    application,
    (await server.api.ask<{ data: { id: string }[] }>('GET', `/app/${application}/endpoint`)).data[0]!.id,
  )
  const file = join(data, 'a.export')
  const args = ['export', file, '--data', data]
  expect(await runCommand(args)).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('A server runs'),
  })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).not.toContain(secret.slice('whsec_'.length))
  expect(await runCommand(args)).toMatchObject({ code: 1, stderr: expect.stringContaining('there already') })

  const elsewhere = await temporaryFolder()
  const missing = await runCommand([
    'export',
    '-',
    '--data',
    elsewhere,
    '--encryption-key-file',
    join(data, 'encryption.key'),
  ])
  expect(missing).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('There is no database'),
  })
  expect(existsSync(join(elsewhere, 'posthorn.db'))).toBe(false)
})

test('what waits in the outbox is not left behind unasked', async () => {
  const data = await temporaryFolder()
  writeFileSync(join(data, 'encryption.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`)
  const flags = await newSchema()
  const place = { data, flags }
  const server = await startAt(place)
  await server.api.makeApplication({ uid: 'acme' })
  await server.stop()
  const client = new Client({ connectionString: flags.database })
  await client.connect()
  await client.query(`SELECT ${flags['database-schema']}.send('acme', 'invoice.paid', '{}')`)
  await client.end()

  const file = join(data, 'a.export')
  expect(await runCommand(['export', file, ...flagsOf(place)])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The outbox has 1 events that wait'),
  })
  expect(existsSync(file)).toBe(false)
  expect(await runCommand(['export', file, '--leave-outbox', ...flagsOf(place)])).toMatchObject({ code: 0 })
})

test('an export that cannot be written ends with what was wrong, and leaves no file of that name', async () => {
  const data = await temporaryFolder()
  await (await startServerOn(data, { database: 'sqlite' })).stop()
  const file = join(data, 'not', 'there.export')
  expect(await runCommand(['export', file, '--data', data])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('cannot be written'),
  })
  expect(await runCommand(['import', file, '--data', data])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is no file'),
  })
})
