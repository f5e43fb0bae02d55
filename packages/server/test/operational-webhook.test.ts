import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { TOKEN, startServer } from './support/server.ts'

async function start() {
  const server = await startServer()
  return { server, svix: new Svix(TOKEN, { serverUrl: server.url }).operationalWebhook.endpoint }
}

const url = 'https://provider.example/hook'

test('the official client makes, reads, changes and deletes operational endpoints', async () => {
  const { svix } = await start()
  const made = await svix.create({
    url,
    uid: 'ops',
    eventTypes: ['endpoint.disabled'],
    metadata: { team: 'a' },
  })
  expect(made).toMatchObject({ url, uid: 'ops', eventTypes: ['endpoint.disabled'], metadata: { team: 'a' } })
  expect(await svix.get('ops')).toEqual(made)
  expect(await svix.get(made.id)).toEqual(made)

  const changed = await svix.upsert('ops', { url, description: 'New' })
  expect(changed).toMatchObject({ id: made.id, uid: 'ops', description: 'New' })
  expect(await svix.upsert('second', { url })).toMatchObject({ uid: 'second' })
  expect((await svix.list()).data.map(({ uid }) => uid)).toEqual(['ops', 'second'])

  await svix.delete('ops')
  await expect(svix.get('ops')).rejects.toMatchObject({ code: 404 })
  expect((await svix.list()).data).toMatchObject([{ uid: 'second' }])
})

test('an operational endpoint has a secret that rotates, and headers whose secrets are hidden', async () => {
  const { svix } = await start()
  const { id } = await svix.create({ url, headers: { 'x-team': 'a', authorization: 'hidden' } })
  expect(await svix.getHeaders(id)).toEqual({ headers: { 'x-team': 'a' }, sensitive: ['authorization'] })
  await svix.setHeaders(id, { headers: { 'x-team': 'b' } })
  expect(await svix.getHeaders(id)).toEqual({ headers: { 'x-team': 'b' }, sensitive: [] })

  const before = await svix.getSecret(id)
  await svix.rotateSecret(id)
  expect(await svix.getSecret(id)).not.toEqual(before)
})

test('no route of applications finds an operational endpoint, and the list of applications is as it was', async () => {
  const { server, svix } = await start()
  const { id } = await svix.create({ url })
  const application = await server.api.makeApplication()
  expect(await server.api.ask('GET', '/app')).toMatchObject({ data: [{ id: application }] })
  const reply = await server.api.call('GET', `/app/${application}/endpoint/${id}`)
  expect(reply).toMatchObject({ status: 404 })
})
