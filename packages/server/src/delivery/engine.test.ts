import { afterEach, expect, test, vi } from 'vitest'

import type { Endpoint } from '../domain/endpoint.ts'
import type { Message } from '../domain/message.ts'
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
async function startEngine(endpoints: readonly Endpoint[], applicationRate: number | null = null) {
  const posts: { readonly url: string; readonly at: number }[] = []
  const store = {
    takeOverAfterMs: null,
    onChange() {},
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
    releaseDeliveries: async () => {},
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
  return { engine, posts, send }
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
