/** Conformance: what the policies of delivery keep in the store. @module */

import { describe, expect, test } from 'vitest'

import { DEFAULT_SETTINGS } from '../../../src/domain/endpoint-settings.ts'
import type { Message } from '../../../src/domain/message.ts'
import type { Store } from '../../../src/storage/store.ts'
import {
  NOW,
  WHOLE,
  claimedIds,
  idAt,
  newApplication,
  newEventType,
  newMessage,
  newScene,
  newTask,
  steps,
  upTo,
} from '../fixtures.ts'

const RETRY = { kind: 'retry', at: NOW } as const
const FAILING = { ...RETRY, disable: 'failing' } as const

/** Tests schedules, settings, priorities, failures and what tells of them. */
export function describePolicies(store: () => Store): void {
  const endpointOf = async ({ application, endpoint }: Awaited<ReturnType<typeof newScene>>) =>
    (await store().findEndpoint(application.id, endpoint.id))!

  describe('the policy of an application', () => {
    test('has its own rate and schedule, and the schedules of event types', async () => {
      const organisationId = idAt('organisation', NOW)
      const application = newApplication({ organisationId, throttleRate: 7, retryScheduleMs: [5, 6] })
      await store().createApplication(application)
      await store().createEventType(newEventType({ organisationId, name: 'fast', retryScheduleMs: [1] }))
      await store().createEventType(newEventType({ organisationId, name: 'never', retryScheduleMs: [] }))
      await store().createEventType(newEventType({ organisationId, name: 'plain' }))
      await store().createEventType(newEventType({ name: 'elsewhere', retryScheduleMs: [9] }))
      expect(await store().findPolicy(application.id)).toEqual({
        organisationId,
        uid: null,
        throttleRate: 7,
        retryScheduleMs: [5, 6],
        eventTypeSchedulesMs: { fast: [1], never: [] },
      })
    })

    test('follows what changes, and is not there without the application', async () => {
      const { application } = await newScene(store())
      const { organisationId } = application
      await store().createEventType(newEventType({ organisationId, name: 'a', retryScheduleMs: [1] }))
      await store().updateEventType(organisationId, 'a', { retryScheduleMs: [2, 3] }, NOW)
      const changes = { retryScheduleMs: [4], throttleRate: 1 }
      await store().updateApplication(organisationId, application.id, changes, NOW)
      expect(await store().findPolicy(application.id)).toMatchObject({
        ...changes,
        eventTypeSchedulesMs: { a: [2, 3] },
      })
      await store().updateEventType(organisationId, 'a', { retryScheduleMs: null }, NOW)
      await store().updateApplication(organisationId, application.id, { retryScheduleMs: null }, NOW)
      expect(await store().findPolicy(application.id)).toMatchObject({
        retryScheduleMs: null,
        eventTypeSchedulesMs: {},
      })
      expect(await store().findPolicy(idAt('application', NOW))).toBeNull()
    })
  })

  test('a change of settings leaves those that it does not name', async () => {
    const scene = await newScene(store())
    const update = (settings: object) =>
      store().updateEndpoint(scene.application.id, scene.endpoint.id, { settings }, NOW)
    await update({ batch: { maxEvents: 5, maxWaitMs: 10 }, retryScheduleMs: [1, 2] })
    await update({ concurrency: { min: 1, max: 3 }, batch: null })
    await update({ signatures: ['v1', 'v1a'] })
    const settings = {
      ...DEFAULT_SETTINGS,
      concurrency: { min: 1, max: 3 },
      retryScheduleMs: [1, 2],
      signatures: ['v1', 'v1a'],
    }
    expect((await endpointOf(scene)).settings).toEqual(settings)
    await store().updateEndpoint(scene.application.id, scene.endpoint.id, { description: 'x' }, NOW)
    expect((await endpointOf(scene)).settings).toEqual(settings)
  })

  describe('priorities', () => {
    /** A delivery of each kind, all due. */
    const oneOfEach = async () => {
      const scene = await newScene(store())
      const failed = await scene.send({}, { lease: scene.lease })
      await scene.record(failed, { kind: 'exhausted' })
      const work = {
        kind: 'endpoint.recover',
        endpointId: scene.endpoint.id,
        since: NOW - 1,
        until: NOW + 1,
      } as const
      const task = newTask({ applicationId: scene.application.id, work })
      await store().createTask(task)
      await store().stepReplay(task.id, steps(10), NOW)
      const retried = await scene.send({}, { lease: scene.lease })
      await scene.record(retried, RETRY)
      const live = await scene.send()
      return { ...scene, live, retried, replayed: failed }
    }

    test('are those of what is new, of what failed and of what a task sends again', async () => {
      const { live, retried, replayed, claim } = await oneOfEach()
      const priorities = new Map((await claim()).map(({ message, priority }) => [message.id, priority]))
      expect(priorities.get(live.id)).toBe('live')
      expect(priorities.get(retried.id)).toBe('retry')
      expect(priorities.get(replayed.id)).toBe('replay')
    })

    test('have a limit each, and take nothing of what another may', async () => {
      const { live, retried, replayed, send, claim } = await oneOfEach()
      const more = await send({}, { dueAt: NOW })
      expect(claimedIds(await claim({ limits: { live: 0, retry: 0, replay: 5 } }))).toEqual([replayed.id])
      expect(claimedIds(await claim({ limits: { live: 0, retry: 5, replay: 5 } }))).toEqual([retried.id])
      const two = await claim({ limits: { live: 1, retry: 5, replay: 5 } })
      expect(two).toHaveLength(1)
      const rest = await claim({ limits: upTo(5) })
      expect([...claimedIds(two), ...claimedIds(rest)].toSorted()).toEqual([live.id, more.id].toSorted())
    })

    test('stay with a replay that fails, and go with a retry that a person sends again', async () => {
      const { application, endpoint, retried, replayed, claim, record } = await oneOfEach()
      await claim()
      await record(replayed, RETRY)
      await record(retried, RETRY, { attempts: 2 })
      const key = { applicationId: application.id, messageId: retried.id, endpointId: endpoint.id }
      await store().resendDelivery(key, NOW)
      const priorities = new Map((await claim()).map(({ message, priority }) => [message.id, priority]))
      expect(priorities.get(replayed.id)).toBe('replay')
      expect(priorities.get(retried.id)).toBe('live')
    })
  })

  describe('the failures of an endpoint', () => {
    test('begin once, with the attempt that tells of it, and end once', async () => {
      const scene = await newScene(store())
      const { lease, send, record } = scene
      const [first, second, third, fourth] = [
        await send({}, { lease }),
        await send({}, { lease }),
        await send({}, { lease }),
        await send({}, { lease }),
      ]
      const at = (createdAt: number) => ({ attempt: { createdAt } })
      expect(await record(first, RETRY, { failing: 'begins', ...at(NOW + 1) })).toBe('changed')
      expect((await endpointOf(scene)).failingSince).toBe(NOW + 1)
      expect(await record(second, RETRY, { failing: 'begins', ...at(NOW + 2) })).toBe('recorded')
      expect((await endpointOf(scene)).failingSince).toBe(NOW + 1)
      expect(await record(third, { kind: 'success' }, { failing: 'ends', ...at(NOW + 3) })).toBe('changed')
      expect((await endpointOf(scene)).failingSince).toBeNull()
      expect(await record(fourth, { kind: 'success' }, { failing: 'ends', ...at(NOW + 4) })).toBe('recorded')
      expect(await endpointOf(scene)).toMatchObject({
        failingSince: null,
        updatedAt: scene.endpoint.updatedAt,
      })
    })

    test('do not begin with what is not recorded', async () => {
      const scene = await newScene(store())
      const message = await scene.send()
      const events = [eventIn(scene.application.id)]
      expect(await scene.record(message, FAILING, { failing: 'begins', events })).toBe('lost')
      expect(await endpointOf(scene)).toEqual(scene.endpoint)
      expect(await store().findMessage(scene.application.id, events[0]!.message.id)).toBeNull()
    })

    test.each([
      ['gone', { kind: 'exhausted', disable: 'gone' }, 'fail'],
      ['failing', FAILING, 'pending'],
      ['failing', { kind: 'exhausted', disable: 'failing' }, 'fail'],
    ] as const)('disable it with the reason %s, and the delivery is as the verdict says', async (...row) => {
      const [disabledReason, verdict, status] = row
      const scene = await newScene(store())
      const [message, other] = [
        await scene.send({}, { lease: scene.lease }),
        await scene.send({}, { lease: scene.lease }),
      ]
      const result = await scene.record(message, verdict, { attempt: { createdAt: NOW + 5 } })
      expect(result).toBe('changed')
      const disabled = await endpointOf(scene)
      expect(disabled).toMatchObject({ disabled: true, disabledReason, updatedAt: NOW + 5 })
      expect(await scene.delivery(message)).toMatchObject({ status })
      // One that was under way meanwhile finds it disabled already.
      const late = await scene.record(
        other,
        { ...verdict, disable: 'gone' },
        { attempt: { createdAt: NOW + 6 } },
      )
      expect(late).toBe('recorded')
      expect(await endpointOf(scene)).toEqual(disabled)
    })

    test('are forgotten with their reason when it is enabled, and what waited goes on', async () => {
      const scene = await newScene(store())
      const message = await scene.send({}, { lease: scene.lease })
      await scene.record(message, FAILING, { failing: 'begins' })
      const update = (changes: object) =>
        store().updateEndpoint(scene.application.id, scene.endpoint.id, changes, NOW + 9)
      await update({ description: 'still failing' })
      expect(await endpointOf(scene)).toMatchObject({ disabledReason: 'failing', failingSince: NOW })
      await update({ disabled: false })
      expect(await endpointOf(scene)).toMatchObject({
        disabled: false,
        disabledReason: null,
        failingSince: null,
      })
      expect(claimedIds(await scene.claim())).toEqual([message.id])
    })

    test('go on where an endpoint that is enabled already is said to be', async () => {
      const scene = await newScene(store())
      const message = await scene.send({}, { lease: scene.lease })
      await scene.record(message, RETRY, { failing: 'begins' })
      await store().updateEndpoint(scene.application.id, scene.endpoint.id, { disabled: false }, NOW)
      expect(await endpointOf(scene)).toMatchObject({ failingSince: NOW })
    })

    test('are told of by messages that are accepted with the record', async () => {
      const scene = await newScene(store())
      const message = await scene.send({}, { lease: scene.lease })
      const event = eventIn(scene.application.id, scene.endpoint.id)
      await scene.record(message, FAILING, { failing: 'begins', events: [event] })
      expect(await store().findMessage(scene.application.id, event.message.id)).toEqual(event.message)
      expect(claimedIds(await scene.claim())).toContain(event.message.id)
    })

    test('are why it was disabled, then and now', async () => {
      const scene = await newScene(store())
      const message = await scene.send({}, { lease: scene.lease })
      await scene.record(message, FAILING, { attempt: { createdAt: NOW + 10 } })
      const at = (createdAt: number) => newMessage({ applicationId: scene.application.id, createdAt })
      const during = async () => (await store().listSituations(at(NOW + 15), WHOLE))[0]!
      const disabled = { disabledSince: NOW + 10, disabledBy: 'failures' }
      expect(await during()).toMatchObject({ endpoint: disabled, wanted: disabled })
      const update = (disabledNow: boolean, now: number) =>
        store().updateEndpoint(scene.application.id, scene.endpoint.id, { disabled: disabledNow }, now)
      await update(false, NOW + 20)
      expect(await during()).toMatchObject({ endpoint: { disabledSince: null }, wanted: disabled })
      await update(true, NOW + 30)
      expect(await during()).toMatchObject({
        endpoint: { disabledSince: NOW + 30, disabledBy: 'api' },
        wanted: disabled,
      })
    })
  })

  test('a message that waits in a line is behind the head of it, and no other is', async () => {
    const scene = await newScene(store())
    const { id } = await scene.addEndpoint({ settings: { ...DEFAULT_SETTINGS, ordering: 'fifo' } })
    const to = [scene.endpoint.id, id]
    const send = () => scene.send({}, { to, isOrdered: true })
    const [first, second] = [await send(), await send()]
    const ahead = async (message: Message, endpointId: string) =>
      (await store().listSituations(message, WHOLE)).find(({ endpoint }) => endpoint.id === endpointId)!.ahead

    expect(await ahead(second, id)).toMatchObject({ delivery: { messageId: first.id }, lastAttempt: null })
    expect(await ahead(first, id)).toBeNull()
    expect(await ahead(second, scene.endpoint.id)).toBeNull()
    await scene.claim({ endpointId: id, isOrdered: true, limits: { live: 1, retry: 0, replay: 0 } })
    const attempt = { endpointId: id, responseStatusCode: 503 }
    await scene.record(first, { kind: 'retry', at: NOW + 50 }, { attempt })
    expect(await ahead(second, id)).toMatchObject({
      delivery: { attempts: 1, nextAttemptAt: NOW + 50 },
      lastAttempt: { responseStatusCode: 503 },
    })
  })
}

/** A message that tells of something, to these endpoints. */
function eventIn(applicationId: string, ...endpointIds: readonly string[]) {
  const deliveries = endpointIds.map((endpointId) => ({ endpointId, lease: null }))
  return { message: newMessage({ applicationId }), deliveries, dueAt: NOW }
}
