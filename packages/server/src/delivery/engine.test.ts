import { afterEach, expect, test, vi } from 'vitest'

import { DEFAULT_SETTINGS } from '../domain/endpoint-settings.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import type { Message } from '../domain/message.ts'
import type { DeliveryKey } from '../storage/port/deliveries.ts'
import type { Store } from '../storage/store.ts'
import { newEndpoint, newMessage } from '../../test/storage/fixtures.ts'
import { TEST_SENDER } from '../../test/support/sender.ts'
import { Engine } from './engine.ts'
import type { PostRequest } from './guarded-client.ts'
import { RoutingTable } from './routing.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** An engine on a store that accepts and records everything, and a client that every endpoint answers at once. */
async function startEngine(endpoints: Endpoint[], applicationRate: number | null = null) {
  const posts: { readonly url: string; readonly at: number }[] = []
  const listeners: ((applicationId: string | null) => void)[] = []
  const released: string[] = []
  const store = {
    takeOverAfterMs: null,
    onChange: (listener: (applicationId: string | null) => void) => void listeners.push(listener),
    onDue() {},
    onBreaker() {},
    joinAsNode: async () => 1,
    beat: async () => true,
    findPolicy: async () => ({
      organisationId: 'org_1',
      uid: null,
      throttleRate: applicationRate,
      retryScheduleMs: null,
      eventTypeSchedulesMs: {},
    }),
    listEndpoints: async () => [...endpoints],
    findWaitingEndpoints: async () => [],
    acceptMessage: async () => ({ kind: 'accepted' }),
    recordAttempt: async () => 'recorded',
    releaseDeliveries: async (_lease: number, deliveries: readonly DeliveryKey[]) => {
      released.push(...deliveries.map(({ messageId }) => messageId))
    },
  } as unknown as Store
  const engine = new Engine({
    store,
    routes: new RoutingTable({ store, alsoSvix: false, signingKeys: { list: async () => [] } }),
    client: {
      async post({ url }: PostRequest) {
        posts.push({ url: url.href, at: Date.now() })
        return { kind: 'answered', statusCode: 204, retryAfter: undefined, body: '' }
      },
      async close() {},
    },
    log: { debug() {}, warn() {}, error() {} },
    version: 'test',
    clock: Date.now,
    random: () => 0,
    schedule: [],
    disableAfterMs: null,
    timeoutMs: 1_000,
    ...TEST_SENDER,
  })
  await engine.start()
  const send = (fields: Partial<Message> = {}) =>
    engine.send(newMessage({ applicationId: endpoints[0]!.applicationId, ...fields }), endpoints)
  const [forgetRoutes, tellLanes] = listeners.map((tell) => () => tell(null)) as [() => void, () => void]
  return { engine, posts, send, released, forgetRoutes, tellLanes }
}

test('the rate of an endpoint is obeyed, and its neighbour in the same application goes on', async () => {
  vi.useFakeTimers()
  const slow = newEndpoint({ url: 'https://slow.example/', throttleRate: 10 })
  const free = newEndpoint({ applicationId: slow.applicationId, url: 'https://free.example/' })
  const { posts, send } = await startEngine([slow, free])
  const countOf = (url: string) => posts.filter((post) => post.url === url).length
  for (let i = 0; i < 5; i++) await send()
  await vi.advanceTimersByTimeAsync(50)
  expect([countOf(slow.url), countOf(free.url)]).toEqual([1, 5])
  await vi.advanceTimersByTimeAsync(200)
  expect(countOf(slow.url)).toBe(3)
  await vi.advanceTimersByTimeAsync(200)
  expect(countOf(slow.url)).toBe(5)
})

test('the rate of an application holds for all its endpoints together', async () => {
  vi.useFakeTimers()
  const one = newEndpoint({ url: 'https://one.example/' })
  const two = newEndpoint({ applicationId: one.applicationId, url: 'https://two.example/' })
  const { posts, send } = await startEngine([one, two], 10)
  for (let i = 0; i < 3; i++) await send()
  await vi.advanceTimersByTimeAsync(250)
  expect(posts).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(300)
  expect(posts).toHaveLength(6)
})

const GATHERING = { ...DEFAULT_SETTINGS, batch: { maxEvents: 3, maxWaitMs: 100 } }

test('what was put together for one request goes back where the endpoint takes no batches any more', async () => {
  vi.useFakeTimers()
  const endpoints = [newEndpoint({ settings: GATHERING })]
  const { posts, send, released, forgetRoutes } = await startEngine(endpoints)
  await send({ id: 'msg_1' })
  await send({ id: 'msg_2' })
  endpoints[0] = { ...endpoints[0]!, settings: DEFAULT_SETTINGS }
  // The lane has not heard of it yet.
  forgetRoutes()
  await vi.advanceTimersByTimeAsync(100)
  expect({ posts, released }).toEqual({ posts: [], released: ['msg_1', 'msg_2'] })
})

test('a lane that waits hears at once of what is set', async () => {
  vi.useFakeTimers()
  const endpoints = [newEndpoint({ settings: GATHERING })]
  const { posts, send, forgetRoutes, tellLanes } = await startEngine(endpoints)
  await send()
  await send()
  endpoints[0] = { ...endpoints[0]!, settings: DEFAULT_SETTINGS }
  forgetRoutes()
  tellLanes()
  await vi.advanceTimersByTimeAsync(1)
  expect(posts).toHaveLength(2)
})
