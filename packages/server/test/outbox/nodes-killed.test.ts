import { setTimeout as pause } from 'node:timers/promises'

import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import { startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { startReceiver } from '../support/receiver.ts'

test('psql’s simple queries send through the whole server, and a receiver gets the very bytes', async () => {
  const cluster = await startCluster()
  const { api } = await cluster.startNode()
  const receiver = await startReceiver()
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url)
  const client = new Client({ connectionString: cluster.postgres.url })
  client.on('error', () => {})
  onTestFinished(() => client.end())
  await client.connect()
  // A text without values is a simple query, as psql sends; several statements in one are one transaction, as with psql -c.
  await client.query(`BEGIN; SELECT posthorn.send('acme', 'invoice.paid', '{"rolled": "back"}'); ROLLBACK`)
  await client.query(
    `CREATE TABLE invoice (id integer); INSERT INTO invoice VALUES (1);
     SELECT posthorn.send('acme', 'invoice.paid', '{"total": 1.0}', event_id => 'invoice-1-paid')`,
  )
  await expect(
    client.query(
      `INSERT INTO invoice VALUES (2); SELECT posthorn.send('acme', 'invoice.paid', '{"total": ')`,
    ),
  ).rejects.toThrow('invalid input syntax for type json')
  const [request] = await receiver.waitFor((all) => all.length > 0)
  expect(request!.body.toString()).toBe('{"total": 1.0}')
  expect(await api.ask('GET', '/app/acme/msg/invoice-1-paid')).toMatchObject({ id: request!.id })
  expect(await api.ask('GET', '/app/acme/msg')).toMatchObject({
    data: [{ eventId: 'invoice-1-paid' }],
    done: true,
  })
  expect((await client.query('SELECT id FROM invoice')).rows).toEqual([{ id: 1 }])
})

test('with nodes killed and PostgreSQL restarted under load, each committed send is one message, and arrives', async () => {
  const cluster = await startCluster()
  const nodes = [await cluster.startNode(), await cluster.startNode()]
  const receiver = await startReceiver()
  const { api } = nodes[1]!
  const application = await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url)

  const committed = new Set<string>()
  /** Sends whose COMMIT was not answered: each of these is in or not. */
  const uncertain = new Set<string>()
  const stopping = new AbortController()
  const write = async (seed: number) => {
    let client: Client | null = null
    for (let turn = seed; !stopping.signal.aborted; turn++) {
      let id: string | null = null
      try {
        if (client === null) {
          client = new Client({ connectionString: cluster.postgres.url })
          client.on('error', () => {})
          await client.connect()
        }
        await client.query('BEGIN')
        const sent = await client.query<{ id: string }>(
          `SELECT posthorn.send('acme', 'a', '{"n": ${turn}}') AS id`,
        )
        if (turn % 3 === 0) {
          await client.query('ROLLBACK')
          continue
        }
        id = sent.rows[0]!.id
        await client.query('COMMIT')
        committed.add(id)
      } catch {
        if (id !== null) uncertain.add(id)
        await client?.end().catch(() => {})
        client = null
        await pause(50)
      }
    }
    await client?.end()
  }
  const writers = [0, 1, 2, 3].map(write)
  const more = async (number: number) => {
    const target = committed.size + number
    await eventually(
      () => committed.size,
      (size) => expect(size).toBeGreaterThanOrEqual(target),
    )
  }
  await more(200)
  for (let round = 0; round < 2; round++) {
    await nodes.shift()!.kill('SIGKILL')
    await more(200)
    nodes.push(await cluster.startNode())
    await more(200)
  }
  await cluster.postgres.restart('immediate')
  await more(200)
  stopping.abort()
  await Promise.all(writers)

  await receiver.waitFor(() => {
    const arrived = receiver.ids()
    return arrived.size >= committed.size && [...committed].every((id) => arrived.has(id))
  })
  const left = () => cluster.postgres.query('SELECT FROM posthorn.outbox', 'posthorn')
  await eventually(left, (rows) => expect(rows).toEqual([]))
  const messages = await cluster.postgres.query(
    `SELECT id FROM posthorn.message WHERE application_id = '${application}'`,
    'posthorn',
  )
  const ids = messages.map(({ id }) => id as string)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.filter((id) => !uncertain.has(id)).toSorted()).toEqual([...committed].toSorted())
  expect(await cluster.postgres.query('SELECT FROM posthorn.outbox_refused', 'posthorn')).toEqual([])
}, 120_000)
