import { Webhook } from 'standardwebhooks'
import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { type ReceivedRequest, startReceiver } from './support/receiver.ts'
import { TOKEN, startServer } from './support/server.ts'

const isSignedWith = (secret: string, { body, headers }: ReceivedRequest) => {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}

async function start() {
  const server = await startServer()
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  const receiver = await startReceiver()
  const application = await server.api.makeApplication()
  const endpoint = await server.api.makeEndpoint(application, receiver.url)
  const secret = await server.api.secretOf(application, endpoint)
  /** Sends a message and returns the request that it made. */
  const deliver = async () => {
    const id = await server.api.send(application)
    await receiver.waitFor((requests) => requests.some((request) => request.id === id))
    return receiver.requests.find((request) => request.id === id)!
  }
  return { server, svix, application, endpoint, secret, deliver }
}

test('after a rotation the next delivery verifies with the new secret and with the old one', async () => {
  const { svix, application, endpoint, secret, deliver } = await start()
  expect(isSignedWith(secret, await deliver())).toBe(true)

  await svix.endpoint.rotateSecret(application, endpoint, {})
  const { key } = await svix.endpoint.getSecret(application, endpoint)
  expect(key).not.toBe(secret)
  const request = await deliver()
  expect([isSignedWith(key, request), isSignedWith(secret, request)]).toEqual([true, true])
})

test('without a grace period the old secret signs no more, and older ones through their own', async () => {
  const { svix, application, endpoint, secret, deliver } = await start()
  const [second, third] = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD']
  await svix.endpoint.rotateSecret(application, endpoint, { key: second, gracePeriodSeconds: 600 })
  await svix.endpoint.rotateSecret(application, endpoint, { key: third, gracePeriodSeconds: 0 })
  expect(await svix.endpoint.getSecret(application, endpoint)).toEqual({ key: third })
  const request = await deliver()
  expect([third, second, secret].map((each) => isSignedWith(each, request))).toEqual([true, false, true])
  expect(request.headers['webhook-signature']!.split(' ')).toHaveLength(2)
})

test('ten secrets may sign at a time; one more is refused, and nothing changed by that', async () => {
  const { svix, application, endpoint, server, deliver } = await start()
  for (let made = 1; made < 10; made++) await svix.endpoint.rotateSecret(application, endpoint)
  const { key } = await svix.endpoint.getSecret(application, endpoint)
  const path = `/app/${application}/endpoint/${endpoint}/secret/rotate`
  expect(await server.api.call('POST', path, {})).toMatchObject({
    status: 400,
    body: { code: 'limit_reached' },
  })
  const request = await deliver()
  expect(isSignedWith(key, request)).toBe(true)
  expect(request.headers['webhook-signature']!.split(' ')).toHaveLength(10)
})

test('what is no secret or no grace period is refused', async () => {
  const { server, application, endpoint, secret } = await start()
  const path = `/app/${application}/endpoint/${endpoint}/secret/rotate`
  for (const body of [{ key: 'short' }, { gracePeriodSeconds: -1 }, { gracePeriodSeconds: 604_801 }]) {
    expect(await server.api.call('POST', path, body)).toMatchObject({ status: 422 })
  }
  expect(await server.api.secretOf(application, endpoint)).toBe(secret)
})

test('a rotation is answered 204, and to an official client with the secret that newer ones read', async () => {
  const { server, application, endpoint } = await start()
  const path = `/app/${application}/endpoint/${endpoint}/secret/rotate`
  expect(await server.api.call('POST', path, {})).toMatchObject({ status: 204, body: null })

  const client = { 'user-agent': 'svix-libs/2.9.1/python' }
  const answer = await server.api.call('POST', path, {}, client)
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({ key: await server.api.secretOf(application, endpoint) })
})
