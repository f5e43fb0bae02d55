import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { Client } from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'

import { relaySchema } from '../src/storage/postgres/relay-schema.ts'
import { closedPort } from './support/closed-port.ts'
import { eventually } from './support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from './support/postgres.ts'
import { type Command, runCommand, startCommand } from './support/process.ts'
import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

// Most of these start several processes.
vi.setConfig({ testTimeout: 60_000 })

/** An application's database with an outbox, made by the printed SQL. */
async function newOutbox() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const connect = async (user?: string) => {
    const connectionString = user === undefined ? url : url.replace(/\/\/\w+@/, `//${user}@`)
    const client = new Client({ connectionString })
    client.on('error', () => {})
    onTestFinished(() => client.end())
    await client.connect()
    return client
  }
  const client = await connect()
  await client.query(relaySchema(schema))
  const send = async (args: string, by: Client = client) =>
    (await by.query<{ id: string }>(`SELECT ${schema}.send(${args}) AS id`)).rows[0]!.id
  const left = async () =>
    (await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${schema}.outbox`)).rows[0]!.n
  const refused = async () =>
    (await client.query(`SELECT event_id, code, reason FROM ${schema}.outbox_refused ORDER BY id`)).rows
  const startRelay = (to: string, more: readonly string[] = [], token = TOKEN): Command =>
    startCommand(['relay', '--schema', schema, '--to', to, ...more], {
      env: { POSTHORN_TOKEN: token, POSTHORN_RELAY_FROM: url },
    })
  return { url, schema, client, connect, send, left, refused, startRelay }
}

/** Messages of an application as the API lists them. */
async function listed(api: Awaited<ReturnType<typeof startServer>>['api'], application: string) {
  const found: { id: string; eventId: string }[] = []
  for (let iterator = ''; ;) {
    const page = await api.ask<{ data: typeof found; iterator: string; done: boolean }>(
      'GET',
      `/app/${application}/msg?limit=250&order=ascending${iterator}`,
    )
    found.push(...page.data)
    if (page.done) return found
    iterator = `&iterator=${page.iterator}`
  }
}

/** Passes requests on, and does with the answers as it is told: the network between relay and Posthorn. */
async function startWire(to: string) {
  let swallow = 0
  const swallowed: (() => void)[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      const reply = await fetch(`${to}${request.url}`, {
        method: request.method!,
        headers: { authorization: request.headers.authorization!, 'content-type': 'application/json' },
        ...(request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
      })
      const text = await reply.text()
      if (swallow > 0 && request.method === 'POST') {
        swallow -= 1
        for (const tell of swallowed.splice(0)) tell()
        return
      }
      response.writeHead(reply.status, { 'content-type': 'application/json' }).end(text)
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Lets the next POST reach Posthorn and its answer nobody; resolves when Posthorn has answered. */
    swallowNext() {
      swallow += 1
      return new Promise<void>((resolve) => swallowed.push(resolve))
    },
  }
}

test('the printed schema can be applied twice, and a relay takes what is committed, with the bytes that it had', async () => {
  const { api, url } = await startServer()
  const { schema, client, connect, send, left, startRelay } = await newOutbox()
  const printed = await runCommand(['relay', '--print-schema', '--schema', schema])
  expect(printed.stdout).toBe(relaySchema(schema))
  await client.query(printed.stdout)

  const receiver = await startReceiver()
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url)
  const other = await connect()
  await other.query('BEGIN')
  await send(`'acme', 'invoice.paid', '{"rolled": "back"}'`, other)
  await other.query('ROLLBACK')
  const id = await send(`'acme', 'invoice.paid', '{"total": 1.0, "big": 12345678901234567890}'`)
  await client.query(
    `INSERT INTO ${schema}.outbox (application, event_type, payload, content_type, event_id, channels, tags)
     VALUES ('acme', 'note', 'plain \u00e4', 'text/plain', 'note-1', '{red}', '{a b}')`,
  )
  const relay = startRelay(url)
  await relay.line('connected to the outbox')
  const requests = await receiver.waitFor((all) => all.length === 2)
  expect(requests.map(({ body }) => body.toString()).toSorted()).toEqual([
    'plain \u00e4',
    '{"total": 1.0, "big": 12345678901234567890}',
  ])
  await eventually(left, (n) => expect(n).toBe(0))
  expect(await api.ask('GET', `/app/acme/msg/${id}`)).toMatchObject({ eventType: 'invoice.paid' })
  expect(await api.ask('GET', '/app/acme/msg/note-1')).toMatchObject({ channels: ['red'], tags: ['a b'] })
  expect(await relay.kill('SIGTERM')).toBe(0)
})

test('a relay killed between the answer and the removal sends again, and there is one message', async () => {
  const { api, url } = await startServer()
  const { send, left, refused, startRelay } = await newOutbox()
  await api.makeApplication({ uid: 'acme' })
  const wire = await startWire(url)
  for (const args of [
    `'acme', 'a', '{"n": 1.0}'`,
    `'acme', 'a', 'x', content_type => 'text/plain', event_id => 'mine'`,
  ]) {
    await send(args)
    const swallowed = wire.swallowNext()
    const relay = startRelay(wire.url)
    await swallowed
    await relay.kill('SIGKILL')
    expect(await left()).toBe(1)
    const second = startRelay(wire.url)
    await eventually(left, (n) => expect(n).toBe(0))
    await second.kill('SIGKILL')
  }
  expect(await listed(api, 'acme')).toHaveLength(2)
  expect(await refused()).toEqual([])
})

test('relays that are killed again and again beside others leave exactly one message of each committed send', async () => {
  const { api, url } = await startServer()
  const { connect, send, left, startRelay } = await newOutbox()
  const applications = ['acme', 'umbrella', 'initech']
  for (const uid of applications) await api.makeApplication({ uid })
  const relays = [startRelay(url), startRelay(url, ['--unordered'])]
  const committed = new Set<string>()
  const sent = new AbortController()
  const write = async (seed: number) => {
    const client = await connect()
    for (let i = 0; i < 150; i++) {
      const isCommitted = (i * 7 + seed) % 3 !== 0
      await client.query('BEGIN')
      const id = await send(`'${applications[i % 3]}', 'a', '{"n": ${i}}'`, client)
      await client.query(isCommitted ? 'COMMIT' : 'ROLLBACK')
      if (isCommitted) committed.add(id)
    }
  }
  const kill = async () => {
    for (let turn = 0; !sent.signal.aborted; turn++) {
      const before = await left()
      // Killed in the middle of its work: when something has moved since the last look.
      await eventually(left, (n) => expect(n !== before || sent.signal.aborted).toBe(true))
      await relays[turn % 2]!.kill('SIGKILL')
      relays[turn % 2] = startRelay(url, turn % 2 === 0 ? [] : ['--unordered'])
    }
  }
  const killing = kill()
  await Promise.all([0, 1, 2, 3].map(write))
  sent.abort()
  await killing
  await eventually(left, (n) => expect(n).toBe(0))
  const found = (await Promise.all(applications.map((uid) => listed(api, uid)))).flat()
  expect(found.map(({ eventId }) => eventId).toSorted()).toEqual([...committed].toSorted())
})

test('messages of an application keep the order of their send calls', async () => {
  const { api, url } = await startServer()
  const { send, left, startRelay } = await newOutbox()
  await api.makeApplication({ uid: 'acme' })
  const sent: string[] = []
  startRelay(url)
  for (let i = 0; i < 60; i++) sent.push(await send(`'acme', 'a', '{}'`))
  await eventually(left, (n) => expect(n).toBe(0))
  expect((await listed(api, 'acme')).map(({ eventId }) => eventId)).toEqual(sent)
})

test('what Posthorn refuses is kept beside with the reason, stops nobody, and can be put back', async () => {
  const { api, url } = await startServer({ 'strict-event-types': true })
  const { client, schema, send, left, refused, startRelay } = await newOutbox()
  await api.makeApplication({ uid: 'acme' })
  await api.ask('POST', '/event-type', { name: 'known', description: '' })
  await api.ask('POST', '/app/acme/msg', { eventType: 'known', payload: { other: 1 }, eventId: 'taken' })
  const unknown = await send(`'acme', 'unknown', '{}'`)
  const nobody = await send(`'nobody', 'known', '{}'`)
  await send(`'acme', 'known', '{"this": 1}', event_id => 'taken'`)
  await send(`'acme', 'known', '{}'`)
  startRelay(url)
  await eventually(left, (n) => expect(n).toBe(0))
  expect(await refused()).toMatchObject([
    {
      event_id: unknown,
      code: 'validation',
      reason: expect.stringContaining('unknown is not an event type') as string,
    },
    { event_id: nobody, code: 'not_found' },
    { event_id: 'taken', code: 'event_id_exists' },
  ])
  expect(await listed(api, 'acme')).toHaveLength(2)
  await api.makeApplication({ uid: 'nobody' })
  await client.query(`SELECT ${schema}.send_refused('${nobody}')`)
  await eventually(
    () => listed(api, 'nobody'),
    (found) => expect(found).toHaveLength(1),
  )
})

test('the rights that the printed SQL names are enough, and what was refused is shown and forgotten', async () => {
  const { api, url: to } = await startServer()
  const { url, schema, client, connect, left } = await newOutbox()
  const { superuserUrl } = await sharedPostgres()
  const superuser = new Client({ connectionString: superuserUrl })
  await superuser.connect()
  const roles = { app: `app_${schema}`, relay: `relay_${schema}` }
  for (const role of Object.values(roles)) await superuser.query(`CREATE ROLE ${role} LOGIN`)
  onTestFinished(async () => {
    for (const role of Object.values(roles)) await superuser.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    await superuser.end()
  })
  const grants = relaySchema(schema).match(/(?<=^-- +)GRANT [^;]+;/gm)!
  expect(grants).toHaveLength(4)
  for (const grant of grants) {
    const [what, whom = ''] = grant.split(' TO ')
    await client.query(`${what} TO ${whom.replace('app', roles.app).replace('relay', roles.relay)}`)
  }
  await client.query(
    `INSERT INTO ${schema}.outbox_refused (id, application, event_type, payload, event_id, code, reason, refused_at)
     OVERRIDING SYSTEM VALUE
     VALUES (1, 'acme', 'a', '{}', 'of_long_ago', 'not_found', 'x', now() - interval '91 days'),
       (2, 'acme', 'a', '{}', 'of_lately', 'not_found', 'x', now() - interval '89 days')`,
  )
  await api.makeApplication({ uid: 'acme' })
  const app = await connect(roles.app)
  await app.query(`SELECT ${schema}.send('acme', 'a', '{}')`)
  await app.query(`SELECT ${schema}.send('nobody', 'a', '{}', event_id => 'of_today')`)
  const from = url.replace(/\/\/\w+@/, `//${roles.relay}@`)
  startCommand(['relay', '--schema', schema, '--to', to, '--from', from], { env: { POSTHORN_TOKEN: TOKEN } })
  await eventually(left, (n) => expect(n).toBe(0))
  expect(await listed(api, 'acme')).toHaveLength(1)
  const { stdout } = await runCommand(['relay', '--refused', '--schema', schema, '--from', from])
  expect(stdout).toMatch(
    /^0 wait; 2 were refused\n\S+ {2}of_today {2}nobody {2}a {2}not_found .*\n\S+ {2}of_lately /,
  )
})

test('a relay waits for a Posthorn that is not there, refuses its token or is none, and says so; nothing is lost', async () => {
  const { api, url } = await startServer()
  const { send, left, refused, startRelay } = await newOutbox()
  await api.makeApplication({ uid: 'acme' })
  await send(`'acme', 'a', '{}'`)
  const stranger = createServer(
    (_request, response) => void response.writeHead(404).end('<h1>Not found</h1>'),
  ).listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  onTestFinished(() => void stranger.close())
  for (const [to, token, said] of [
    [`http://127.0.0.1:${await closedPort()}`, TOKEN, 'ECONNREFUSED'],
    [url, 'not-the-token-at-all', 'it answered 401'],
    [`http://127.0.0.1:${(stranger.address() as AddressInfo).port}`, TOKEN, 'it answered 404'],
  ] as const) {
    const relay = startRelay(to, [], token)
    expect(await relay.line('did not take a message')).toContain(said)
    await relay.kill('SIGKILL')
  }
  expect(await left()).toBe(1)
  expect(await refused()).toEqual([])
  startRelay(url)
  await eventually(
    () => listed(api, 'acme'),
    (found) => expect(found).toHaveLength(1),
  )
})

test('a relay connects again when its database has cut it off, and the one that stood by takes over', async () => {
  const { api, url } = await startServer()
  const { client, send, startRelay } = await newOutbox()
  await api.makeApplication({ uid: 'acme' })
  const first = startRelay(url)
  await send(`'acme', 'a', '{}'`)
  await eventually(
    () => listed(api, 'acme'),
    (found) => expect(found).toHaveLength(1),
  )
  const second = startRelay(url)
  await second.line('stands by')
  await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'posthorn relay'
    AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)`)
  await first.line('the outbox cannot be reached')
  await send(`'acme', 'a', '{}'`)
  await eventually(
    () => listed(api, 'acme'),
    (found) => expect(found).toHaveLength(2),
  )
})

test('a row is refused where it is written when it breaks what SQL can know', async () => {
  const { send } = await newOutbox()
  await expect(send(`'acme', 'a', '{"total": 1.0'`)).rejects.toMatchObject({ code: '22P02' })
  await expect(send(`'acme', 'a', '[]'`)).rejects.toMatchObject({ constraint: 'payload_is_a_json_object' })
  await expect(send(`'acme', 'a b', '{}'`)).rejects.toMatchObject({ constraint: 'event_type_is_a_name' })
  await expect(send(`'a/b', 'a', '{}'`)).rejects.toMatchObject({ constraint: 'application_is_an_id_or_uid' })
  await send(`'acme', 'a', '{}', event_id => 'e'`)
  await expect(send(`'acme', 'a', '{}', event_id => 'e'`)).rejects.toMatchObject({
    constraint: 'event_id_is_used_once',
  })
})

test.each([
  [['relay'], '--from: is missing'],
  [['relay', '--from', 'mysql://x/y'], '--from: the value is not right'],
  [['relay', '--from', 'postgres://x/y'], 'POSTHORN_TOKEN is missing'],
  [['relay', '--print-schema', '--schema', 'a;b'], 'a;b is no name of a schema'],
] as const)('posthorn %s says what is wrong', async (args, said) => {
  const { code, stderr } = await runCommand(args)
  expect(code).toBe(1)
  expect(stderr).toContain(said)
})
