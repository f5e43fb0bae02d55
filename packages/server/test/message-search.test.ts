import { MessageStatus, Svix } from 'svix'
import { expect, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

interface Found {
  readonly data: { readonly id: string; readonly payload: object }[]
}

test('messages are found by id, event id, type, tag, channel, time and status, also together', async () => {
  const { api } = await startServer({ 'retry-schedule': 'none' })
  const receiver = await startReceiver()
  receiver.answerWith(({ body }) => ({ status: body.toString().includes('bad') ? 500 : 204 }))
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url, { eventTypes: ['paid', 'lost'] })
  const good = await api.send('acme', {
    eventType: 'paid',
    eventId: 'evt-1',
    tags: ['vip'],
    channels: ['eu'],
  })
  const bad = await api.send('acme', { eventType: 'lost', tags: ['vip'], payload: { is: 'bad' } })
  const unsent = await api.send('acme', { eventType: 'other' })
  const find = async (query: string) =>
    (await api.ask<Found>('GET', `/app/acme/msg?${query}&order=ascending`)).data.map(({ id }) => id)
  await eventually(
    () => find('status=2'),
    (ids) => expect(ids).toEqual([bad]),
  )
  await eventually(
    () => find('status=0'),
    (ids) => expect(ids).toEqual([good]),
  )

  expect(await find('')).toEqual([good, bad, unsent])
  expect(await find(`id=${bad}`)).toEqual([bad])
  expect(await find('event_id=evt-1')).toEqual([good])
  expect(await find('tag=vip')).toEqual([good, bad])
  expect(await find('tag=vip&status=2')).toEqual([bad])
  expect(await find('channel=eu')).toEqual([good])
  expect(await find('event_types=paid,other')).toEqual([good, unsent])
  expect(await find('event_types=paid&event_types=other')).toEqual([good, unsent])
  expect(await find('event_types=paid,lost&status=0&tag=vip')).toEqual([good])
  expect(await find('status=1')).toEqual([])
  expect(await find('after=2100-01-01T00:00:00Z')).toEqual([])
  expect((await api.call('GET', '/app/acme/msg?status=9')).status).toBe(422)
  const { data } = await api.ask<Found>('GET', '/app/acme/msg?status=2&with_content=false')
  expect(data[0]!.payload).toEqual({})
})

test('the official client finds what failed at an endpoint, by status, class and type', async () => {
  const { api, url } = await startServer({ 'retry-schedule': 'none' })
  const svix = new Svix(TOKEN, { serverUrl: url })
  const receiver = await startReceiver()
  receiver.answerWith(({ body }) => ({ status: body.toString().includes('bad') ? 503 : 204 }))
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url, { uid: 'main' })
  const bad = await api.send('acme', { eventType: 'lost', tags: ['vip'], payload: { is: 'bad' } })
  await api.send('acme', { eventType: 'paid' })
  const attempts = async (options: object) =>
    (await svix.messageAttempt.listByEndpoint('acme', 'main', options)).data.map(({ msgId }) => msgId)
  await eventually(
    () => attempts({}),
    (all) => expect(all).toHaveLength(2),
  )

  expect(await attempts({ status: MessageStatus.Fail })).toEqual([bad])
  expect(await attempts({ statusCodeClass: 500 })).toEqual([bad])
  expect(await attempts({ statusCodeClass: 400 })).toEqual([])
  expect(await attempts({ statusCodeClass: 500, status: MessageStatus.Success })).toEqual([])
  expect(await attempts({ eventTypes: ['lost'], statusCodeClass: 500 })).toEqual([bad])
  expect(await attempts({ eventTypes: ['paid'], statusCodeClass: 500 })).toEqual([])
  expect(await attempts({ tag: 'vip' })).toEqual([bad])
  const failed = await svix.messageAttempt.listAttemptedMessages('acme', 'main', {
    status: MessageStatus.Fail,
    eventTypes: ['lost'],
  })
  expect(failed.data).toMatchObject([{ id: bad, statusText: 'fail' }])
})
