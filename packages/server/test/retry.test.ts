import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'

import type { Api } from './support/api.ts'
import { closedPort } from './support/closed-port.ts'
import { eventually } from './support/eventually.ts'
import { type Answerer, startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

/** A schedule that no test outlasts, for what must not be tried again by itself. */
const LATER = '1h'

async function start(flags: Readonly<Record<string, unknown>>) {
  const { api } = await startServer(flags)
  return { api, application: await api.makeApplication() }
}

const attemptsAre = (api: Api, application: string, message: string, expected: object[]) =>
  eventually(
    () => api.attemptsOf(application, message),
    (attempts) => expect(attempts).toMatchObject(expected),
  )

const deliveryIs = (api: Api, application: string, message: string, expected: object) =>
  eventually(
    async () => (await api.deliveriesOf(application, message))[0]!,
    (delivery) => expect(delivery).toMatchObject(expected),
  )

test('a receiver that is down gets the message once it is up', async () => {
  const { api, application } = await start({ 'retry-schedule': Array(50).fill('200ms').join(',') })
  const port = await closedPort()
  const endpoint = await api.makeEndpoint(application, `http://127.0.0.1:${port}/`)
  const secret = await api.secretOf(application, endpoint)
  const message = await api.send(application, { payload: { total: 1 } })

  const { nextAttempt } = await eventually(
    async () => (await api.deliveriesOf(application, message))[0]!,
    (delivery) => {
      expect(delivery).toMatchObject({ status: 1, statusText: 'pending' })
      expect(delivery.nextAttempt).not.toBeNull()
    },
  )
  const [failed] = await api.attemptsOf(application, message)
  expect(failed).toMatchObject({ statusText: 'fail', failure: 'connection_refused', responseStatusCode: 0 })
  expect(Date.parse(nextAttempt!)).toBeGreaterThan(Date.parse(failed!.timestamp))

  const receiver = await startReceiver({ port })
  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  expect(request!.id).toBe(message)
  expect(new Webhook(secret).verify(request!.body, request!.headers)).toEqual({ total: 1 })
  await deliveryIs(api, application, message, { status: 0, statusText: 'success', nextAttempt: null })
})

test('each attempt has the same id and bytes, a new time and a signature of its own, until one succeeds', async () => {
  const { api, application } = await start({ 'retry-schedule': '1100ms,10ms' })
  const receiver = await startReceiver({ answer: (_request, turn) => ({ status: turn < 3 ? 500 : 200 }) })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const webhook = new Webhook(await api.secretOf(application, endpoint))
  const message = await api.send(application, { payload: { total: 1 } })

  const [first, second, third] = await receiver.waitFor((requests) => requests.length === 3)
  for (const { id, body, headers } of [first!, second!, third!]) {
    expect(id).toBe(message)
    expect(webhook.verify(body, headers)).toEqual({ total: 1 })
  }
  expect(first!.headers['webhook-timestamp']).not.toBe(second!.headers['webhook-timestamp'])
  await deliveryIs(api, application, message, { statusText: 'success', nextAttempt: null })
  await attemptsAre(api, application, message, [
    { responseStatusCode: 500, statusText: 'fail', failure: null },
    { responseStatusCode: 500, statusText: 'fail' },
    { responseStatusCode: 200, statusText: 'success' },
  ])
})

test('a delivery whose schedule is spent has failed', async () => {
  const { api, application } = await start({ 'retry-schedule': '10ms,20ms' })
  const receiver = await startReceiver({ answer: () => ({ status: 503, body: 'down' }) })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)

  await deliveryIs(api, application, message, { statusText: 'fail', status: 2, nextAttempt: null })
  const failed = { responseStatusCode: 503, statusText: 'fail', response: 'down' }
  await attemptsAre(api, application, message, [failed, failed, failed])
  expect(receiver.requests).toHaveLength(3)
  expect(await api.ask('GET', `/app/${application}/endpoint/${endpoint}`)).toMatchObject({ disabled: false })
})

test('a receiver that answers 410 is disabled and gets nothing more', async () => {
  const { api, application } = await start({ 'retry-schedule': '10ms' })
  const receiver = await startReceiver({ answer: () => ({ status: 410 }) })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)

  await deliveryIs(api, application, message, { statusText: 'fail', disabled: true })
  // What the attempt did to its endpoint is in the store a moment before the node sends by it.
  await eventually(
    () => api.ask('POST', `/app/${application}/msg/precheck/active`, { eventType: 'test.event' }),
    (seen) => expect(seen).toEqual({ active: false }),
  )
  const later = await api.send(application)
  expect(await api.deliveriesOf(application, later)).toEqual([])
  expect(receiver.requests).toHaveLength(1)

  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { disabled: false })
  receiver.answerWith(() => ({}))
  const last = await api.send(application)
  await deliveryIs(api, application, last, { statusText: 'success' })
})

test.for([301, 302, 303, 307, 308])('a redirect with %i is a failure and is not followed', async (status) => {
  const { api, application } = await start({ 'retry-schedule': LATER })
  const target = await startReceiver()
  const receiver = await startReceiver({ answer: () => ({ status, headers: { location: target.url } }) })
  await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)

  await attemptsAre(api, application, message, [
    { responseStatusCode: status, statusText: 'fail', failure: null },
  ])
  await deliveryIs(api, application, message, { statusText: 'pending' })
  expect(target.requests).toEqual([])
})

const DAY_MS = 86_400_000
const ASKED: readonly [name: string, value: () => string, waitMs: number][] = [
  ['seconds', () => '7200', 7_200_000],
  ['a date', () => new Date(Date.now() + 2 * 3_600_000 + 60_000).toUTCString(), 7_200_000],
  ['more than a day, which is cut to one', () => '99999999', DAY_MS],
]

test.for(ASKED)('Retry-After with %s puts the next attempt off', async ([, value, waitMs]) => {
  const { api, application } = await start({ 'retry-schedule': '10ms' })
  const answer: Answerer = () => ({ status: 429, headers: { 'retry-after': value() } })
  const receiver = await startReceiver({ answer })
  await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)

  const [attempt] = await attemptsAre(api, application, message, [{ responseStatusCode: 429 }])
  const { nextAttempt } = await deliveryIs(api, application, message, { statusText: 'pending' })
  expect(Date.parse(nextAttempt!) - Date.parse(attempt!.timestamp)).toBeGreaterThanOrEqual(waitMs)
})

test('Retry-After does not shorten the wait', async () => {
  const { api, application } = await start({ 'retry-schedule': LATER })
  const receiver = await startReceiver({ answer: () => ({ status: 503, headers: { 'retry-after': '0' } }) })
  await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)

  const [attempt] = await attemptsAre(api, application, message, [{ responseStatusCode: 503 }])
  const { nextAttempt } = await deliveryIs(api, application, message, { statusText: 'pending' })
  expect(Date.parse(nextAttempt!) - Date.parse(attempt!.timestamp)).toBeGreaterThanOrEqual(3_600_000)
})
