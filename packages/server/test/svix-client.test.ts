import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { TOKEN, startServer } from './support/server.ts'

async function start() {
  const server = await startServer()
  return new Svix(TOKEN, { serverUrl: server.url })
}

/** Reads every page forward, then every page back from the last one. */
async function walk<Item>(
  list: (page: { limit: number; iterator?: string }) => Promise<{
    data: Item[]
    iterator?: string | null
    prevIterator?: string | null
    done: boolean
  }>,
): Promise<{ forward: Item[][]; back: Item[][] }> {
  const forward: Item[][] = []
  const back: Item[][] = []
  let page = await list({ limit: 2 })
  forward.push(page.data)
  while (!page.done) {
    page = await list({ limit: 2, iterator: page.iterator! })
    forward.push(page.data)
  }
  do {
    page = await list({ limit: 2, iterator: page.prevIterator! })
    if (page.data.length > 0) back.unshift(page.data)
  } while (!page.done)
  return { forward, back }
}

test('the official client makes, reads, changes and deletes applications', async () => {
  const svix = await start()
  const made = await svix.application.create({
    name: 'Acme',
    uid: 'acme',
    throttleRate: 20,
    metadata: { plan: 'pro' },
  })
  expect(made).toMatchObject({ name: 'Acme', uid: 'acme', throttleRate: 20, metadata: { plan: 'pro' } })
  expect(made.id).toMatch(/^app_[0-9A-Za-z]{27}$/)
  expect(made.createdAt.getTime()).toBe(made.updatedAt.getTime())

  expect(await svix.application.get('acme')).toEqual(made)
  expect(await svix.application.get(made.id)).toEqual(made)
  expect(await svix.application.getOrCreate({ name: 'Other name', uid: 'acme' })).toEqual(made)
  expect(await svix.application.getOrCreate({ name: 'Globex', uid: 'globex' })).toMatchObject({
    uid: 'globex',
  })

  const patched = await svix.application.patch('acme', { name: 'Acme Inc.', throttleRate: null })
  expect(patched).toMatchObject({
    id: made.id,
    name: 'Acme Inc.',
    throttleRate: null,
    metadata: { plan: 'pro' },
  })
  const replaced = await svix.application.upsert('acme', { name: 'Acme Ltd.', uid: 'acme' })
  expect(replaced).toMatchObject({ id: made.id, name: 'Acme Ltd.', metadata: {}, createdAt: made.createdAt })
  expect(await svix.application.upsert('initech', { name: 'Initech' })).toMatchObject({ uid: 'initech' })

  await svix.application.delete('acme')
  await expect(svix.application.get('acme')).rejects.toMatchObject({ code: 404, body: { code: 'not_found' } })
  expect(await svix.application.create({ name: 'New Acme', uid: 'acme' })).not.toMatchObject({ id: made.id })
})

test('the official client makes, reads, changes and deletes endpoints', async () => {
  const svix = await start()
  await svix.application.create({ name: 'Acme', uid: 'acme' })
  const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
  const made = await svix.endpoint.create('acme', {
    url: 'https://example.com/hook',
    uid: 'main',
    description: 'Main',
    eventTypes: ['invoice.paid'],
    channels: ['eu'],
    metadata: { team: 'billing' },
    secret,
  })
  expect(made).toMatchObject({ uid: 'main', description: 'Main', disabled: false, channels: ['eu'] })
  expect(await svix.endpoint.get('acme', 'main')).toEqual(made)
  expect(await svix.endpoint.getSecret('acme', made.id)).toEqual({ key: secret })

  const patched = await svix.endpoint.patch('acme', 'main', { disabled: true, eventTypes: null })
  expect(patched).toMatchObject({ id: made.id, disabled: true, eventTypes: null, channels: ['eu'] })
  const replaced = await svix.endpoint.upsert('acme', 'main', {
    url: 'https://example.com/other',
    uid: 'main',
  })
  expect(replaced).toMatchObject({
    id: made.id,
    url: 'https://example.com/other',
    disabled: false,
    metadata: {},
  })
  expect(await svix.endpoint.getSecret('acme', 'main')).toEqual({ key: secret })
  const second = await svix.endpoint.upsert('acme', 'second', { url: 'https://example.com/2' })
  expect(second).toMatchObject({ uid: 'second' })
  expect((await svix.endpoint.getSecret('acme', 'second')).key).toMatch(/^whsec_/)

  await svix.endpoint.delete('acme', 'main')
  await expect(svix.endpoint.get('acme', 'main')).rejects.toMatchObject({ code: 404 })
  expect((await svix.endpoint.list('acme')).data).toEqual([second])
})

test('the same upsert twice is the same as once, and one by id may free the uid', async () => {
  const svix = await start()
  const application = await svix.application.upsert('acme', { name: 'Acme' })
  expect(await svix.application.upsert('acme', { name: 'Acme' })).toMatchObject({
    id: application.id,
    uid: 'acme',
  })
  const url = 'https://example.com/'
  const endpoint = await svix.endpoint.upsert('acme', 'main', { url })
  expect(await svix.endpoint.upsert('acme', 'main', { url })).toMatchObject({ id: endpoint.id, uid: 'main' })

  expect(await svix.endpoint.upsert('acme', endpoint.id, { url })).toMatchObject({ uid: null })
  expect(await svix.application.upsert('acme', { name: 'Acme', uid: null })).toMatchObject({
    id: application.id,
    uid: null,
  })
})

test('the official client makes, archives, brings back and expunges event types', async () => {
  const svix = await start()
  const schemas = { 1: { type: 'object', properties: { total: { type: 'number' } } } }
  const made = await svix.eventType.create({ name: 'invoice.paid', description: 'Paid', schemas })
  expect(made).toMatchObject({ name: 'invoice.paid', description: 'Paid', archived: false, schemas })
  expect(await svix.eventType.get('invoice.paid')).toEqual(made)
  expect(await svix.eventType.patch('invoice.paid', { description: 'Paid in full' })).toMatchObject({
    description: 'Paid in full',
    schemas,
  })
  expect(await svix.eventType.upsert('invoice.void', { description: 'Void' })).toMatchObject({
    name: 'invoice.void',
  })

  await svix.eventType.delete('invoice.paid')
  expect((await svix.eventType.list()).data.map(({ name }) => name)).toEqual(['invoice.void'])
  const all = await svix.eventType.list({ includeArchived: true, withContent: true })
  expect(all.data).toMatchObject([
    { name: 'invoice.paid', archived: true, schemas },
    { name: 'invoice.void' },
  ])
  await expect(svix.eventType.create({ name: 'invoice.void', description: 'Again' })).rejects.toMatchObject({
    code: 409,
    body: { code: 'event_type_exists' },
  })
  expect(await svix.eventType.create({ name: 'invoice.paid', description: 'Back' })).toMatchObject({
    archived: false,
    description: 'Back',
  })

  await svix.eventType.delete('invoice.paid', { expunge: true })
  await expect(svix.eventType.get('invoice.paid')).rejects.toMatchObject({ code: 404 })
})

test('the official client turns pages forward and back', async () => {
  const svix = await start()
  for (const uid of ['a', 'b', 'c', 'd', 'e']) await svix.application.create({ name: uid, uid })
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await svix.endpoint.create('a', { url: 'https://example.com', uid: name, disabled: true })
    await svix.eventType.create({ name, description: name })
    await svix.message.create('a', { eventType: name, payload: {} })
  }
  const expected = {
    forward: [['a', 'b'], ['c', 'd'], ['e']],
    back: [
      ['a', 'b'],
      ['c', 'd'],
    ],
  }
  const newestFirst = {
    forward: [['e', 'd'], ['c', 'b'], ['a']],
    back: [
      ['e', 'd'],
      ['c', 'b'],
    ],
  }
  const named = async <Item>(list: Parameters<typeof walk<Item>>[0], nameOf: (item: Item) => unknown) => {
    const { forward, back } = await walk(list)
    return { forward: forward.map((page) => page.map(nameOf)), back: back.map((page) => page.map(nameOf)) }
  }

  expect(
    await named(
      (page) => svix.application.list(page),
      ({ uid }) => uid,
    ),
  ).toEqual(expected)
  expect(
    await named(
      (page) => svix.endpoint.list('a', page),
      ({ uid }) => uid,
    ),
  ).toEqual(expected)
  expect(
    await named(
      (page) => svix.eventType.list(page),
      ({ name }) => name,
    ),
  ).toEqual(expected)
  expect(
    await named(
      (page) => svix.message.list('a', page),
      ({ eventType }) => eventType,
    ),
  ).toEqual(newestFirst)

  const last = await svix.application.list({ limit: 5 })
  expect(last).toMatchObject({ done: true, iterator: last.data[4]!.id, prevIterator: `-${last.data[0]!.id}` })
})
