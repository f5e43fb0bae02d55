import { setImmediate as setImmediatePromise } from 'node:timers/promises'
import { join } from 'node:path'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { Engine } from '../src/delivery/engine.ts'
import type { PostRequest, PostResult } from '../src/delivery/guarded-client.ts'
import { RoutingTable } from '../src/delivery/routing.ts'
import type { Endpoint } from '../src/domain/endpoint.ts'
import { DEFAULT_SETTINGS } from '../src/domain/endpoint-settings.ts'
import type { Message } from '../src/domain/message.ts'
import { SqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import type { Store } from '../src/storage/store.ts'
import { newApplication, newEndpoint, newMessage } from './storage/fixtures.ts'
import { temporaryFolder } from './storage/temporary-folder.ts'
import { OrderModel } from './support/order-model.ts'
import { TEST_SENDER } from './support/sender.ts'

const SCHEDULE = [1, 1, 2]
const ENDPOINTS = 25
/** `npm run soak` takes the longer way: 4 runs of 25,000. */
const [RUNS, MESSAGES] = process.env['SOAK'] === '1' ? [4, 1_000] : [3, 120]

/** What happens to the sender in the course of a run. */
const disturbance = fc.constantFrom('crash' as const, 'restart' as const, 'rotation' as const)

const run = fc.record({
  seed: fc.nat(),
  failing: fc.constantFrom(0.01, 0.05, 0.2),
  disturbances: fc.array(disturbance, { minLength: 4, maxLength: 8 }),
})

test('an ordered endpoint gets its messages in the order of acceptance, whatever fails, dies or is rotated', async () => {
  await fc.assert(
    fc.asyncProperty(run, async (given) => {
      expect(await faultsOf({ ...given, messages: MESSAGES })).toEqual([])
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
}, 1_200_000)

interface Run {
  readonly seed: number
  /** Share of attempts that fail. */
  readonly failing: number
  readonly disturbances: readonly ('crash' | 'restart' | 'rotation')[]
  /** To each endpoint. */
  readonly messages: number
}

/**
 * Sends to ordered endpoints through engines that fail, stop and die, holds each attempt to the model and returns what was
 * wrong: attempts out of order, and lines in which something was left.
 */
async function faultsOf({ seed, failing, disturbances, messages }: Run): Promise<string[]> {
  const random = seededRandom(seed)
  const path = join(await temporaryFolder(), 'posthorn.db')
  const store = new SqliteStore({ path, isExclusive: true, encryptionKey: new Uint8Array(32) })
  await store.start()
  const application = newApplication()
  await store.createApplication(application)
  const endpoints = Array.from({ length: ENDPOINTS }, (_, i) =>
    newEndpoint({
      applicationId: application.id,
      url: `https://e${i}.example/`,
      settings: { ...DEFAULT_SETTINGS, ordering: 'fifo' },
    }),
  )
  for (const endpoint of endpoints) await store.createEndpoint(endpoint)
  const model = new OrderModel(SCHEDULE.length + 1)

  let sender = await startSender(store, endpoints, model, () => random() < failing)
  const disturb = async (kind: Run['disturbances'][number]) => {
    if (kind === 'rotation') {
      const { id } = endpoints[Math.floor(random() * ENDPOINTS)]!
      const secret = newEndpoint().secret
      await store.rotateEndpointSecret(application.id, id, { secret, graceMs: 1_000 }, Date.now())
      return
    }
    if (kind === 'restart') await sender.stop()
    else sender.crash()
    sender = await startSender(store, endpoints, model, () => random() < failing)
  }

  const total = ENDPOINTS * messages
  const feeding = endpoints.map(async (endpoint) => {
    for (let i = 0; i < messages; i++) {
      const message = newMessage({ applicationId: application.id, eventId: `${endpoint.id}-${i}` })
      model.accepting(endpoint.id, message.id)
      // A sender that dies may have accepted it or not: who asked sends it again.
      while (!(await sender.send(message, endpoint))) await setImmediatePromise()
    }
  })
  for (const [i, kind] of disturbances.entries()) {
    const mark = (total * (i + 1)) / (disturbances.length + 1)
    await model.reached(mark)
    await disturb(kind)
  }
  await model.reached(total)
  if (model.violations.length > 0) return model.violations.slice(0, 5)
  await Promise.all(feeding)
  await sender.stop()
  const lines = await Promise.all(endpoints.map(({ id }) => store.findQueue(application.id, id)))
  await store.stop()
  return lines.filter(({ waiting, head }) => waiting > 0 || head !== null).map((line) => JSON.stringify(line))
}

/** Starts an engine that can die: from then on nothing that it does reaches the store or the model. */
async function startSender(
  store: Store,
  endpoints: readonly Endpoint[],
  model: OrderModel,
  fails: () => boolean,
) {
  const death = Promise.withResolvers<null>()
  let isDead = false
  const never = new Promise<never>(() => {})
  const mortal = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (isDead) return never
        const answer = (member as (...given: unknown[]) => unknown).apply(target, args)
        return answer instanceof Promise ? answer.then((value: unknown) => (isDead ? never : value)) : answer
      }
    },
  })
  const endpointIds = new Map(endpoints.map(({ id, url }) => [url, id]))
  const engine = new Engine({
    store: mortal,
    routes: new RoutingTable({ store: mortal, alsoSvix: false, signingKeys: { list: async () => [] } }),
    client: {
      async post({ url, headers }: PostRequest): Promise<PostResult> {
        const endpointId = endpointIds.get(url.href)!
        model.began(endpointId, headers['webhook-id']!)
        const isFailure = fails()
        await setImmediatePromise()
        if (isDead) return never
        model.ended(endpointId, isFailure ? 'failure' : 'success')
        return isFailure
          ? { kind: 'answered', statusCode: 500, retryAfter: undefined, body: '' }
          : { kind: 'answered', statusCode: 204, retryAfter: undefined, body: '' }
      },
      async close() {},
    },
    log: {
      debug() {},
      warn() {},
      error: (fields, text) => model.complain(`${text} ${JSON.stringify(fields)}`),
    },
    version: 'test',
    clock: Date.now,
    random: () => 0,
    schedule: SCHEDULE,
    disableAfterMs: null,
    timeoutMs: 1_000,
    ...TEST_SENDER,
  })
  await engine.start()
  return {
    /** Returns whether the message is surely on disk. */
    send: async (message: Message, endpoint: Endpoint) =>
      (await Promise.race([engine.send(message, [endpoint]), death.promise])) !== null,
    stop: () => engine.stop(),
    crash() {
      isDead = true
      model.crashed()
      death.resolve(null)
    },
  }
}

/** Mulberry32: the same numbers in [0, 1) for the same seed. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
