/** Endpoints get nothing before their owner has proved that it wants to be called, where the operator asks for that. */

import { expect, test } from 'vitest'

import { answerHandshake, generateSecret } from '@posthorn/receiver'
import { posthorn } from '@posthorn/receiver/providers'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { eventually } from './support/eventually.ts'
import { startOperator } from './support/operator.ts'
import { type Answer, type Answerer, type ReceivedRequest, gate, startReceiver } from './support/receiver.ts'
import { startServer, startServerOn } from './support/server.ts'

interface ShownEndpoint {
  readonly id: string
  readonly disabled: boolean
  readonly disabledReason: string | null
  readonly allowedPerMinute: number | null
}

const SECRET = generateSecret()
const UNVERIFIED = { disabled: true, disabledReason: 'unverified' }
const ENABLED = { disabled: false, disabledReason: null }

async function start(flags: Readonly<Record<string, unknown>>) {
  const { api } = await startServer({ 'retry-schedule': 'none', ...flags })
  const receiver = await startReceiver()
  const application = await api.makeApplication({ uid: 'acme' })
  const path = `/app/${application}/endpoint`
  return {
    api,
    receiver,
    application,
    path,
    create: (fields: object = {}) =>
      api.ask<ShownEndpoint>('POST', path, { url: receiver.url, secret: SECRET, ...fields }),
    verify: (id: string) =>
      api.ask<{ verified: boolean; detail: string | null }>('POST', `${path}/${id}/verify`),
    read: (id: string) => api.ask<ShownEndpoint>('GET', `${path}/${id}`),
    /** Messages that arrived: neither handshakes nor challenges. */
    messages: () => receiver.requests.filter(({ id }) => id.startsWith('msg_')),
  }
}

/** Answers as a receiver with our library does. */
const withLibrary: Answerer = async (request: ReceivedRequest): Promise<Answer> => {
  const handshake = await answerHandshake(request, posthorn({ secrets: SECRET }))
  if (handshake === null) return { status: 204 }
  if (!handshake.ok) return { status: 400, body: handshake.code }
  const { status, headers, body } = handshake.response
  return { status, headers, body: body ?? '' }
}

const challengeIn = ({ body }: ReceivedRequest) =>
  (JSON.parse(body.toString()) as { challenge: string }).challenge

test('nobody is asked by default', async () => {
  const { api, application, receiver, create, verify } = await start({})
  const endpoint = await create()
  expect(endpoint).toMatchObject(ENABLED)
  expect(await verify(endpoint.id)).toEqual({ verified: true, detail: null })
  await api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)
  expect(receiver.requests[0]!.headers).not.toHaveProperty('webhook-request-origin')
})

test('a new endpoint gets nothing until it answers a signed challenge, which the library does', async () => {
  const { api, application, path, receiver, create, verify, read, messages } = await start({
    'verify-endpoints': 'challenge',
  })
  receiver.answerWith(() => ({ status: 404 }))
  const { id, ...made } = await create()
  expect(made).toMatchObject(UNVERIFIED)
  const missed = await api.send(application)
  expect(await verify(id)).toEqual({
    verified: false,
    detail: expect.stringContaining('answered the challenge with 404') as string,
  })
  expect(await api.call('PATCH', `${path}/${id}`, { disabled: false })).toMatchObject({
    status: 409,
    body: { code: 'conflict', detail: expect.stringMatching(/404.*verify/) as string },
  })
  // A replacement by a client that knows nothing of this is accepted, and asks once more.
  const asked = receiver.requests.length
  const put = await api.ask<ShownEndpoint>('PUT', `${path}/${id}`, { url: receiver.url })
  expect(put).toMatchObject(UNVERIFIED)
  expect(receiver.requests).toHaveLength(asked + 1)
  // What changes something else asks nobody.
  expect(await api.ask('PATCH', `${path}/${id}`, { description: 'new' })).toMatchObject(UNVERIFIED)
  expect(receiver.requests).toHaveLength(asked + 1)
  const resent = await api.call('POST', `/app/${application}/msg/${missed}/endpoint/${id}/resend`)
  expect(resent.status).toBe(409)
  const explained = await api.call('GET', `/app/${application}/msg/${missed}/explain`)
  expect(explained.text).toContain('until its owner has proved that it wants to be called')

  receiver.answerWith(withLibrary)
  expect(await verify(id)).toEqual({ verified: true, detail: null })
  expect(await read(id)).toMatchObject(ENABLED)
  const message = await api.send(application)
  await receiver.waitFor(() => messages().length === 1)
  expect(messages()[0]!.id).toBe(message)
})

test('enabling an endpoint by hand asks its owner too', async () => {
  const { api, path, receiver, create } = await start({ 'verify-endpoints': 'challenge' })
  receiver.answerWith(withLibrary)
  const { id, ...made } = await create({ disabled: true })
  expect(made).toMatchObject(UNVERIFIED)
  expect(receiver.requests).toHaveLength(0)
  expect(await api.ask('PATCH', `${path}/${id}`, { disabled: false })).toMatchObject(ENABLED)
  expect(receiver.requests).toHaveLength(1)
  // Its owner has consented: later it is disabled and enabled as any other.
  await api.ask('PATCH', `${path}/${id}`, { disabled: true })
  expect(await api.ask('PATCH', `${path}/${id}`, { disabled: false })).toMatchObject(ENABLED)
  expect(receiver.requests).toHaveLength(1)
})

test.each<[string, Answerer, boolean]>([
  ['the challenge as text', (request) => ({ status: 200, body: `${challengeIn(request)}\n` }), true],
  [
    'the challenge as JSON',
    (request) => ({ status: 200, body: `{"challenge":"${challengeIn(request)}"}` }),
    true,
  ],
  ['what it was sent', ({ body }) => ({ status: 200, body }), false],
  ['another challenge', () => ({ status: 200, body: '{"challenge":"x"}' }), false],
  ['the challenge, as an error', (request) => ({ status: 400, body: challengeIn(request) }), false],
  ['nothing', () => ({ status: 204 }), false],
  ['a connection that is torn down', () => 'reset', false],
])('an answer of %s counts for what it is', async (_, answer, isProof) => {
  const { receiver, create } = await start({ 'verify-endpoints': 'challenge' })
  receiver.answerWith(answer)
  expect(await create()).toMatchObject(isProof ? ENABLED : UNVERIFIED)
  expect(receiver.requests).toHaveLength(1)
})

test('a new URL is its owner’s to prove, and a proof of the one before does not count', async () => {
  const { api, application, path, receiver, create, verify, read } = await start({
    'verify-endpoints': 'challenge',
  })
  receiver.answerWith(withLibrary)
  const { id, ...made } = await create()
  expect(made).toMatchObject(ENABLED)

  const other = await startReceiver({ answer: () => ({ status: 500 }) })
  expect(await api.ask('PATCH', `${path}/${id}`, { url: other.url })).toMatchObject(UNVERIFIED)
  expect(await api.deliveriesOf(application, await api.send(application))).toEqual([])

  // While the owner of one URL is asked, the endpoint gets another one.
  const held = gate()
  other.answerWith(async (request) => {
    await held.opened
    return { status: 200, body: challengeIn(request) }
  })
  const asked = verify(id)
  await other.waitFor((requests) => requests.length === 2)
  const third = await startReceiver({ answer: () => ({ status: 500 }) })
  expect(await api.ask('PATCH', `${path}/${id}`, { url: third.url })).toMatchObject(UNVERIFIED)
  held.open()
  expect(await asked).toMatchObject({ verified: false, detail: 'its URL was changed while it was asked' })
  expect(await read(id)).toMatchObject(UNVERIFIED)
})

test('the handshake of CloudEvents asks in the name of the public URL, and obeys the rate that is allowed', async () => {
  const { api, application, receiver, create, read, verify, messages } = await start({
    'verify-endpoints': 'cloudevents',
    'public-url': 'https://hooks.example.com/posthorn',
  })
  const allowing = (headers: Record<string, string>): Answerer => {
    return ({ method }) => (method === 'OPTIONS' ? { status: 405, headers } : { status: 204 })
  }
  receiver.answerWith(allowing({ 'WebHook-Allowed-Origin': 'other.example' }))
  const { id, ...made } = await create({ headers: { 'x-tenant': 'acme' } })
  expect(made).toMatchObject(UNVERIFIED)
  const [asked] = receiver.requests
  expect(asked).toMatchObject({ method: 'OPTIONS', path: '/hook' })
  expect(asked!.headers).toMatchObject({ 'webhook-request-origin': 'hooks.example.com', 'x-tenant': 'acme' })
  expect(asked!.body).toHaveLength(0)

  for (const [headers, words] of [
    [{}, 'without WebHook-Allowed-Origin'],
    [{ 'WebHook-Allowed-Origin': 'hooks.example.com', 'WebHook-Allowed-Rate': '0' }, 'WebHook-Allowed-Rate'],
  ] as const) {
    receiver.answerWith(allowing(headers))
    expect((await verify(id)).detail).toContain(words)
  }
  // The status does not count: many servers refuse OPTIONS in general.
  receiver.answerWith(
    allowing({ 'WebHook-Allowed-Origin': 'Hooks.Example.com', 'WebHook-Allowed-Rate': '6000' }),
  )
  expect(await verify(id)).toEqual({ verified: true, detail: null })
  expect(await read(id)).toMatchObject({ ...ENABLED, allowedPerMinute: 6_000 })
  await api.send(application)
  await receiver.waitFor(() => messages().length === 1)
  expect(messages()[0]!.headers['webhook-request-origin']).toBe('hooks.example.com')

  const anyone = await startReceiver({ answer: allowing({ 'WebHook-Allowed-Origin': '*' }) })
  expect(await create({ url: anyone.url })).toMatchObject({ ...ENABLED, allowedPerMinute: null })
})

test('the handshake needs a name to ask in', async () => {
  await expect(startServer({ 'verify-endpoints': 'cloudevents' })).rejects.toMatchObject({
    code: 'bad_config',
    hint: expect.stringContaining('--public-url') as string,
  })
})

test('credentials are shown when an owner is asked', async () => {
  const { receiver, create } = await start({ 'verify-endpoints': 'challenge' })
  receiver.answerWith((request) =>
    request.headers['authorization'] === undefined
      ? { status: 401 }
      : { status: 200, body: challengeIn(request) },
  )
  expect(await create({ auth: { type: 'basic', username: 'a', password: 'b' } })).toMatchObject(ENABLED)
})

test('operators are not asked about endpoints of their own, and are told of what becomes of the others', async () => {
  const { api, path, receiver, create, verify } = await start({ 'verify-endpoints': 'challenge' })
  const operator = await startOperator(api)
  receiver.answerWith(withLibrary)
  const { id } = await create()
  const other = await startReceiver({ answer: () => ({ status: 500 }) })
  await api.ask('PATCH', `${path}/${id}`, { url: other.url })
  other.answerWith(withLibrary)
  expect(await verify(id)).toMatchObject({ verified: true })
  await eventually(operator.events, (events) =>
    expect(events.map(({ type, data }) => JSON.stringify([type, data['reason']])).toSorted()).toEqual([
      '["endpoint.created",null]',
      '["endpoint.disabled","unverified"]',
      '["endpoint.enabled",null]',
      '["endpoint.enabled",null]',
      '["endpoint.updated",null]',
      '["endpoint.updated",null]',
      '["endpoint.updated",null]',
    ]),
  )
})

test('where owners are no longer asked, an endpoint that waits for its own is enabled by hand', async () => {
  const data = await temporaryFolder()
  const receiver = await startReceiver({ answer: () => ({ status: 500 }) })
  const first = await startServerOn(data, { 'verify-endpoints': 'challenge' })
  const application = await first.api.makeApplication()
  const id = await first.api.makeEndpoint(application, receiver.url)
  await first.stop()
  const second = await startServerOn(data)
  try {
    const path = `/app/${application}/endpoint/${id}`
    expect(await second.api.ask('GET', path)).toMatchObject(UNVERIFIED)
    const verified = await second.api.ask('POST', `${path}/verify`)
    expect(verified).toEqual({ verified: false, detail: expect.stringContaining('PATCH') as string })
    expect(await second.api.ask('PATCH', path, { disabled: false })).toMatchObject(ENABLED)
  } finally {
    await second.stop()
  }
})
