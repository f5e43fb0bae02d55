import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

async function start() {
  const server = await startServer()
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  const application = await server.api.makeApplication()
  return { server, svix, application, path: `/app/${application}/endpoint` }
}

test('the headers of an endpoint arrive with each delivery, and ours beside them as they are', async () => {
  const { server, svix, application } = await start()
  const receiver = await startReceiver()
  const headers = { 'X-Tenant': 'acme', Authorization: 'Bearer s3cret' }
  const { id } = await svix.endpoint.create(application, { url: receiver.url, headers })
  await server.api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)
  expect(receiver.requests[0]!.headers).toMatchObject({
    'x-tenant': 'acme',
    authorization: 'Bearer s3cret',
    'content-type': 'application/json',
  })

  await svix.endpoint.patchHeaders(application, id, {
    headers: { 'x-tenant': 'other' },
    deleteHeaders: ['authorization'],
  })
  await server.api.send(application)
  await receiver.waitFor((requests) => requests.length === 2)
  expect(receiver.requests[1]!.headers).toMatchObject({ 'x-tenant': 'other' })
  expect(receiver.requests[1]!.headers).not.toHaveProperty('authorization')
})

test('the official client sets, changes and reads headers, and secrets among them are never shown', async () => {
  const { svix, application, server, path } = await start()
  const { id } = await svix.endpoint.create(application, {
    url: 'https://acme.example/',
    headers: { 'X-One': '1', 'X-Api-Key': 'hidden-1' },
  })
  const made = await svix.endpoint.getHeaders(application, id)
  expect(made).toEqual({ headers: { 'X-One': '1' }, sensitive: ['X-Api-Key'] })

  await svix.endpoint.setHeaders(application, id, { headers: { 'X-Two': '2', Cookie: 'hidden-2' } })
  const replaced = await svix.endpoint.getHeaders(application, id)
  expect(replaced).toEqual({ headers: { 'X-Two': '2' }, sensitive: ['Cookie'] })

  await svix.endpoint.patchHeaders(application, id, {
    headers: { 'X-Three': '3' },
    deleteHeaders: ['X-Two'],
  })
  const patched = await svix.endpoint.getHeaders(application, id)
  expect(patched).toEqual({ headers: { 'X-Three': '3' }, sensitive: ['Cookie'] })

  const nulled = await server.api.call('PATCH', `${path}/${id}/headers`, { headers: { cookie: null } })
  expect(nulled.status).toBe(204)
  expect(await svix.endpoint.getHeaders(application, id)).toEqual({
    headers: { 'X-Three': '3' },
    sensitive: [],
  })

  const shown = await server.api.call('GET', `${path}/${id}`)
  expect(shown.text).not.toContain('hidden')
  expect(shown.body).not.toHaveProperty('headers')
})

test('a replacement of the endpoint keeps its headers where it says nothing of them', async () => {
  const { server, svix, application, path } = await start()
  const url = 'https://acme.example/'
  const { id } = await svix.endpoint.create(application, { url, headers: { 'x-one': '1' } })
  await svix.endpoint.upsert(application, id, { url })
  await svix.endpoint.patch(application, id, { description: 'New' })
  expect(await svix.endpoint.getHeaders(application, id)).toMatchObject({ headers: { 'x-one': '1' } })
  await server.api.ask('PUT', `${path}/${id}`, { url, headers: { 'x-two': '2' } })
  expect(await svix.endpoint.getHeaders(application, id)).toMatchObject({ headers: { 'x-two': '2' } })
  await server.api.ask('PATCH', `${path}/${id}`, { headers: null })
  expect(await svix.endpoint.getHeaders(application, id)).toMatchObject({ headers: {} })
})

test('a header that may not be set is refused by name, wherever it is given', async () => {
  const { server, application, path } = await start()
  const id = await server.api.makeEndpoint(application, 'https://acme.example/')
  const headers = { 'x-fine': '1', Host: 'evil.example' }
  const body = { url: 'https://acme.example/', headers }
  for (const [method, where] of [
    ['POST', path],
    ['PUT', `${path}/${id}`],
    ['PUT', `${path}/new`],
    ['PATCH', `${path}/${id}`],
    ['PUT', `${path}/${id}/headers`],
    ['PATCH', `${path}/${id}/headers`],
  ] as const) {
    const reply = await server.api.call(method, where, body)
    expect({ method, where, ...reply }).toMatchObject({
      method,
      where,
      status: 422,
      body: { detail: [{ loc: ['body', 'headers', 'Host'] }] },
    })
  }
  expect(await server.api.ask('GET', `${path}/${id}/headers`)).toEqual({ headers: {}, sensitive: [] })
})

test('a change that would make too many headers is refused, though each alone is right', async () => {
  const { server, application, path } = await start()
  const some = (from: number, to: number) =>
    Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`x-${from + i}`, 'v']))
  const id = await server.api.makeEndpoint(application, 'https://acme.example/', { headers: some(0, 40) })
  const patch = (headers: object) => server.api.call('PATCH', `${path}/${id}/headers`, { headers })
  expect(await patch(some(40, 51))).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ['body', 'headers'] }] },
  })
  expect(await patch(some(40, 50))).toMatchObject({ status: 204 })
})
