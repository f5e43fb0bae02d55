import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

async function start(flags: Readonly<Record<string, unknown>> = {}) {
  const server = await startServer(flags)
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  const receiver = await startReceiver()
  const application = await server.api.makeApplication()
  const endpoint = await server.api.makeEndpoint(application, receiver.url)
  const { api } = server
  /**
   * What became of a message: its one delivery, and its attempts, newest first. The attempts are read first: a delivery read
   * before the attempt that settles it would be shown as it stood while that was being made.
   */
  const look = async (message: string) => {
    const { data: attempts } = await svix.messageAttempt.listByMsg(application, message, {})
    return { attempts, deliveries: await api.deliveriesOf(application, message) }
  }
  /** Resolves when the message's delivery has this status and so many attempts. */
  const settled = (message: string, statusText: string, attempts: number) =>
    eventually(
      () => look(message),
      (seen) => {
        expect(seen.deliveries).toMatchObject([{ statusText }])
        expect(seen.attempts).toHaveLength(attempts)
      },
    )
  return { server, api, svix, receiver, application, endpoint, look, settled }
}

test('a message that arrived is sent once more, with the same id and bytes, as a manual attempt', async () => {
  const { api, svix, receiver, application, endpoint, settled } = await start()
  const message = await api.send(application, { payload: { total: 1 } })
  await settled(message, 'success', 1)

  await svix.messageAttempt.resend(application, message, endpoint)
  const { attempts } = await settled(message, 'success', 2)
  expect(attempts.map(({ triggerType }) => triggerType)).toEqual([1, 0])
  const [first, second] = receiver.requests
  expect(second!.id).toBe(first!.id)
  expect(second!.body).toEqual(first!.body)
})

test('a resend that fails is not tried again, and what had arrived is still a success', async () => {
  const { api, svix, receiver, application, endpoint, look, settled } = await start({
    'retry-schedule': '10ms,10ms',
  })
  const message = await api.send(application)
  await settled(message, 'success', 1)
  receiver.answerWith(() => ({ status: 500 }))

  await svix.messageAttempt.resend(application, message, endpoint)
  await settled(message, 'success', 2)
  // Another message has all its retries meanwhile: the resend had time for one, if it had any.
  await settled(await api.send(application), 'fail', 3)
  const { attempts, deliveries } = await look(message)
  expect(attempts).toMatchObject([
    { triggerType: 1, status: 2 },
    { triggerType: 0, status: 0 },
  ])
  expect(deliveries).toMatchObject([{ statusText: 'success', nextAttempt: null }])
})

test('what was exhausted is a success after a resend that arrives', async () => {
  const { api, svix, receiver, application, endpoint, settled } = await start({ 'retry-schedule': 'none' })
  receiver.answerWith(() => ({ status: 500 }))
  const message = await api.send(application)
  await settled(message, 'fail', 1)

  receiver.answerWith(() => ({}))
  await svix.messageAttempt.resend(application, message, endpoint)
  const { attempts } = await settled(message, 'success', 2)
  expect(attempts).toMatchObject([{ status: 0 }, { status: 2 }])
})

test('a resend of what waits for a retry takes nothing from its schedule', async () => {
  const { api, svix, receiver, application, endpoint, settled } = await start({ 'retry-schedule': '1h' })
  receiver.answerWith(() => ({ status: 500 }))
  const message = await api.send(application)
  const before = await settled(message, 'pending', 1)

  await svix.messageAttempt.resend(application, message, endpoint)
  const after = await settled(message, 'pending', 2)
  expect(after.deliveries[0]!.nextAttempt).toBe(before.deliveries[0]!.nextAttempt)
  expect(after.deliveries[0]!.nextAttempt).not.toBeNull()
})

test('a message is sent to an endpoint that it never went to', async () => {
  const { api, svix, receiver, application, settled } = await start()
  const message = await api.send(application)
  await settled(message, 'success', 1)
  const late = await api.makeEndpoint(application, `${receiver.url}/late`)
  await svix.messageAttempt.resend(application, message, late)
  await receiver.waitFor((requests) => requests.length === 2)
  expect(receiver.requests[1]).toMatchObject({ id: message, path: '/hook/late' })
})

test('a resend to a disabled endpoint, and of or to what is not there, is refused', async () => {
  const { api, application, endpoint, settled } = await start()
  const message = await api.send(application)
  await settled(message, 'success', 1)
  const resend = (id: string, to: string) =>
    api.call('POST', `/app/${application}/msg/${id}/endpoint/${to}/resend`)
  expect(await resend('msg_unknown', endpoint)).toMatchObject({ status: 404 })
  expect(await resend(message, 'ep_unknown')).toMatchObject({ status: 404 })
  expect(await resend(message, endpoint)).toMatchObject({ status: 202, body: {} })
  await settled(message, 'success', 2)
  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { disabled: true })
  expect(await resend(message, endpoint)).toMatchObject({ status: 409, body: { code: 'conflict' } })
})

test('an example of an event type goes to the one endpoint, whatever it filters by', async () => {
  const { svix, api, receiver, application } = await start()
  const schema = { type: 'object', examples: [{ total: 1 }, { total: 2 }] }
  await svix.eventType.create({ name: 'invoice.paid', description: '', schemas: { 1: schema } })
  const picky = await api.makeEndpoint(application, `${receiver.url}/picky`, { eventTypes: ['other'] })

  const sent = await svix.endpoint.sendExample(application, picky, {
    eventType: 'invoice.paid',
    exampleIndex: 1,
  })
  expect(sent).toMatchObject({ eventType: 'invoice.paid', payload: { total: 2 } })
  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  expect(request).toMatchObject({ id: sent.id, path: '/hook/picky' })
  expect(JSON.parse(request!.body.toString())).toEqual({ total: 2 })
  const kept = await svix.message.get(application, sent.id, { withContent: true })
  expect(kept).toEqual(sent)

  const plain = await svix.endpoint.sendExample(application, picky, { eventType: 'unknown.type' })
  expect(plain.payload).toMatchObject({ type: 'unknown.type' })
  await receiver.waitFor((requests) => requests.length === 2)
  expect(receiver.requests.map(({ path }) => path)).toEqual(['/hook/picky', '/hook/picky'])
})
