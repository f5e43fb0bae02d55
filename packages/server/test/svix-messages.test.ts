import { MessageStatus, StatusCodeClass, Svix, Webhook as SvixWebhook, messageInRaw } from 'svix'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

async function start() {
  const server = await startServer()
  return new Svix(TOKEN, { serverUrl: server.url })
}

test('a message sent by the official client arrives, verifies, and its attempts are shown', async () => {
  const svix = await start()
  const receiver = await startReceiver({ answer: () => ({ status: 200, body: 'thank you' }) })
  await svix.application.create({ name: 'Acme', uid: 'acme' })
  const endpoint = await svix.endpoint.create('acme', { url: receiver.url, uid: 'main' })
  const { key } = await svix.endpoint.getSecret('acme', 'main')

  const message = await svix.message.create('acme', {
    eventType: 'invoice.paid',
    eventId: 'evt-1',
    channels: ['eu'],
    tags: ['vip'],
    payload: { total: 12 },
  })
  expect(message).toMatchObject({ eventType: 'invoice.paid', eventId: 'evt-1', payload: {}, tags: ['vip'] })
  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  expect(new Webhook(key).verify(request!.body, request!.headers)).toEqual({ total: 12 })
  expect(request).toMatchObject({ id: message.id, method: 'POST', path: '/hook' })
  expect(request!.headers).toMatchObject({ 'content-type': 'application/json' })

  const attempts = await eventually(
    () => svix.messageAttempt.listByMsg('acme', message.id, { withContent: true }),
    ({ data }) => expect(data).toHaveLength(1),
  )
  const attempt = attempts.data[0]!
  expect(attempt).toMatchObject({
    msgId: message.id,
    endpointId: endpoint.id,
    url: receiver.url,
    status: 0,
    statusText: 'success',
    responseStatusCode: 200,
    response: 'thank you',
    triggerType: 0,
  })
  expect(await svix.messageAttempt.get('acme', message.id, attempt.id)).toEqual(attempt)
  const byEndpoint = await svix.messageAttempt.listByEndpoint('acme', 'main', {
    withMsg: true,
    withContent: true,
  })
  expect(byEndpoint.data).toMatchObject([{ id: attempt.id, msg: { id: message.id, payload: { total: 12 } } }])
  expect(
    (await svix.messageAttempt.listByMsg('acme', message.id, { status: MessageStatus.Fail })).data,
  ).toEqual([])
  expect(
    (await svix.messageAttempt.listByMsg('acme', message.id, { statusCodeClass: StatusCodeClass.Code2xx }))
      .data,
  ).toHaveLength(1)

  const destinations = await svix.messageAttempt.listAttemptedDestinations('acme', message.id)
  expect(destinations.data).toMatchObject([{ id: endpoint.id, statusText: 'success', nextAttempt: null }])
  const messages = await svix.messageAttempt.listAttemptedMessages('acme', 'main', { withContent: true })
  expect(messages.data).toMatchObject([{ id: message.id, statusText: 'success', payload: { total: 12 } }])

  expect(await svix.message.get('acme', message.id, { withContent: true })).toMatchObject({
    payload: { total: 12 },
  })
  expect(await svix.message.get('acme', 'evt-1')).toMatchObject({ id: message.id, payload: {} })
  expect(
    (await svix.message.list('acme', { tag: 'vip', eventTypes: ['invoice.paid', 'x'] })).data,
  ).toHaveLength(1)
  expect((await svix.message.list('acme', { channel: 'us' })).data).toEqual([])
  expect((await svix.message.list('acme', { before: message.timestamp })).data).toEqual([])
})

test('a raw message of the official client arrives as its text and media type', async () => {
  const svix = await start()
  const receiver = await startReceiver()
  await svix.application.create({ name: 'Acme', uid: 'acme' })
  await svix.endpoint.create('acme', { url: receiver.url, uid: 'main' })
  const { key } = await svix.endpoint.getSecret('acme', 'main')

  await svix.message.create('acme', messageInRaw('note.sent', '<note>é😀</note>', 'application/xml'))
  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  expect(request!.body.toString()).toBe('<note>é😀</note>')
  expect(request!.headers).toMatchObject({ 'content-type': 'application/xml' })
  new Webhook(key).verify(request!.body, request!.headers, { jsonParse: false })
})

test('with --svix-headers the official client verifies by its own headers, and the message is the same', async () => {
  const server = await startServer({ 'svix-headers': true })
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  const receiver = await startReceiver()
  await svix.application.create({ name: 'Acme', uid: 'acme' })
  await svix.endpoint.create('acme', { url: receiver.url, uid: 'main' })
  const { key } = await svix.endpoint.getSecret('acme', 'main')
  const { id } = await svix.message.create('acme', { eventType: 'a', payload: { total: 1 } })

  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  const { headers } = request!
  expect(headers).toMatchObject({ 'svix-id': id, 'webhook-id': id })
  const svixHeaders = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('svix-')))
  expect(Object.keys(svixHeaders)).toHaveLength(3)
  const webhook = new SvixWebhook(key)
  expect(() => webhook.verify(request!.body, svixHeaders)).not.toThrow()
  expect(() => webhook.verify('{"total":2}', svixHeaders)).toThrow('No matching signature')
  expect(new Webhook(key).verify(request!.body, headers)).toEqual({ total: 1 })
})

test('without --svix-headers they are not sent', async () => {
  const svix = await start()
  const receiver = await startReceiver()
  await svix.application.create({ name: 'Acme', uid: 'acme' })
  await svix.endpoint.create('acme', { url: receiver.url })
  await svix.message.create('acme', { eventType: 'a', payload: {} })
  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  expect(Object.keys(request!.headers).filter((name) => name.startsWith('svix-'))).toEqual([])
})

test('a first message can make its application', async () => {
  const svix = await start()
  const message = await svix.message.create('acme', {
    eventType: 'a',
    payload: {},
    application: { name: 'Acme', uid: 'acme' },
  })
  expect((await svix.message.list('acme')).data).toMatchObject([{ id: message.id }])
})
