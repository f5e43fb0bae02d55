import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { apiOf } from './support/api.ts'
import { eventually } from './support/eventually.ts'
import { gate, startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

async function start() {
  const server = await startServer({ 'retry-schedule': '1h' })
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  await svix.application.create({ name: 'Acme', uid: 'acme' })
  return { ...server, svix }
}

test('a payload that the official client expunges is shown as expired, everywhere', async () => {
  const { svix } = await start()
  const receiver = await startReceiver()
  await svix.endpoint.create('acme', { url: receiver.url, uid: 'main' })
  const { id } = await svix.message.create('acme', { eventType: 'a', payload: { secret: 1 } })
  await eventually(
    () => svix.messageAttempt.listByMsg('acme', id),
    ({ data }) => expect(data).toHaveLength(1),
  )
  expect((await svix.message.get('acme', id, { withContent: true })).payload).toEqual({ secret: 1 })

  await svix.message.expungeContent('acme', id)
  const withContent = { withContent: true }
  expect((await svix.message.get('acme', id, withContent)).payload).toEqual({ expired: true })
  expect((await svix.message.get('acme', id)).payload).toEqual({})
  expect((await svix.message.list('acme', withContent)).data[0]!.payload).toEqual({ expired: true })
  const messages = await svix.messageAttempt.listAttemptedMessages('acme', 'main', withContent)
  expect(messages.data[0]).toMatchObject({ payload: { expired: true }, statusText: 'success' })
  const attempts = await svix.messageAttempt.listByEndpoint('acme', 'main', { ...withContent, withMsg: true })
  expect(attempts.data[0]!.msg!.payload).toEqual({ expired: true })
  await expect(svix.message.expungeContent('acme', 'msg_unknown')).rejects.toMatchObject({ code: 404 })
})

test('what waits of an expunged message is canceled, and what is being sent is not tried again', async () => {
  const { api, svix } = await start()
  const answer = gate()
  const receiver = await startReceiver({
    answer: async () => {
      await answer.opened
      return { status: 500 }
    },
  })
  await svix.endpoint.create('acme', { url: receiver.url })
  const sending = await api.send('acme', { payload: { number: 1 } })
  const waiting = await api.send('acme', { deliverAt: new Date(Date.now() + 3_600_000).toISOString() })
  await receiver.waitFor((requests) => requests.length === 1)
  for (const id of [sending, waiting]) await svix.message.expungeContent('acme', id)

  expect(await api.deliveriesOf('acme', waiting)).toMatchObject([
    { statusText: 'canceled', nextAttempt: null },
  ])
  answer.open()
  await eventually(
    () => api.attemptsOf('acme', sending),
    (attempts) => expect(attempts).toMatchObject([{ responseStatusCode: 500 }]),
  )
  const explained = await api.ask<{ data: object[] }>('GET', `/app/acme/msg/${sending}/explain`)
  expect(explained.data).toMatchObject([{ reason: 'canceled_content_expunged', attempts: 1 }])
})

test('an answer that the official client expunges is gone', async () => {
  const { svix } = await start()
  const receiver = await startReceiver({ answer: () => ({ status: 200, body: 'a secret' }) })
  await svix.endpoint.create('acme', { url: receiver.url })
  const { id } = await svix.message.create('acme', { eventType: 'a', payload: {} })
  const { data } = await eventually(
    () => svix.messageAttempt.listByMsg('acme', id, { withContent: true }),
    (page) => expect(page.data).toMatchObject([{ response: 'a secret' }]),
  )
  await svix.messageAttempt.expungeContent('acme', id, data[0]!.id)
  expect(await svix.messageAttempt.get('acme', id, data[0]!.id)).toMatchObject({
    response: 'EXPUNGED',
    statusText: 'success',
  })
  await expect(svix.messageAttempt.expungeContent('acme', id, 'atmpt_x')).rejects.toMatchObject({ code: 404 })
})

test('several payloads are expunged at once, by id or event id', async () => {
  const { svix } = await start()
  const { id } = await svix.message.create('acme', { eventType: 'a', eventId: 'evt-1', payload: { a: 1 } })
  const other = await svix.message.create('acme', { eventType: 'a', payload: { a: 1 } })
  const { results } = await svix.message.bulkExpungeContent('acme', { ids: ['evt-1', other.id, 'nothing'] })
  expect(results).toEqual({ 'evt-1': 'expunged', [other.id]: 'expunged', nothing: 'not-found' })
  expect((await svix.message.get('acme', id, { withContent: true })).payload).toEqual({ expired: true })
})

test.each([
  ['4 days', { payloadRetentionPeriod: 4 }, 422],
  ['91 days', { payloadRetentionPeriod: 91 }, 422],
  ['5 days', { payloadRetentionPeriod: 5 }, 202],
  ['90 days', { payloadRetentionPeriod: 90 }, 202],
  ['5 hours', { payloadRetentionHours: 5 }, 422],
  ['2161 hours', { payloadRetentionHours: 2_161 }, 422],
  ['2160 hours', { payloadRetentionHours: 2_160 }, 202],
  ['days and hours', { payloadRetentionPeriod: 5, payloadRetentionHours: 6 }, 422],
])('a payload to be kept for %s is answered as the contract says', async (_, fields, status) => {
  const { api } = await start()
  const reply = await api.call('POST', '/app/acme/msg', { eventType: 'a', payload: {}, ...fields })
  expect(reply.status).toBe(status)
})

test('all payloads of an application are expunged in the background, by the organisation only', async () => {
  const { api, svix, url } = await start()
  const waiting = await api.send('acme', { deliverAt: new Date(Date.now() + 3_600_000).toISOString() })
  await svix.endpoint.create('acme', { url: 'https://127.0.0.1:1/', disabled: true, uid: 'main' })
  for (let sent = 0; sent < 120; sent++) await api.send('acme', { payload: { secret: sent } })
  await api.makeApplication({ uid: 'other' })
  const theirs = await api.send('other', { payload: { kept: true } })

  const task = await svix.message.expungeAllContents('acme')
  const { token } = await api.ask<{ token: string }>('POST', '/auth/api-token', { name: 'x', appId: 'acme' })
  const own = apiOf(url, token)
  expect(await own.call('POST', `/background-task/${task.id}/cancel`)).toMatchObject({ status: 404 })
  expect(await own.call('POST', '/app/acme/msg/expunge-all-contents')).toMatchObject({ status: 403 })
  const over = await eventually(
    () => svix.backgroundTask.get(task.id),
    ({ status }) => expect(status).toBe('finished'),
  )
  expect(over).toMatchObject({
    task: 'application.purge_content',
    data: { messagesPurged: 121, progress: 1 },
  })

  const { data } = await svix.message.list('acme', { withContent: true, limit: 250 })
  expect(new Set(data.map(({ payload }) => JSON.stringify(payload)))).toEqual(new Set(['{"expired":true}']))
  expect(data.map(({ id }) => id)).toContain(waiting)
  expect((await svix.message.get('other', theirs, { withContent: true })).payload).toEqual({ kept: true })
  await expect(svix.message.expungeAllContents('nobody')).rejects.toMatchObject({ code: 404 })
})
