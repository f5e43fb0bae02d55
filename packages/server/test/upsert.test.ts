import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { TOKEN, startServer } from './support/server.ts'

const TIMES = Array.from({ length: 20 }, (_, i) => i)

async function start() {
  const server = await startServer()
  return { server, svix: new Svix(TOKEN, { serverUrl: server.url }) }
}

test('of many that get or create an application at once, all have the same one', async () => {
  const { svix } = await start()
  const all = await Promise.all(TIMES.map(() => svix.application.getOrCreate({ name: 'Acme', uid: 'acme' })))
  expect(new Set(all.map(({ id }) => id)).size).toBe(1)
})

test('of many that put the same thing at once, one makes it and the others replace it', async () => {
  const { svix } = await start()
  const application = await Promise.all(
    TIMES.map((i) => svix.application.upsert('acme', { name: `Acme ${i}` })),
  )
  const endpoint = await Promise.all(
    TIMES.map((i) => svix.endpoint.upsert('acme', 'laptop', { url: `http://127.0.0.1:4000/${i}` })),
  )
  await Promise.all(TIMES.map((i) => svix.eventType.upsert('invoice.paid', { description: `${i}` })))
  for (const things of [application, endpoint]) expect(new Set(things.map(({ id }) => id)).size).toBe(1)
})

test('a uid that another has is still refused', async () => {
  const { svix } = await start()
  await svix.application.create({ name: 'Acme', uid: 'acme' })
  await expect(svix.application.create({ name: 'Other', uid: 'acme' })).rejects.toMatchObject({ code: 409 })
  await expect(svix.application.upsert('other', { name: 'Other', uid: 'acme' })).rejects.toMatchObject({
    code: 409,
  })
})
