import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { type Api, type Reply, apiOf } from './support/api.ts'
import { startPosthorn } from './support/process.ts'
import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer, startServerOn } from './support/server.ts'
import { temporaryFolder } from './storage/temporary-folder.ts'

const MESSAGE = { eventType: 'invoice.paid', payload: { amount: 7 } }

const keyed = (key: string) => ({ 'idempotency-key': key })

const sendWith = (api: Api, key: string, body: unknown = MESSAGE): Promise<Reply> =>
  api.call('POST', '/app/mine/msg', body, keyed(key))

const messagesOf = async (api: Api) => (await api.ask<{ data: unknown[] }>('GET', '/app/mine/msg')).data

async function start() {
  const server = await startServer()
  await server.api.makeApplication({ uid: 'mine' })
  return server
}

test('a send that is repeated with its key and body is answered alike, and delivered once', async () => {
  const { api } = await start()
  const receiver = await startReceiver()
  await api.makeEndpoint('mine', receiver.url)
  const first = await sendWith(api, 'key-1')
  expect(first).toMatchObject({ status: 202, body: MESSAGE })
  await receiver.waitFor((requests) => requests.length === 1)

  const second = await sendWith(api, 'key-1')
  expect(second).toMatchObject({ status: 202, text: first.text })
  expect(second.headers.get('idempotent-replayed')).toBe('true')
  expect(await messagesOf(api)).toHaveLength(1)

  // What comes after it would come after a second delivery of it.
  await api.send('mine')
  await receiver.waitFor((requests) => requests.length === 2)
  expect(receiver.ids()).toHaveProperty('size', 2)
})

test('the same key with another body is refused, and its message is not kept', async () => {
  const { api } = await start()
  await sendWith(api, 'key-1')
  const other = await sendWith(api, 'key-1', { ...MESSAGE, payload: { amount: 8 } })
  expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } })
  expect(await messagesOf(api)).toHaveLength(1)
})

test('of fifty sends with one key at once, one message is made and all are answered with it', async () => {
  const { api } = await start()
  const replies = await Promise.all(Array.from({ length: 50 }, () => sendWith(api, 'key-1')))
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]))
  expect(new Set(replies.map(({ text }) => text))).toHaveProperty('size', 1)
  expect(await messagesOf(api)).toHaveLength(1)
})

test('a key that came with an error is free for the corrected request', async () => {
  const { api } = await start()
  expect(await sendWith(api, 'key-1', { eventType: 'a' })).toMatchObject({ status: 422 })
  expect(await sendWith(api, 'key-1')).toMatchObject({ status: 202 })
})

test('the same key serves each application, each path and each resource apart', async () => {
  const { api } = await start()
  await api.makeApplication({ uid: 'other' })
  const paths = ['/app/mine/msg', '/app/other/msg']
  for (const path of paths) {
    expect(await api.call('POST', path, MESSAGE, keyed('key-1'))).toMatchObject({ status: 202 })
  }
  const endpoint = { url: 'https://example.com/' }
  for (const application of ['mine', 'other']) {
    const made = await api.call('POST', `/app/${application}/endpoint`, endpoint, keyed('key-1'))
    expect(made).toMatchObject({ status: 201 })
  }
})

test('an application is one application by its id and by its uid', async () => {
  const { api } = await start()
  const { id } = await api.ask('GET', '/app/mine')
  const first = await sendWith(api, 'key-1')
  const second = await api.call('POST', `/app/${id}/msg`, MESSAGE, keyed('key-1'))
  expect(second).toMatchObject({ status: 202, text: first.text })
})

test('a message that was sent once is not sent again after kill -9 and a restart', async () => {
  const data = await temporaryFolder()
  const before = await startPosthorn(data)
  await before.api.makeApplication({ uid: 'mine' })
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) => sendWith(before.api, `key-${i % 5}`)),
  )
  await before.kill('SIGKILL')

  const { api } = await startPosthorn(data)
  for (let i = 0; i < 5; i++) {
    expect(await sendWith(api, `key-${i}`)).toMatchObject({ status: 202, text: replies[i]!.text })
  }
  expect(await sendWith(api, 'key-0', { ...MESSAGE, tags: ['x'] })).toMatchObject({ status: 409 })
  expect(await messagesOf(api)).toHaveLength(5)
})

test('other POSTs that are repeated at once, later or after a restart make one thing', async () => {
  const data = await temporaryFolder()
  const before = await startServerOn(data)
  await before.api.makeApplication({ uid: 'mine' })
  const make = (api: Api, body: object = { url: 'https://example.com/' }) =>
    api.call('POST', '/app/mine/endpoint', body, keyed('key-1'))
  const replies = await Promise.all(Array.from({ length: 50 }, () => make(before.api)))
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]))
  expect(new Set(replies.map(({ text }) => text))).toHaveProperty('size', 1)
  await before.stop()

  const after = await startServerOn(data)
  const later = await make(after.api)
  expect(later).toMatchObject({ status: 201, text: replies[0]!.text })
  expect(later.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(await make(after.api, { url: 'https://example.org/' })).toMatchObject({
    status: 409,
    body: { code: 'idempotency_key_reused' },
  })
  const { data: endpoints } = await after.api.ask<{ data: unknown[] }>('GET', '/app/mine/endpoint')
  expect(endpoints).toHaveLength(1)
  await after.stop()
})

test('of POSTs that fail at once each is tried, and a later one may succeed', async () => {
  const { api } = await start()
  await api.makeEndpoint('mine', 'https://example.com/', { uid: 'taken' })
  const make = () =>
    api.call('POST', '/app/mine/endpoint', { url: 'https://example.com/', uid: 'taken' }, keyed('key-1'))
  const replies = await Promise.all(Array.from({ length: 20 }, make))
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([409]))
  await api.call('DELETE', '/app/mine/endpoint/taken')
  expect(await make()).toMatchObject({ status: 201 })
})

test('a token’s keys are its own: another with the same key is not told its answer', async () => {
  const { api, url } = await start()
  const path = '/app/mine/endpoint/main/secret/rotate'
  await api.makeEndpoint('mine', 'https://example.com/', { uid: 'main', disabled: true })
  const rotate = async (token: string) => {
    // Clients of Svix read the new secret from the answer.
    const headers = { 'user-agent': 'svix-libs/2.9.1/python', ...keyed('key-1') }
    return (await apiOf(url, token).call('POST', path, {}, headers)).text
  }
  const first = await rotate(TOKEN)
  expect(first).toContain('whsec_')
  const { token } = await api.ask<{ token: string }>('POST', '/auth/api-token', { name: 'x', appId: 'mine' })
  const second = await rotate(token)
  expect(second).toContain('whsec_')
  expect(second).not.toBe(first)

  const made = { name: 'y' }
  const { text } = await api.call('POST', '/auth/api-token', made, keyed('key-2'))
  const other = apiOf(url, (JSON.parse(text) as { token: string }).token)
  expect((await other.call('POST', '/auth/api-token', made, keyed('key-2'))).text).not.toBe(text)
  expect((await api.call('POST', '/auth/api-token', made, keyed('key-2'))).text).toBe(text)
})

test('the svix client that retries a send whose answer was lost sends one message', async () => {
  const { api, url } = await start()
  let calls = 0
  const losing: typeof fetch = async (...args) => {
    const response = await fetch(...args)
    calls += 1
    if (calls > 1) return response
    await response.arrayBuffer()
    throw new TypeError('the connection was lost')
  }
  const svix = new Svix(TOKEN, { serverUrl: url, retryScheduleInMs: [1], fetch: losing })
  const sent = await svix.message.create('mine', MESSAGE)
  expect(calls).toBe(2)
  expect(await messagesOf(api)).toMatchObject([{ id: sent.id }])
})
