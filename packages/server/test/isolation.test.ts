import { expect, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

test('an endpoint that never answers holds up none of its nine neighbours', async () => {
  const { api } = await startServer({ 'attempt-timeout': '2m' })
  const application = await api.makeApplication()
  const hanging = await startReceiver({ answer: () => 'nothing' })
  const neighbours = await Promise.all(Array.from({ length: 9 }, () => startReceiver()))
  const hangingId = await api.makeEndpoint(application, hanging.url)
  for (const { url } of neighbours) await api.makeEndpoint(application, url)

  const sent: string[] = []
  for (let batch = 0; batch < 10; batch++) {
    sent.push(...(await Promise.all(Array.from({ length: 30 }, () => api.send(application)))))
  }
  await Promise.all(neighbours.map((receiver) => receiver.waitFor(() => receiver.ids().size === sent.length)))

  await hanging.waitFor(({ length }) => length > 0)
  expect(hanging.unanswered).toBe(hanging.requests.length)
  const attempts = await api.ask<{ data: object[] }>(
    'GET',
    `/app/${application}/attempt/endpoint/${hangingId}`,
  )
  expect(attempts.data).toEqual([])
})

test('an application with a flood to send lets the message of another through', async () => {
  const { api } = await startServer({ 'attempt-timeout': '2m' })
  const [loud, quiet] = [await api.makeApplication(), await api.makeApplication()]
  const flooded = await startReceiver({ answer: () => 'nothing' })
  const receiver = await startReceiver()
  await api.makeEndpoint(loud, flooded.url)
  await api.makeEndpoint(quiet, receiver.url)

  // More than one endpoint may hold in memory, so that the rest waits in the database.
  for (let batch = 0; batch < 11; batch++) {
    await Promise.all(Array.from({ length: 100 }, () => api.send(loud)))
  }
  const message = await api.send(quiet)
  const [request] = await receiver.waitFor(({ length }) => length === 1)
  expect(request!.id).toBe(message)
  expect(flooded.unanswered).toBe(flooded.requests.length)
})

test('no endpoint gets a message of another application', async () => {
  const { api } = await startServer()
  const applications = await Promise.all(['a', 'b', 'c'].map((uid) => api.makeApplication({ uid })))
  const receivers = await Promise.all(applications.map(() => startReceiver()))
  for (const [i, application] of applications.entries())
    await api.makeEndpoint(application, receivers[i]!.url)

  const sent = await Promise.all(
    applications.map((application) => Promise.all(Array.from({ length: 20 }, () => api.send(application)))),
  )
  for (const [i, receiver] of receivers.entries()) {
    await receiver.waitFor(() => receiver.ids().size === 20)
    expect(receiver.ids()).toEqual(new Set(sent[i]))
  }
})

test('what one application has is not found in another', async () => {
  const { api } = await startServer()
  const [mine, other] = [await api.makeApplication(), await api.makeApplication()]
  const receiver = await startReceiver()
  const endpoint = await api.makeEndpoint(mine, receiver.url)
  const message = await api.send(mine, { eventId: 'evt-1' })
  const [attempt] = await eventually(
    () => api.attemptsOf(mine, message),
    (attempts) => expect(attempts).toHaveLength(1),
  )

  for (const path of [
    `/endpoint/${endpoint}`,
    `/endpoint/${endpoint}/secret`,
    `/endpoint/${endpoint}/msg`,
    `/attempt/endpoint/${endpoint}`,
    `/msg/${message}`,
    '/msg/evt-1',
    `/msg/${message}/endpoint`,
    `/attempt/msg/${message}`,
    `/msg/${message}/attempt/${attempt!.id}`,
  ]) {
    expect(await api.call('GET', `/app/${mine}${path}`)).toMatchObject({ status: 200 })
    expect(await api.call('GET', `/app/${other}${path}`)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    })
  }
  // The same names are free in each application.
  await api.send(other, { eventId: 'evt-1' })
})
