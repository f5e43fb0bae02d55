import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import type { Api } from './support/api.ts'
import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer, startServerOn } from './support/server.ts'

/** Attempts close together, for longer than a test waits; and the shortest span that may be set. */
const FLAGS = { 'retry-schedule': Array(50).fill('100ms').join(','), 'disable-after': '1s' }
/** A span longer than a machine stands still; what fails is known of after a tenth of it. */
const LONGER = { ...FLAGS, 'disable-after': '20s' }
const down = () => ({ status: 500 })

interface ShownEndpoint {
  readonly disabled: boolean
  readonly disabledReason: string | null
  readonly failingSince: string | null
}

const endpointIs = (api: Api, application: string, endpoint: string, expected: Partial<ShownEndpoint>) =>
  eventually(
    () => api.ask<ShownEndpoint>('GET', `/app/${application}/endpoint/${endpoint}`),
    (seen) => expect(seen).toMatchObject(expected),
  )

const DISABLED = { disabled: true, disabledReason: 'failing' }
const WELL = { disabled: false, disabledReason: null, failingSince: null }

const explained = async (api: Api, application: string, message: string) => {
  const { data } = await api.ask<{ data: { reason: string; text: string }[] }>(
    'GET',
    `/app/${application}/msg/${message}/explain`,
  )
  return data[0]!
}

test('an endpoint that only fails is disabled after the span, says why, and gets what waited once it is enabled', async () => {
  const { api } = await startServer(FLAGS)
  const receiver = await startReceiver({ answer: down })
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)

  const failing = await endpointIs(api, application, endpoint, DISABLED)
  const [first] = await api.attemptsOf(application, message)
  expect(Date.parse(failing.failingSince!)).toBeGreaterThanOrEqual(Date.parse(first!.timestamp))
  expect(receiver.requests.length).toBeGreaterThan(1)
  expect(await explained(api, application, message)).toMatchObject({
    reason: 'held_while_disabled',
    text: expect.stringContaining('nothing but failures came of it for too long') as string,
  })
  const missed = await api.send(application)
  expect(await explained(api, application, missed)).toMatchObject({
    reason: 'disabled',
    text: expect.stringContaining('nothing but failures') as string,
  })

  receiver.answerWith(() => ({}))
  const before = receiver.requests.length
  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { disabled: false })
  await receiver.waitFor((requests) => requests.length > before)
  await endpointIs(api, application, endpoint, WELL)
  await eventually(
    () => api.deliveriesOf(application, message),
    ([delivery]) => expect(delivery).toMatchObject({ statusText: 'success' }),
  )
  expect(receiver.ids()).toEqual(new Set([message]))
})

test('a success begins the span anew', async () => {
  const { api } = await startServer(LONGER)
  const receiver = await startReceiver({ answer: down })
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const message = await api.send(application)
  await eventually(
    () => api.ask<ShownEndpoint>('GET', `/app/${application}/endpoint/${endpoint}`),
    (seen) => expect(seen.failingSince).not.toBeNull(),
  )
  receiver.answerWith(() => ({}))
  await eventually(
    () => api.deliveriesOf(application, message),
    ([delivery]) => expect(delivery).toMatchObject({ statusText: 'success' }),
  )
  await endpointIs(api, application, endpoint, WELL)
  receiver.answerWith(down)
  const later = await api.send(application)
  const { failingSince } = await eventually(
    () => api.ask<ShownEndpoint>('GET', `/app/${application}/endpoint/${endpoint}`),
    (seen) => expect(seen.failingSince).not.toBeNull(),
  )
  const [first] = await api.attemptsOf(application, later)
  expect(Date.parse(failingSince!)).toBeGreaterThanOrEqual(Date.parse(first!.timestamp))
})

test('a restart does not begin the span anew, and what was disabled before it stays so', async () => {
  const data = await temporaryFolder()
  const receiver = await startReceiver({ answer: down })
  const first = await startServerOn(data, LONGER)
  const application = await first.api.makeApplication()
  const endpoint = await first.api.makeEndpoint(application, receiver.url)
  await first.api.send(application)
  const { failingSince } = await eventually(
    () => first.api.ask<ShownEndpoint>('GET', `/app/${application}/endpoint/${endpoint}`),
    (seen) => expect(seen.failingSince).not.toBeNull(),
  )
  await first.stop()

  const second = await startServerOn(data, FLAGS)
  await endpointIs(second.api, application, endpoint, { ...DISABLED, failingSince })
  await second.stop()
  const third = await startServerOn(data, FLAGS)
  await endpointIs(third.api, application, endpoint, { ...DISABLED, failingSince })
  await third.stop()
})

test('an endpoint that answers 410 says that it is gone', async () => {
  const { api } = await startServer({ ...FLAGS, 'disable-after': 'never' })
  const receiver = await startReceiver({ answer: () => ({ status: 410 }) })
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, receiver.url)
  await api.send(application)
  await endpointIs(api, application, endpoint, { disabled: true, disabledReason: 'gone' })
  const missed = await api.send(application)
  expect(await explained(api, application, missed)).toMatchObject({
    reason: 'disabled',
    text: expect.stringContaining('because it answered 410') as string,
  })
  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { disabled: false })
  await endpointIs(api, application, endpoint, WELL)
  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { disabled: true })
  await endpointIs(api, application, endpoint, { disabled: true, disabledReason: null })
})
