import { expect, test } from 'vitest'

import { closedPort } from './support/closed-port.ts'
import { startServer } from './support/server.ts'

const FIELDS = {
  application: ['createdAt', 'id', 'metadata', 'name', 'rateLimit', 'uid', 'updatedAt'],
  message: ['channels', 'eventId', 'eventType', 'id', 'payload', 'tags', 'timestamp'],
}

test('a client of Go that refuses unknown fields is sent none; a later one gets all', async () => {
  const { api } = await startServer()
  const as = (client: string) => ({ 'user-agent': `svix-libs/${client}`, 'idempotency-key': 'key' })
  const fieldsOf = async (client: string, method: string, path: string, body?: unknown) => {
    const { body: answer } = await api.call(method, path, body, as(client))
    return answer as Record<string, unknown> & { readonly data?: readonly Record<string, unknown>[] }
  }
  const made = { name: 'Acme', uid: 'acme' }
  const names = (fields: object) => Object.keys(fields).toSorted()
  expect(names(await fieldsOf('1.44.0/go', 'POST', '/app', made))).toEqual(FIELDS.application)
  // It is kept whole, for whoever repeats the request.
  expect(await fieldsOf('1.82.0/go', 'POST', '/app', made)).toHaveProperty('retrySchedule')
  for (const client of ['1.82.0/go', '2.9.1/python', '1.44.0/javascript']) {
    expect(await fieldsOf(client, 'GET', '/app/acme')).toHaveProperty('throttleRate')
  }
  const [listed] = (await fieldsOf('1.44.0/go', 'GET', '/app')).data!
  expect(names(listed!)).toEqual(FIELDS.application)

  await api.makeEndpoint('acme', `http://127.0.0.1:${await closedPort()}/`, { uid: 'main' })
  await api.send('acme')
  const endpoint = await fieldsOf('1.44.0/go', 'GET', '/app/acme/endpoint/main')
  expect(endpoint).toHaveProperty('filterTypes')
  expect(endpoint).not.toHaveProperty('ordering')
  const stats = await fieldsOf('1.44.0/go', 'GET', '/app/acme/endpoint/main/stats')
  expect(names(stats)).toEqual(['fail', 'pending', 'sending', 'success'])
  const [message] = (await fieldsOf('1.44.0/go', 'GET', '/app/acme/msg')).data!
  expect(names(message!)).toEqual(FIELDS.message)
})
