import { expect, test } from 'vitest'

import type { Api } from './support/api.ts'
import { eventually } from './support/eventually.ts'
import { gate, startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

interface ShownQueue {
  readonly ordering: string
  readonly waiting: number
  readonly sending: number
  readonly oldestAgeSeconds: number | null
  readonly head: { readonly messageId: string; readonly attempts: number; readonly statusText: string } | null
}

/** An endpoint whose messages are only tried again when nobody waits for it any more. */
async function start(fields: object) {
  const { api } = await startServer({ 'retry-schedule': '1h' })
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, receiver.url, fields)
  const path = `/app/${application}`
  return {
    api,
    receiver,
    application,
    endpoint,
    skip: (message: string) => api.call('POST', `${path}/msg/${message}/endpoint/${endpoint}/skip`),
    explain: async (message: string) =>
      (await api.ask<{ data: object[] }>('GET', `${path}/msg/${message}/explain`)).data[0],
    queueIs: (expected: object) => queueIs(api, `${path}/endpoint/${endpoint}/queue`, expected),
  }
}

const queueIs = (api: Api, path: string, expected: object) =>
  eventually(
    () => api.ask<ShownQueue>('GET', path),
    (seen) => expect(seen).toMatchObject(expected),
  )

test('a message that fails holds those behind it, which is explained, until it is skipped', async () => {
  const { api, receiver, application, skip, explain, queueIs: isQueue } = await start({ ordering: 'fifo' })
  const isBad = ({ body }: { body: Buffer }) => body.includes('bad')
  receiver.answerWith((request) => ({ status: isBad(request) ? 503 : 200, body: 'no' }))
  const send = (payload: object) => api.send(application, { payload })
  const [first, bad, third, fourth] = [
    await send({}),
    await send({ bad: true }),
    await send({}),
    await send({}),
  ]
  const queue = await isQueue({
    ordering: 'fifo',
    waiting: 3,
    sending: 0,
    head: {
      messageId: bad,
      attempts: 1,
      statusText: 'pending',
      lastAttempt: { responseStatusCode: 503, failure: null, response: 'no' },
    },
  })
  expect(queue.oldestAgeSeconds).toBeGreaterThan(0)
  expect(await explain(fourth)).toMatchObject({
    reason: 'waiting_in_line',
    waitsForMessageId: bad,
    text: expect.stringMatching(
      `${bad} goes first: it failed 1 time, the last was answered with 503, and its next attempt is on `,
    ) as string,
  })
  expect(await explain(bad)).toMatchObject({ reason: 'failing', waitsForMessageId: null })

  expect(await skip(bad)).toMatchObject({ status: 204 })
  await receiver.waitFor((requests) => requests.length === 4)
  expect(receiver.requests.map(({ id }) => id)).toEqual([first, bad, third, fourth])
  await isQueue({ waiting: 0, sending: 0, head: null, oldestTimestamp: null, oldestAgeSeconds: null })
  expect(await explain(bad)).toMatchObject({ reason: 'canceled', statusText: 'canceled' })
  expect(await skip(bad)).toMatchObject({ status: 409, body: { code: 'conflict' } })
})

test('what is being sent is not skipped', async () => {
  const { api, receiver, application, skip, queueIs: isQueue } = await start({ ordering: 'fifo' })
  const answer = gate()
  receiver.answerWith(async () => {
    await answer.opened
    return {}
  })
  const message = await api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)
  await isQueue({ sending: 1, head: { messageId: message, statusText: 'sending' } })
  expect(await skip(message)).toMatchObject({ status: 409, body: { code: 'conflict' } })
  answer.open()
  await isQueue({ sending: 0, head: null })
  expect(await api.deliveriesOf(application, message)).toMatchObject([{ statusText: 'success' }])
})

test('an endpoint without an order has a queue too, and a message in it may be skipped', async () => {
  const { api, receiver, application, skip, queueIs: isQueue } = await start({})
  receiver.answerWith(() => ({ status: 500 }))
  const messages = [await api.send(application), await api.send(application)]
  await isQueue({ ordering: 'none', waiting: 2, sending: 0 })
  expect(await skip(messages[0]!)).toMatchObject({ status: 204 })
  await isQueue({ waiting: 1, head: { messageId: messages[1], attempts: 1 } })
})

test('what is not there is neither skipped nor shown', async () => {
  const { api, application, endpoint, skip } = await start({})
  expect(await skip('msg_x')).toMatchObject({ status: 404 })
  const message = await api.send(application)
  const path = `/app/${application}/msg/${message}/endpoint/ep_x/skip`
  expect(await api.call('POST', path)).toMatchObject({ status: 404 })
  expect(await api.call('GET', `/app/other/endpoint/${endpoint}/queue`)).toMatchObject({ status: 404 })
})
