import { BackgroundTaskStatus, BackgroundTaskType, Svix } from 'svix'
import { expect, test } from 'vitest'

import { newId } from '../src/domain/id.ts'
import type { Task } from '../src/domain/task.ts'
import type { Store } from '../src/storage/store.ts'
import { steps } from './storage/fixtures.ts'
import { temporaryFolder } from './storage/temporary-folder.ts'
import { openTestStore } from './support/database.ts'
import { eventually } from './support/eventually.ts'
import { runCommand } from './support/process.ts'
import { startReceiver } from './support/receiver.ts'
import { apiOf } from './support/api.ts'
import { TOKEN, startServer, startServerOn } from './support/server.ts'

const SINCE = new Date(Date.now() - 86_400_000)

async function start(flags: Readonly<Record<string, unknown>> = { 'retry-schedule': 'none' }) {
  const server = await startServer(flags)
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  const receiver = await startReceiver()
  const application = await server.api.makeApplication({ uid: 'acme' })
  return { server, api: server.api, svix, receiver, application }
}

/** Resolves with the task as it is when it is over. */
function finished(svix: Svix, id: string) {
  return eventually(
    () => svix.backgroundTask.get(id),
    ({ status }) => expect(status).not.toBe('running'),
  )
}

/** Resolves when the endpoint's deliveries are counted like this. */
function counted(svix: Svix, application: string, endpoint: string, counts: object) {
  return eventually(
    () => svix.endpoint.getStats(application, endpoint),
    (stats) => expect(stats).toEqual({ success: 0, pending: 0, sending: 0, fail: 0, canceled: 0, ...counts }),
  )
}

/** Leaves three failed deliveries in the data of a server that has stopped, and a receiver that works now. */
async function failedThrice() {
  const data = await temporaryFolder()
  const server = await startServerOn(data, { 'retry-schedule': 'none' })
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  const receiver = await startReceiver({ answer: () => ({ status: 500 }) })
  const application = await server.api.makeApplication()
  const endpoint = await server.api.makeEndpoint(application, receiver.url)
  for (let sent = 0; sent < 3; sent++) await server.api.send(application)
  await counted(svix, application, endpoint, { fail: 3 })
  await server.stop()
  receiver.answerWith(() => ({}))
  return { data, application, endpoint, receiver }
}

/** Makes a task that recovers all that failed, as a server that then stopped would have. */
async function newTask(store: Store, applicationId: string, endpointId: string): Promise<Task> {
  const now = Date.now()
  const task: Task = {
    id: newId('task', now),
    organisationId: (await store.findOrganisation())!,
    applicationId,
    status: 'running',
    work: { kind: 'endpoint.recover', endpointId, since: SINCE.getTime(), until: now + 1 },
    data: {},
    createdAt: now,
    updatedAt: now,
  }
  await store.createTask(task)
  return task
}

test('what failed is recovered once the endpoint works, and nothing else is sent', async () => {
  const { api, svix, receiver, application } = await start()
  const endpoint = await api.makeEndpoint(application, receiver.url)
  await api.send(application)
  await counted(svix, application, endpoint, { success: 1 })
  receiver.answerWith(() => ({ status: 500 }))
  const failed = await Promise.all(Array.from({ length: 3 }, () => api.send(application)))
  await counted(svix, application, endpoint, { success: 1, fail: 3 })

  receiver.answerWith(() => ({}))
  const started = await svix.endpoint.recover(application, endpoint, { since: SINCE })
  expect(started).toMatchObject({ task: 'endpoint.recover', status: 'running' })
  expect(await finished(svix, started.id)).toMatchObject({
    status: 'finished',
    task: 'endpoint.recover',
    data: { messagesSent: 3 },
  })
  await counted(svix, application, endpoint, { success: 4 })
  const again = receiver.requests.slice(4).map(({ id }) => id)
  expect(again.toSorted()).toEqual(failed.toSorted())
})

test('what is recovered has a schedule of its own again', async () => {
  const { api, svix, receiver, application } = await start({ 'retry-schedule': '10ms' })
  const endpoint = await api.makeEndpoint(application, receiver.url)
  receiver.answerWith(() => ({ status: 500 }))
  await api.send(application)
  await counted(svix, application, endpoint, { fail: 1 })
  expect(receiver.requests).toHaveLength(2)
  receiver.answerWith((_, turn) => ({ status: turn < 4 ? 500 : 204 }))
  await svix.endpoint.recover(application, endpoint, { since: SINCE })
  await counted(svix, application, endpoint, { success: 1 })
  expect(receiver.requests).toHaveLength(4)
})

test('a recovery leaves alone what failed outside its time, and another endpoint', async () => {
  const { api, svix, receiver, application } = await start()
  receiver.answerWith(() => ({ status: 500 }))
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const other = await api.makeEndpoint(application, receiver.url)
  await api.send(application)
  await counted(svix, application, endpoint, { fail: 1 })
  await counted(svix, application, other, { fail: 1 })
  receiver.answerWith(() => ({}))

  const until = new Date(SINCE.getTime() + 1_000)
  const early = await svix.endpoint.recover(application, endpoint, { since: SINCE, until })
  expect(await finished(svix, early.id)).toMatchObject({ status: 'finished', data: { messagesSent: 0 } })
  const all = await svix.endpoint.recover(application, endpoint, { since: SINCE })
  expect(await finished(svix, all.id)).toMatchObject({ data: { messagesSent: 1 } })
  await counted(svix, application, endpoint, { success: 1 })
  await counted(svix, application, other, { fail: 1 })
})

test('an endpoint that came late gets the messages it wants and missed, each once', async () => {
  const { api, svix, receiver, application } = await start()
  const wanted = await api.send(application, { eventType: 'a' })
  await api.send(application, { eventType: 'b' })
  const endpoint = await api.makeEndpoint(application, receiver.url, { eventTypes: ['a'] })
  const direct = await api.send(application, { eventType: 'a' })
  await counted(svix, application, endpoint, { success: 1 })

  const started = await svix.endpoint.replayMissing(application, endpoint, { since: SINCE })
  expect(await finished(svix, started.id)).toMatchObject({
    task: 'endpoint.replay',
    status: 'finished',
    data: { messagesSent: 1 },
  })
  await counted(svix, application, endpoint, { success: 2 })
  const again = await svix.endpoint.replayMissing(application, endpoint, { since: SINCE })
  expect(await finished(svix, again.id)).toMatchObject({ data: { messagesSent: 0 } })
  expect(receiver.requests.map(({ id }) => id)).toEqual([direct, wanted])
})

test('a bulk replay sends again what passes its filters, whether it succeeded or failed', async () => {
  const { api, svix, receiver, application } = await start()
  receiver.answerWith((request) => ({ status: request.body.includes('fail') ? 500 : 204 }))
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const send = (payload: object, more: object = {}) => api.send(application, { payload, ...more })
  const tagged = await send({ n: 1 }, { tags: ['vip'] })
  const failed = await send({ n: 'fail' }, { eventType: 'other' })
  await send({ n: 3 })
  await counted(svix, application, endpoint, { success: 2, fail: 1 })

  const replay = async (filter: object) => {
    const before = receiver.requests.length
    const { id } = await svix.endpoint.bulkReplay(application, endpoint, { since: SINCE, ...filter })
    const { data, task } = await finished(svix, id)
    expect(task).toBe('endpoint.bulk-replay')
    const { messagesSent } = data as { messagesSent: number }
    await receiver.waitFor((requests) => requests.length === before + messagesSent)
    await counted(svix, application, endpoint, { success: 2, fail: 1 })
    return receiver.requests.slice(before).map((request) => request.id)
  }
  expect(await replay({ tag: 'vip' })).toEqual([tagged])
  expect(await replay({ eventTypes: ['other'] })).toEqual([failed])
  expect(await replay({ status: 2 })).toEqual([failed])
  expect(await replay({ statusCodeClass: 500 })).toEqual([failed])
  expect(await replay({ channel: 'none' })).toEqual([])
  expect(await replay({})).toHaveLength(3)
})

test('a task that was under way when the server stopped goes on from there', async () => {
  const { data, application, endpoint, receiver } = await failedThrice()
  const store = await openTestStore(data)
  const task = await newTask(store, application, endpoint)
  expect(await store.stepReplay(task.id, steps(1), Date.now())).toMatchObject({ status: 'running' })
  await store.stop()

  const server = await startServerOn(data)
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  expect(await finished(svix, task.id)).toMatchObject({ status: 'finished', data: { messagesSent: 3 } })
  await receiver.waitFor((requests) => requests.length === 6)
  await server.stop()
})

test('a task that is canceled goes no further and says so; one that is over stays as it is', async () => {
  const { data, application, endpoint } = await failedThrice()
  const store = await openTestStore(data)
  // Tasks take turns and rest after each, so the last of many is not begun when the server has only just started.
  const tasks: Task[] = []
  for (let made = 0; made < 200; made++) tasks.push(await newTask(store, application, endpoint))
  await store.stop()

  const server = await startServerOn(data)
  const svix = new Svix(TOKEN, { serverUrl: server.url })
  const cancel = (id: string) => server.api.ask('POST', `/background-task/${id}/cancel`)
  const last = tasks.at(-1)!.id
  const canceled = { status: 'failed', data: { error: 'It was canceled' } }
  expect(await cancel(last)).toMatchObject(canceled)
  expect(await svix.backgroundTask.get(last)).toMatchObject(canceled)

  const first = tasks[0]!.id
  await finished(svix, first)
  expect(await cancel(first)).toMatchObject({ status: 'finished' })
  await server.stop()
})

test('tasks are listed newest first, by kind and by status', async () => {
  const { api, svix, application } = await start()
  const endpoint = await api.makeEndpoint(application, 'https://acme.example/')
  const one = await svix.endpoint.recover(application, endpoint, { since: SINCE })
  const two = await svix.statistics.aggregateEventTypes()
  await finished(svix, one.id)
  await finished(svix, two.id)

  const ids = async (options: Parameters<Svix['backgroundTask']['list']>[0]) =>
    (await svix.backgroundTask.list(options)).data.map(({ id }) => id)
  expect(await ids({})).toEqual([two.id, one.id])
  const ascending = await api.ask('GET', '/background-task?order=ascending')
  expect(ascending).toMatchObject({ data: [{ id: one.id }, { id: two.id }] })
  expect(await ids({ task: BackgroundTaskType.EndpointRecover })).toEqual([one.id])
  expect(await ids({ status: BackgroundTaskStatus.Finished, limit: 1 })).toEqual([two.id])
  expect(await ids({ status: BackgroundTaskStatus.Running })).toEqual([])
})

test('a token of one application reads the tasks that are about it, and no others', async () => {
  const { server, api, svix, application } = await start()
  const endpoint = await api.makeEndpoint(application, 'https://acme.example/')
  const own = await svix.endpoint.recover(application, endpoint, { since: SINCE })
  const other = await svix.statistics.aggregateEventTypes()
  const made = await runCommand(['token', 'create', '--data', server.data, '--application', 'acme'])
  const app = apiOf(server.url, made.stdout.trim())

  expect(await app.call('GET', `/background-task/${own.id}`)).toMatchObject({ status: 200 })
  expect(await app.call('GET', `/background-task/${other.id}`)).toMatchObject({ status: 404 })
  expect(await app.call('POST', `/background-task/${other.id}/cancel`)).toMatchObject({ status: 404 })
  expect(await app.call('GET', '/background-task')).toMatchObject({ status: 403 })
})

test('the deliveries of each application are counted, and names that are none are told', async () => {
  const { api, svix, receiver, application } = await start()
  const silent = await api.makeApplication()
  await api.makeEndpoint(application, receiver.url)
  await api.makeEndpoint(application, receiver.url)
  await api.send(application)
  await api.send(application)

  const until = new Date(Date.now() + 60_000)
  const all = await svix.statistics.aggregateAppStats({ since: SINCE, until })
  expect(all).toMatchObject({ task: 'application.stats', unresolvedAppIds: [] })
  expect((await finished(svix, all.id)).data).toEqual({
    appStats: [
      { appId: application, appUid: 'acme', messageDestinations: 4 },
      { appId: silent, appUid: null, messageDestinations: 0 },
    ],
  })

  const some = await svix.statistics.aggregateAppStats({ since: SINCE, until, appIds: ['acme', 'nobody'] })
  expect(some.unresolvedAppIds).toEqual(['nobody'])
  expect((await finished(svix, some.id)).data).toMatchObject({ appStats: [{ appId: application }] })

  const before = { since: new Date(0), until: SINCE }
  const none = await svix.statistics.aggregateAppStats({ ...before, appIds: ['acme'] })
  expect((await finished(svix, none.id)).data).toMatchObject({ appStats: [{ messageDestinations: 0 }] })
})

test('the event types that endpoints ask for are listed by application', async () => {
  const { api, svix, application } = await start()
  const url = 'https://acme.example/'
  await api.makeEndpoint(application, url, { eventTypes: ['b', 'a'] })
  await api.makeEndpoint(application, url, { eventTypes: ['b', 'c'] })
  const open = await api.makeApplication()
  await api.makeEndpoint(open, url)

  const started = await svix.statistics.aggregateEventTypes()
  expect(await finished(svix, started.id)).toMatchObject({
    task: 'event-type.aggregate',
    data: {
      event_types: [
        {
          appId: application,
          explicitlySubscribedEventTypes: ['a', 'b', 'c'],
          hasCatchAllEndpoint: false,
        },
        { appId: open, explicitlySubscribedEventTypes: [], hasCatchAllEndpoint: true },
      ],
    },
  })
})

test('statistics count the time that is asked for', async () => {
  const { api, svix, receiver, application } = await start()
  const endpoint = await api.makeEndpoint(application, receiver.url)
  await api.send(application)
  await counted(svix, application, endpoint, { success: 1 })
  const empty = { success: 0, pending: 0, sending: 0, fail: 0, canceled: 0 }
  expect(await svix.endpoint.getStats(application, endpoint, { until: SINCE })).toEqual(empty)
  expect(await svix.endpoint.getStats(application, endpoint, { since: SINCE })).toMatchObject({ success: 1 })
})
