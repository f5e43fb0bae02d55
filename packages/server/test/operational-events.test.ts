import { Check } from 'typebox/value'
import { expect, test } from 'vitest'

import { OPERATIONAL_EVENT_TYPES } from '../src/domain/operational-event.ts'
import { OPERATIONAL_WEBHOOKS } from '../src/http/operational-webhook/events.ts'
import type { Api, ShownAttempt } from './support/api.ts'
import { eventually } from './support/eventually.ts'
import { type Operator, startOperator } from './support/operator.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

/** Enough retries for every report, at once. */
const SCHEDULE = Array(6).fill('10ms').join(',')

async function start(flags: Readonly<Record<string, unknown>> = {}) {
  const { api } = await startServer({ 'retry-schedule': SCHEDULE, ...flags })
  const application = await api.makeApplication({ uid: 'acme' })
  return { api, application }
}

/** Waits for the number of events, and then for one more that is caused last: nothing else may have come before it. */
async function eventsUntil(api: Api, operator: Operator, number: number) {
  await eventually(operator.events, (events) => expect(events.length).toBeGreaterThanOrEqual(number))
  const marker = await api.makeApplication({})
  const { id } = await api.ask('POST', `/app/${marker}/endpoint`, {
    url: operator.receiver.url,
    disabled: true,
  })
  await eventually(operator.events, (events) =>
    expect(events.some(({ data }) => data['endpointId'] === id)).toBe(true),
  )
  return operator.events().filter(({ data }) => data['appId'] !== marker)
}

const typesOf = (events: readonly { readonly type: string }[]) => events.map(({ type }) => type).toSorted()

test('the life of an endpoint is told of, each event once, signed, in the form that the API describes', async () => {
  const { api, application } = await start()
  const operator = await startOperator(api)
  const path = `/app/${application}/endpoint`
  const { id } = await api.ask('POST', path, { url: operator.receiver.url, uid: 'main' })
  await api.ask('PATCH', `${path}/${id}`, { description: 'New' })
  await api.ask('PATCH', `${path}/${id}`, { disabled: true })
  await api.ask('PATCH', `${path}/${id}`, { disabled: true })
  await api.ask('PUT', `${path}/${id}`, { url: operator.receiver.url, uid: 'other' })
  await api.ask('DELETE', `${path}/${id}`)

  const events = await eventsUntil(api, operator, 8)
  expect(typesOf(events)).toEqual([
    'endpoint.created',
    'endpoint.deleted',
    'endpoint.disabled',
    'endpoint.enabled',
    ...Array<string>(4).fill('endpoint.updated'),
  ])
  const dataOf = (type: string) => events.find((event) => event.type === type)!.data
  const names = { appId: application, appUid: 'acme', endpointId: id }
  expect(dataOf('endpoint.created')).toEqual({ ...names, endpointUid: 'main' })
  expect(dataOf('endpoint.deleted')).toEqual({ ...names, endpointUid: 'other' })
  expect(dataOf('endpoint.disabled')).toEqual({
    ...names,
    endpointUid: 'main',
    failSince: null,
    trigger: 'manual',
    reason: null,
  })
  for (const { id: _id, ...event } of events) {
    expect(OPERATIONAL_WEBHOOKS.filter(({ schema }) => Check(schema, event))).toHaveLength(1)
  }
})

test('a PUT that makes an endpoint is its creation', async () => {
  const { api, application } = await start()
  const operator = await startOperator(api)
  await api.ask('PUT', `/app/${application}/endpoint/new`, { url: operator.receiver.url })
  expect(await eventsUntil(api, operator, 1)).toMatchObject([
    { type: 'endpoint.created', data: { endpointUid: 'new' } },
  ])
})

test('a delivery that fails is reported failing once and exhausted once', async () => {
  const { api, application } = await start()
  const operator = await startOperator(api)
  const receiver = await startReceiver({ answer: () => ({ status: 500 }) })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application, { eventId: 'invoice-1' })

  const events = await eventsUntil(api, operator, 3)
  expect(typesOf(events)).toEqual([
    'endpoint.created',
    'message.attempt.exhausted',
    'message.attempt.failing',
  ])
  const attempts = await api.attemptsOf(application, message)
  const dataOf = ({ id, timestamp }: ShownAttempt) => ({
    appId: application,
    appUid: 'acme',
    endpointId: endpoint,
    msgId: message,
    msgEventId: 'invoice-1',
    lastAttempt: { id, timestamp, responseStatusCode: 500 },
  })
  expect(attempts).toHaveLength(7)
  expect(events.find(({ type }) => type === 'message.attempt.failing')!.data).toEqual(dataOf(attempts[3]!))
  expect(events.find(({ type }) => type === 'message.attempt.exhausted')!.data).toEqual(dataOf(attempts[6]!))
  for (const { id: _id, ...event } of events) {
    expect(OPERATIONAL_WEBHOOKS.filter(({ schema }) => Check(schema, event))).not.toEqual([])
  }
})

test('a delivery that was reported failing recovers once, and one that failed less is not reported', async () => {
  const { api, application } = await start()
  const operator = await startOperator(api, { eventTypes: OPERATIONAL_EVENT_TYPES.slice(5) })
  const seen = new Map<string, number>()
  const failures: Record<string, number> = { four: 4, three: 3, none: 0 }
  const receiver = await startReceiver({
    answer: ({ id, body }) => {
      seen.set(id, (seen.get(id) ?? 0) + 1)
      const { name } = JSON.parse(body.toString()) as { name: string }
      return { status: seen.get(id)! <= failures[name]! ? 503 : 200 }
    },
  })
  await api.makeEndpoint(application, receiver.url)
  const send = (name: string) => api.send(application, { payload: { name } })
  const [four, three, none] = await Promise.all(['four', 'three', 'none'].map(send))
  await eventually(
    () => Promise.all([four!, three!, none!].map((id) => api.deliveriesOf(application, id))),
    (all) => expect(all.flat().map(({ status }) => status)).toEqual([0, 0, 0]),
  )
  await eventually(operator.events, (events) => expect(events).toHaveLength(2))
  // Sent once more by hand, what has recovered does not recover again.
  const { id: endpoint } = (await api.deliveriesOf(application, four!))[0]!
  await api.ask('POST', `/app/${application}/msg/${four}/endpoint/${endpoint}/resend`)
  await eventually(
    () => api.attemptsOf(application, four!),
    (attempts) => expect(attempts).toHaveLength(6),
  )
  failures['gone'] = 99
  const gone = await send('gone')
  await eventually(operator.events, (events) => expect(events).toHaveLength(4))
  // They are sent beside each other, so of two that follow closely either may arrive first.
  const told = operator.events().map(({ type, data }) => `${type} ${String(data['msgId'])}`)
  expect(told.toSorted()).toEqual(
    [
      `message.attempt.failing ${four}`,
      `message.attempt.recovered ${four}`,
      `message.attempt.failing ${gone}`,
      `message.attempt.exhausted ${gone}`,
    ].toSorted(),
  )
})

test('an exhausted delivery that succeeds by hand has recovered', async () => {
  const { api, application } = await start({ 'retry-schedule': '10ms' })
  const operator = await startOperator(api, {
    eventTypes: ['message.attempt.exhausted', 'message.attempt.recovered'],
  })
  const receiver = await startReceiver({ answer: () => ({ status: 500 }) })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)
  await eventually(operator.events, (events) => expect(events).toHaveLength(1))
  receiver.answerWith(() => ({}))
  await api.ask('POST', `/app/${application}/msg/${message}/endpoint/${endpoint}/resend`)
  await eventually(operator.events, (events) =>
    expect(events.map(({ type }) => type)).toEqual([
      'message.attempt.exhausted',
      'message.attempt.recovered',
    ]),
  )
})

test('an endpoint that answers 410 to several at once is reported disabled once', async () => {
  const { api, application } = await start()
  const operator = await startOperator(api, { eventTypes: ['endpoint.disabled', 'endpoint.created'] })
  let arrived = () => {}
  const allArrived = new Promise<void>((resolve) => (arrived = resolve))
  const receiver = await startReceiver({
    answer: async (_request, turn) => {
      if (turn === 3) arrived()
      await allArrived
      return { status: 410 }
    },
  })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const messages = await Promise.all([1, 2, 3].map(() => api.send(application)))
  await eventually(
    () => Promise.all(messages.map((id) => api.attemptsOf(application, id))),
    (attempts) => expect(attempts.flat()).toHaveLength(3),
  )
  const first = (await Promise.all(messages.map((id) => api.attemptsOf(application, id)))).flat()
  const events = await eventsUntil(api, operator, 2)
  expect(typesOf(events)).toEqual(['endpoint.created', 'endpoint.disabled'])
  const { data } = events.find(({ type }) => type === 'endpoint.disabled')!
  expect(data).toMatchObject({ endpointId: endpoint, trigger: 'automatic', reason: 'gone' })
  expect(first.map(({ timestamp }) => timestamp)).toContain(data['failSince'])
})

test('an endpoint that does nothing but fail for too long is reported disabled, with the time since when', async () => {
  const { api, application } = await start({
    'retry-schedule': Array(50).fill('100ms').join(','),
    'disable-after': '1s',
  })
  const operator = await startOperator(api, { eventTypes: ['endpoint.disabled'] })
  const receiver = await startReceiver({ answer: () => ({ status: 500 }) })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)
  const [event] = await eventually(operator.events, (events) => expect(events).toHaveLength(1))
  const path = `/app/${application}/endpoint/${endpoint}`
  const { failingSince } = await api.ask<{ failingSince: string | null }>('GET', path)
  expect(failingSince).not.toBeNull()
  expect(event!.data).toMatchObject({
    endpointId: endpoint,
    failSince: failingSince,
    trigger: 'automatic',
    reason: 'failing',
  })
  // Enabled by hand, it starts anew.
  receiver.answerWith(() => ({}))
  await api.ask('PATCH', path, { disabled: false })
  await eventually(
    () => api.deliveriesOf(application, message),
    (deliveries) => expect(deliveries).toMatchObject([{ statusText: 'success' }]),
  )
  expect(operator.events()).toHaveLength(1)
})

test('an operational endpoint gets the types it names, and a disabled one gets nothing', async () => {
  const { api, application } = await start()
  const created = await startOperator(api, { eventTypes: ['endpoint.created'] })
  const deleted = await startOperator(api, { eventTypes: ['endpoint.deleted'] })
  const off = await startOperator(api)
  await api.ask('PUT', `/operational-webhook/endpoint/${off.endpointId}`, {
    url: off.receiver.url,
    disabled: true,
  })
  const id = await api.makeEndpoint(application, created.receiver.url)
  await api.ask('PATCH', `/app/${application}/endpoint/${id}`, { description: 'New' })
  await api.ask('DELETE', `/app/${application}/endpoint/${id}`)
  await eventually(deleted.events, (events) => expect(typesOf(events)).toEqual(['endpoint.deleted']))
  await eventually(created.events, (events) => expect(typesOf(events)).toEqual(['endpoint.created']))
  expect(await attemptsAt(api, off.endpointId)).toEqual([])
})

test('nothing is told of operational endpoints: neither of their changes nor of their failures', async () => {
  const { api } = await start({ 'retry-schedule': '10ms' })
  const operator = await startOperator(api)
  const failing = await startOperator(api, { answer: () => ({ status: 410 }) })
  const path = '/operational-webhook/endpoint'
  await api.ask('PUT', `${path}/${failing.endpointId}`, { url: failing.receiver.url, description: 'New' })
  const spare = await api.ask('POST', path, { url: operator.receiver.url, disabled: true })
  await api.ask('DELETE', `${path}/${spare.id}`)
  const application = await api.makeApplication()
  await api.makeEndpoint(application, operator.receiver.url, { disabled: true })
  await eventually(
    () => api.ask<{ disabled: boolean }>('GET', `${path}/${failing.endpointId}`),
    (shown) => expect(shown).toMatchObject({ disabled: true, disabledReason: 'gone' }),
  )
  expect(typesOf(await eventsUntil(api, operator, 1))).toEqual(['endpoint.created'])
})

test('the attempts at an operational endpoint are recorded, made again, and listed with what was sent', async () => {
  const { api, application } = await start()
  const operator = await startOperator(api, {
    answer: (_request, turn) => (turn === 1 ? { status: 500, body: 'not now' } : {}),
  })
  const endpoint = await api.makeEndpoint(application, operator.receiver.url, { disabled: true })
  const attempts = await eventually(
    () => attemptsAt(api, operator.endpointId),
    (shown) => expect(shown).toHaveLength(2),
  )
  const [event] = operator.events()
  expect(attempts).toMatchObject([
    { msgId: event!.id, statusText: 'success', responseStatusCode: 204 },
    { msgId: event!.id, statusText: 'fail', responseStatusCode: 500, response: 'not now' },
  ])
  expect(attempts[0]!.msg).toMatchObject({
    eventType: 'endpoint.created',
    payload: { type: 'endpoint.created', data: { endpointId: endpoint } },
  })
  const path = `/operational-webhook/endpoint/${operator.endpointId}/attempt`
  expect(await api.ask('GET', `${path}?status=2`)).toMatchObject({ data: [{ responseStatusCode: 500 }] })
  expect(await api.call('GET', path.replace(operator.endpointId, endpoint))).toMatchObject({ status: 404 })
})

test('the API describes a webhook for every type of event', () => {
  const described = OPERATIONAL_WEBHOOKS.flatMap(({ schema }) => JSON.stringify(schema))
  expect(described).toHaveLength(OPERATIONAL_EVENT_TYPES.length)
  for (const type of OPERATIONAL_EVENT_TYPES) {
    expect(described.filter((text) => text.includes(`"${type}"`))).toHaveLength(1)
  }
})

async function attemptsAt(api: Api, endpointId: string) {
  const path = `/operational-webhook/endpoint/${endpointId}/attempt?with_msg=true`
  const { data } = await api.ask<{ data: (ShownAttempt & { msg: object })[] }>('GET', path)
  return data
}
