import { Webhook } from 'standardwebhooks'
import { Svix } from 'svix'
import { expect, test } from 'vitest'

import type { Api } from './support/api.ts'
import { closedPort } from './support/closed-port.ts'
import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

interface Explained {
  readonly endpointUid: string
  readonly reason: string
  readonly text: string
  readonly attempts: number
  readonly nextAttempt: string | null
  readonly lastAttempt: { readonly failure: string | null; readonly responseStatusCode: number } | null
}

/** Returns the explanations of a message by the uid of the endpoint. */
async function explain(api: Api, message: string): Promise<Record<string, Explained>> {
  const { data } = await api.ask<{ data: Explained[] }>('GET', `/app/acme/msg/${message}/explain`)
  return Object.fromEntries(data.map((item) => [item.endpointUid, item]))
}

test('of every endpoint it is told why it did or did not get a message', async () => {
  const { api } = await startServer({ 'retry-schedule': '1h' })
  const receiver = await startReceiver()
  await api.makeApplication({ uid: 'acme' })
  const make = (uid: string, fields = {}, url = receiver.url) =>
    api.makeEndpoint('acme', url, { uid, ...fields })
  await make('good')
  await make('dead', {}, `http://127.0.0.1:${await closedPort()}/`)
  await make('other-type', { eventTypes: ['lost'] })
  await make('other-channel', { channels: ['us'] })
  await make('off', { disabled: true })
  await make('gone')
  const message = await api.send('acme', { eventType: 'paid', channels: ['eu'] })
  await receiver.waitFor((requests) => requests.length === 2)
  await make('late')

  const seen = await eventually(
    () => explain(api, message),
    ({ good, dead, gone }) =>
      expect([good!.reason, dead!.reason, gone!.reason]).toEqual(['delivered', 'failing', 'delivered']),
  )
  expect(seen).toMatchObject({
    good: { attempts: 1, lastAttempt: { responseStatusCode: 204 }, nextAttempt: null },
    dead: { attempts: 1, lastAttempt: { failure: 'connection_refused' } },
    'other-type': {
      reason: 'event_type',
      text: 'The endpoint wanted lost, and not paid.',
      lastAttempt: null,
    },
    'other-channel': { reason: 'channel' },
    off: { reason: 'disabled' },
    late: { reason: 'created_later' },
  })
  expect(Date.parse(seen['dead']!.nextAttempt!)).toBeGreaterThan(Date.now())
  expect(seen['dead']!.text).toContain('was refused the connection')

  // What was true when the message was accepted stays true.
  await api.ask('PATCH', '/app/acme/endpoint/other-type', { eventTypes: ['paid'] })
  await api.ask('PATCH', '/app/acme/endpoint/off', { disabled: false })
  await api.call('DELETE', '/app/acme/endpoint/gone')
  await api.ask('PATCH', '/app/acme/endpoint/dead', { disabled: true })
  const { data } = await api.ask<{ data: Explained[] }>('GET', `/app/acme/msg/${message}/explain`)
  expect(data.map(({ reason }) => reason)).toEqual([
    'delivered',
    'held_while_disabled',
    'event_type',
    'channel',
    'disabled',
    'delivered',
    'created_later',
  ])
  expect(data[5]!.text).toContain('The endpoint was deleted on')
})

test('a message that matched nothing is explained too, a page at a time', async () => {
  const { api } = await startServer()
  await api.makeApplication({ uid: 'acme' })
  for (const uid of ['one', 'two']) {
    await api.makeEndpoint('acme', 'http://localhost/', { uid, eventTypes: ['lost'] })
  }
  const message = await api.send('acme', { eventType: 'paid', eventId: 'evt-1' })
  expect(Object.keys(await explain(api, message))).toEqual(['one', 'two'])
  const page = await api.ask<{ data: Explained[]; iterator: string; done: boolean }>(
    'GET',
    '/app/acme/msg/evt-1/explain?limit=1',
  )
  expect(page).toMatchObject({ data: [{ endpointUid: 'one' }], done: false })
  expect(await api.ask('GET', `/app/acme/msg/evt-1/explain?limit=1&iterator=${page.iterator}`)).toMatchObject(
    { data: [{ endpointUid: 'two' }], done: true },
  )
})

test('a preview tells what would be sent to whom, signed, and sends and keeps nothing', async () => {
  const { api, url } = await startServer({ 'svix-headers': true })
  const svix = new Svix(TOKEN, { serverUrl: url })
  const receiver = await startReceiver()
  await api.makeApplication({ uid: 'acme' })
  const headers = { 'x-api-token': 'hush', 'x-region': 'eu' }
  await svix.endpoint.create('acme', { url: receiver.url, uid: 'main', headers })
  await svix.endpoint.create('acme', { url: receiver.url, uid: 'other', eventTypes: ['lost'] })
  const { key } = await svix.endpoint.getSecret('acme', 'main')

  const body = '{"eventType":"paid","eventId":"evt-1","payload":{"total": 1.0}}'
  const preview = await api.ask<{
    readonly messageId: string
    readonly sent: { url: string; headers: Record<string, string>; body: string }[]
    readonly notSent: object[]
  }>('POST', '/app/acme/msg/preview', body)
  const [request, ...more] = preview.sent
  expect(more).toEqual([])
  expect(request).toMatchObject({ endpointUid: 'main', url: receiver.url, body: '{"total": 1.0}' })
  expect(request!.headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-id': preview.messageId,
    'x-api-token': '***',
    'x-region': 'eu',
  })
  expect(new Webhook(key).verify(request!.body, request!.headers)).toEqual({ total: 1 })
  expect(preview.notSent).toMatchObject([{ endpointUid: 'other', reason: 'event_type' }])

  expect((await svix.message.list('acme')).data).toEqual([])
  const sent = await svix.message.create('acme', { eventType: 'paid', eventId: 'evt-1', payload: {} })
  await receiver.waitFor((requests) => requests.length === 1)
  expect([...receiver.ids()]).toEqual([sent.id])
  expect((await api.call('POST', '/app/nobody/msg/preview', body)).status).toBe(404)
  expect((await api.call('POST', '/app/acme/msg/preview', { eventType: 'paid' })).status).toBe(422)
})

test('the official client asks whether anybody listens', async () => {
  const { api, url } = await startServer()
  const svix = new Svix(TOKEN, { serverUrl: url })
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', 'http://localhost/', { eventTypes: ['paid'], channels: ['eu'] })
  const isActive = async (eventType: string, channels?: string[]) =>
    (await svix.message.precheck('acme', { eventType, ...(channels === undefined ? {} : { channels }) }))
      .active
  expect(await isActive('paid', ['eu'])).toBe(true)
  expect(await isActive('paid')).toBe(false)
  expect(await isActive('lost', ['eu'])).toBe(false)
})

test('of a disabled endpoint it is told who disabled it: a caller, or the receiver by its 410', async () => {
  const { api } = await startServer()
  const receiver = await startReceiver({ answer: () => ({ status: 410 }) })
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url, { uid: 'gone' })
  await api.makeEndpoint('acme', receiver.url, { uid: 'off', disabled: true })
  const first = await api.send('acme', { eventType: 'paid' })
  await eventually(
    () => explain(api, first),
    (all) => expect(all['gone']!.reason).toBe('exhausted'),
  )
  // What the attempt did to its endpoint is in the store a moment before the node sends by it.
  await eventually(
    () => api.ask('POST', '/app/acme/msg/precheck/active', { eventType: 'paid' }),
    (seen) => expect(seen).toEqual({ active: false }),
  )
  const second = await explain(api, await api.send('acme', { eventType: 'paid' }))
  expect(second['gone']).toMatchObject({ reason: 'disabled' })
  expect(second['gone']!.text).toContain('because it answered 410')
  expect(second['off']!.text).toContain('by a call of the API')
})

test('what waits behind an open breaker is told when it is probed, and what failed', async () => {
  const { api } = await startServer({ 'retry-schedule': '1h' })
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', `http://127.0.0.1:${await closedPort()}/`, { uid: 'dead' })
  // Each is one attempt. Ten open the breaker, which lets one through for each probe: the last waits for many of them.
  for (let sent = 0; sent < 40; sent++) await api.send('acme', { eventType: 'paid' })
  const last = await api.send('acme', { eventType: 'paid' })

  const { dead } = await eventually(
    () => explain(api, last),
    ({ dead: seen }) => expect(seen).toMatchObject({ reason: 'breaker_open' }),
  )
  expect(dead).toMatchObject({ attempts: 0, lastAttempt: null })
  expect(dead!.text).toContain('was refused the connection')
  expect(dead!.text).toContain(dead!.nextAttempt!)
})
