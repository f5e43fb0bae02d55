import { expect, test } from 'vitest'

import { type Api, apiOf } from './support/api.ts'
import { eventually } from './support/eventually.ts'
import { runCommand } from './support/process.ts'
import { startReceiver } from './support/receiver.ts'
import { type TestServer, startServer } from './support/server.ts'

interface World {
  readonly server: TestServer
  readonly own: Api
  readonly endpoint: string
  readonly message: string
}

/** Two applications, alike, and a token of the first. */
async function start(): Promise<World> {
  const server = await startServer()
  const { api } = server
  const receiver = await startReceiver()
  const messages: string[] = []
  const endpoints: string[] = []
  for (const uid of ['mine', 'other']) {
    await api.makeApplication({ uid })
    endpoints.push(await api.makeEndpoint(uid, receiver.url, { uid: 'main' }))
    messages.push(await api.send(uid))
  }
  const made = await runCommand(['token', 'create', '--data', server.data, '--application', 'mine'])
  const own = apiOf(server.url, made.stdout.trim())
  return { server, own, endpoint: endpoints[0]!, message: messages[0]! }
}

const pathsOf = (application: string, message: string) => [
  `/app/${application}`,
  `/app/${application}/endpoint`,
  `/app/${application}/endpoint/main`,
  `/app/${application}/endpoint/main/secret`,
  `/app/${application}/endpoint/main/msg`,
  `/app/${application}/attempt/endpoint/main`,
  `/app/${application}/msg`,
  `/app/${application}/msg/${message}`,
  `/app/${application}/msg/${message}/endpoint`,
  `/app/${application}/attempt/msg/${message}`,
]

test('a token of one application reads its own, and finds nothing of another', async () => {
  const { own, message } = await start()
  for (const path of pathsOf('mine', message)) {
    const { status } = await own.call('GET', path)
    expect({ path, status }).toEqual({ path, status: 200 })
  }
  for (const path of [...pathsOf('other', message), ...pathsOf('nobody', message)]) {
    const { status, body } = await own.call('GET', path)
    expect({ path, status, body }).toMatchObject({ path, status: 404, body: { code: 'not_found' } })
  }
  expect(await own.call('GET', '/event-type')).toMatchObject({ status: 200 })
})

test('a token of one application manages its own endpoints, and touches none of another', async () => {
  const { server, own } = await start()
  const made = await own.makeEndpoint('mine', 'https://example.com/')
  expect(await own.ask('PATCH', `/app/mine/endpoint/${made}`, { disabled: true })).toMatchObject({ id: made })
  expect(await own.call('DELETE', `/app/mine/endpoint/${made}`)).toMatchObject({ status: 204 })

  const before = await server.api.ask('GET', '/app/other/endpoint')
  const body = { url: 'https://evil.example/' }
  for (const [method, path] of [
    ['POST', '/app/other/endpoint'],
    ['PUT', '/app/other/endpoint/main'],
    ['PATCH', '/app/other/endpoint/main'],
    ['DELETE', '/app/other/endpoint/main'],
  ] as const) {
    const reply = await own.call(method, path, method === 'DELETE' ? undefined : body)
    expect(reply).toMatchObject({ status: 404, body: { code: 'not_found' } })
  }
  expect(await server.api.ask('GET', '/app/other/endpoint')).toEqual(before)
})

test('an endpoint of another application is not found under the path of one’s own', async () => {
  const { server, own } = await start()
  const { id } = await server.api.ask('GET', '/app/other/endpoint/main')
  expect(await own.call('GET', `/app/mine/endpoint/${id}/secret`)).toMatchObject({ status: 404 })
})

test('what concerns the organisation is refused to a token of one application', async () => {
  const { server, own } = await start()
  const message = { eventType: 'a', payload: {} }
  for (const [method, path, body] of [
    ['GET', '/app', undefined],
    ['POST', '/app', { name: 'x' }],
    ['POST', '/app?get_if_exists=true', { name: 'x', uid: 'mine' }],
    ['PUT', '/app/mine', { name: 'x' }],
    ['PATCH', '/app/mine', { name: 'x' }],
    ['DELETE', '/app/mine', undefined],
    ['POST', '/app/mine/msg', message],
    ['POST', '/app/new/msg', { ...message, application: { name: 'x', uid: 'new' } }],
    ['POST', '/event-type', { name: 'a', description: '' }],
    ['PUT', '/event-type/a', { description: '' }],
    ['PATCH', '/event-type/a', { description: '' }],
    ['DELETE', '/event-type/a', undefined],
    ['DELETE', '/event-type/a?expunge=true', undefined],
  ] as const) {
    const reply = await own.call(method, path, body)
    expect({ method, path, ...reply }).toMatchObject({
      method,
      path,
      status: 403,
      body: { code: 'forbidden' },
    })
  }
  expect(await server.api.ask('GET', '/app/mine')).toMatchObject({ name: 'Test' })
})

test('a token that is revoked beside the running server is refused by it soon after', async () => {
  const { server, own } = await start()
  expect(await own.call('GET', '/app/mine')).toMatchObject({ status: 200 })
  const { stdout } = await runCommand(['token', 'list', '--data', server.data])
  const id = /^(tok_\w+) .* unnamed$/m.exec(stdout)![1]!
  expect(await runCommand(['token', 'revoke', id, '--data', server.data])).toMatchObject({ code: 0 })

  const reply = await eventually(
    () => own.call('GET', '/app/mine'),
    ({ status }) => expect(status).toBe(401),
  )
  expect(reply).toMatchObject({ body: { code: 'unauthorized' } })
  expect(await server.api.call('GET', '/app/mine')).toMatchObject({ status: 200 })
})
