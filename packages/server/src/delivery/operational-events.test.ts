import { expect, test, vi } from 'vitest'

import type { ApplicationPolicy } from '../domain/application.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import { DEFAULT_SETTINGS } from '../domain/endpoint-settings.ts'
import type { OperationalEvent } from '../domain/operational-event.ts'
import { newEndpoint, newMessage } from '../../test/storage/fixtures.ts'
import { TEST_SENDER } from '../../test/support/sender.ts'
import type { EventRequest } from '../storage/port/accepts.ts'
import type { AttemptRecord } from '../storage/port/attempts.ts'
import type { Store } from '../storage/store.ts'
import { Engine } from './engine.ts'
import { eventRequests, teller } from './operational-events.ts'
import { RoutingTable } from './routing.ts'

const POLICY: ApplicationPolicy = {
  organisationId: 'org_1',
  uid: 'acme',
  throttleRate: null,
  retryScheduleMs: null,
  eventTypeSchedulesMs: {},
}

const CREATED: OperationalEvent = { type: 'endpoint.created', data: { endpointId: 'ep_1' } }
const ENABLED: OperationalEvent = {
  type: 'endpoint.enabled',
  data: { endpointId: 'ep_1' },
  onlyIf: 'enabled',
}

const clock = () => 1_790_000_000_000

const endpointsOf = (...endpoints: readonly Partial<Endpoint>[]) => ({
  endpointsOf: vi.fn<RoutingTable['endpointsOf']>(async () =>
    endpoints.map((fields) => newEndpoint({ applicationId: 'org_1', ...fields })),
  ),
})

test('an event goes to the operational endpoints that want it, and one that none wants is not made', async () => {
  const routes = endpointsOf(
    { id: 'ep_all' },
    { id: 'ep_created', eventTypes: ['endpoint.created'] },
    { id: 'ep_off', disabled: true },
    { id: 'ep_line', eventTypes: ['endpoint.created'], settings: { ...DEFAULT_SETTINGS, ordering: 'fifo' } },
  )
  const requests = await eventRequests([CREATED, ENABLED], 'app_1', POLICY, { routes, clock })
  expect(routes.endpointsOf).toHaveBeenCalledWith('org_1')
  expect(requests).toMatchObject([
    {
      message: { applicationId: 'org_1', eventType: 'endpoint.created', createdAt: clock() },
      deliveries: [
        { endpointId: 'ep_all', lease: null, isOrdered: false },
        { endpointId: 'ep_created', lease: null, isOrdered: false },
        { endpointId: 'ep_line', lease: null, isOrdered: true },
      ],
      dueAt: clock(),
      onlyIf: undefined,
    },
    { message: { eventType: 'endpoint.enabled' }, deliveries: [{ endpointId: 'ep_all' }], onlyIf: 'enabled' },
  ])
  expect(JSON.parse(new TextDecoder().decode(requests[0]!.message.payload))).toEqual({
    type: 'endpoint.created',
    data: { appId: 'app_1', appUid: 'acme', endpointId: 'ep_1' },
  })
  const unwanted = endpointsOf({ eventTypes: ['endpoint.deleted'] })
  expect(await eventRequests([CREATED], 'app_1', POLICY, { routes: unwanted, clock })).toEqual([])
})

test('of what belongs to no application, and where nothing happened, nobody is looked for', async () => {
  const routes = endpointsOf({})
  expect(await eventRequests([CREATED], 'org_1', null, { routes, clock })).toEqual([])
  expect(await eventRequests([], 'app_1', POLICY, { routes, clock })).toEqual([])
  expect(routes.endpointsOf).not.toHaveBeenCalled()
})

test('a change that is refused is not taken up', async () => {
  const pickUp = vi.fn<(requests: readonly EventRequest[]) => void>()
  const store = { findPolicy: async () => POLICY }
  const tell = teller({ routes: endpointsOf({}), clock, store, pickUp })
  const refused = new Error('refused')
  await expect(tell('app_1', [CREATED], () => Promise.reject(refused))).rejects.toBe(refused)
  expect(pickUp).not.toHaveBeenCalled()
  expect(await tell('app_1', [CREATED], async (requests) => requests.length)).toBe(1)
  expect(pickUp).toHaveBeenCalledTimes(1)
})

test('what an attempt made known is claimed at once, and is recorded with it however often that is tried', async () => {
  const endpoint = newEndpoint({ applicationId: 'app_1' })
  const operational = newEndpoint({ applicationId: 'org_1' })
  const records: AttemptRecord[] = []
  const claims: string[] = []
  /** What was claimed when the record could at last be written. */
  let claimsBefore: string[] | null = null
  const store = {
    takeOverAfterMs: null,
    onChange() {},
    onDue() {},
    onBreaker() {},
    joinAsNode: async () => 1,
    beat: async () => true,
    findPolicy: async (id: string) => (id === 'app_1' ? POLICY : null),
    listEndpoints: async (id: string) => (id === 'app_1' ? [endpoint] : [operational]),
    // No poll finds it: what is claimed was taken up because of the record.
    findWaitingEndpoints: async () => [],
    acceptMessage: async () => ({ kind: 'accepted' }),
    async recordAttempt(record: AttemptRecord) {
      records.push(record)
      if (records.length === 1) throw new Error('not now')
      claimsBefore = [...claims]
      return 'recorded'
    },
    async claimDeliveries({ endpointId }: { readonly endpointId: string }) {
      claims.push(endpointId)
      return []
    },
  } as unknown as Store
  const engine = new Engine({
    store,
    routes: new RoutingTable({ store, alsoSvix: false, signingKeys: { list: async () => [] } }),
    client: {
      post: async () => ({ kind: 'answered', statusCode: 500, retryAfter: undefined, body: '' }),
      async close() {},
    },
    log: { debug() {}, warn() {}, error() {} },
    clock: Date.now,
    random: () => 0,
    schedule: [],
    disableAfterMs: null,
    timeoutMs: 1_000,
    version: 'test',
    ...TEST_SENDER,
  })
  await engine.start()
  await engine.send(newMessage({ applicationId: 'app_1' }), [endpoint])
  await vi.waitFor(() => expect(claims).toEqual([operational.id]), { timeout: 50_000 })
  expect(claimsBefore).toEqual([])
  const [first, second] = records
  expect(second!.events).toMatchObject([{ message: { eventType: 'message.attempt.exhausted' } }])
  expect(second).toEqual(first)
  expect(records).toHaveLength(2)
  await engine.stop()
})
