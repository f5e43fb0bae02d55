/** Conformance: the queue against a model of it, under any sequence of what a server does. @module */

import assert from 'node:assert/strict'

import * as fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'

import type { Delivery, Verdict } from '../../../src/domain/delivery.ts'
import type { Lease } from '../../../src/storage/port/nodes.ts'
import type { Store } from '../../../src/storage/store.ts'
import type { OpenedStore } from '../opened-store.ts'
import { NOW, WHOLE, newApplication, newAttempt, newEndpoint, newMessage, upTo } from '../fixtures.ts'

/** What follows from an attempt that the schedule made. */
type ScheduledVerdict = Exclude<Verdict['kind'], 'resume'>

/** What a server does to the queue. `pick` chooses among the deliveries that are held, or that exist. */
type Step =
  | {
      readonly kind: 'accept'
      readonly endpoints: readonly number[]
      readonly isHeld: boolean
      readonly waitMs: number
    }
  | { readonly kind: 'claim'; readonly endpoint: number; readonly limit: number }
  | { readonly kind: 'release'; readonly pick: number }
  | { readonly kind: 'record'; readonly pick: number; readonly verdict: ScheduledVerdict }
  | { readonly kind: 'record late'; readonly pick: number }
  | { readonly kind: 'skip'; readonly pick: number }
  | { readonly kind: 'cancel'; readonly endpoint: number; readonly limit: number }
  | { readonly kind: 'restart' }

/** The last of them is ordered. */
const ENDPOINTS = 3

const endpoint = fc.nat({ max: ENDPOINTS - 1 })
const pick = fc.nat({ max: 100 })
const limit = fc.integer({ min: 1, max: 4 })

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('accept' as const),
      endpoints: fc.uniqueArray(endpoint, { minLength: 1 }),
      isHeld: fc.boolean(),
      waitMs: fc.constantFrom(0, 0, 3, 20),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('claim' as const), endpoint, limit }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), pick }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      pick,
      verdict: fc.constantFrom('success' as const, 'retry' as const, 'exhausted' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('record late' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('skip' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), endpoint, limit }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

/** The queue of one application as it should be, beside the store that it is compared with. */
class Model {
  readonly #reopen: () => Promise<Store>
  #store: Store
  #lease: Lease
  readonly #applicationId: string
  readonly #endpointIds: readonly string[]
  readonly #orderedId: string
  readonly #deliveries = new Map<string, Delivery>()
  /** The messages of the ordered endpoint in their places, also of those that are over. */
  readonly #line: string[] = []
  #now = NOW

  private constructor(store: Store, lease: Lease, reopen: () => Promise<Store>) {
    this.#store = store
    this.#lease = lease
    this.#reopen = reopen
    this.#applicationId = newApplication().id
    this.#endpointIds = Array.from({ length: ENDPOINTS }, () => newEndpoint().id)
    this.#orderedId = this.#endpointIds.at(-1)!
  }

  static async of(store: Store, reopen: () => Promise<Store>): Promise<Model> {
    return new Model(store, await store.joinAsNode(NOW), reopen)
  }

  get store(): Store {
    return this.#store
  }

  async run(next: Step): Promise<void> {
    this.#now += 1
    switch (next.kind) {
      case 'accept':
        return this.#accept(next)
      case 'claim':
        return this.#claim(this.#endpointIds[next.endpoint]!, next.limit)
      case 'release':
        return this.#release(this.#pick(next.pick, 'sending'))
      case 'record':
        return this.#record(this.#pick(next.pick, 'sending'), next.verdict)
      case 'record late':
        return this.#recordLate(this.#pick(next.pick))
      case 'skip':
        return this.#skip(this.#pick(next.pick))
      case 'cancel':
        return this.#cancel(this.#endpointIds[next.endpoint]!, next.limit)
      case 'restart':
        return this.#restart()
    }
  }

  /** The deliveries as they should be, by message and endpoint. */
  get expected(): ReadonlyMap<string, Delivery> {
    return this.#deliveries
  }

  /** The deliveries as the store shows them. @throws It shows one twice. */
  async shown(): Promise<Map<string, Delivery>> {
    const shown = new Map<string, Delivery>()
    for (const endpointId of this.#endpointIds) {
      const page = await this.#store.listDeliveriesOfEndpoint(this.#applicationId, endpointId, WHOLE, {})
      for (const { delivery } of page) {
        assert(!shown.has(keyOf(delivery)), 'a delivery is listed twice')
        shown.set(keyOf(delivery), delivery)
      }
    }
    return shown
  }

  async #accept({ endpoints, isHeld, waitMs }: Extract<Step, { kind: 'accept' }>): Promise<void> {
    const message = newMessage({ applicationId: this.#applicationId, createdAt: this.#now })
    const endpointIds = endpoints.map((i) => this.#endpointIds[i]!)
    const dueAt = this.#now + waitMs
    const deliveries = endpointIds.map((endpointId) => {
      const isOrdered = endpointId === this.#orderedId
      return { endpointId, isOrdered, lease: isHeld && !isOrdered ? this.#lease : null }
    })
    await this.#store.acceptMessage({ message, deliveries, dueAt })
    for (const { endpointId, isOrdered, lease } of deliveries) {
      if (isOrdered) this.#line.push(message.id)
      this.#put({
        applicationId: this.#applicationId,
        messageId: message.id,
        endpointId,
        status: lease === null ? 'pending' : 'sending',
        attempts: 0,
        nextAttemptAt: lease === null ? dueAt : this.#now,
      })
    }
  }

  async #claim(endpointId: string, atMost: number): Promise<void> {
    const expected =
      endpointId === this.#orderedId ? this.#dueInLine(3 * atMost) : this.#dueOf(endpointId, atMost)
    const claimed = await this.#store.claimDeliveries({
      lease: this.#lease,
      applicationId: this.#applicationId,
      endpointId,
      limits: upTo(atMost),
      isOrdered: endpointId === this.#orderedId,
      maxBytes: 1_048_576,
      now: this.#now,
    })
    const taken = claimed.map(({ message }) =>
      this.#deliveries.get(keyOf({ messageId: message.id, endpointId })),
    )
    if (endpointId === this.#orderedId) {
      assert.deepEqual(
        claimed.map(({ message }) => message.id),
        expected.map(({ messageId }) => messageId),
      )
    }
    // Among deliveries that are due at one instant, any may come first: so instants are compared, not ids.
    assert.deepEqual(
      taken.map((delivery) => delivery?.nextAttemptAt),
      expected.map((delivery) => delivery.nextAttemptAt),
    )
    assert.deepEqual(
      claimed.map(({ attempts }) => attempts),
      taken.map((delivery) => delivery?.attempts),
    )
    for (const delivery of taken) {
      assert.equal(delivery?.status, 'pending')
      this.#put({ ...delivery, status: 'sending' })
    }
  }

  /** The head of the line and what is due behind it; nothing while any of it is held. */
  #dueInLine(atMost: number): Delivery[] {
    const waiting = this.#line
      .map((messageId) => this.#deliveries.get(keyOf({ messageId, endpointId: this.#orderedId }))!)
      .filter(({ status }) => status === 'pending' || status === 'sending')
    if (waiting.some(({ status }) => status === 'sending')) return []
    const notDue = waiting.findIndex(({ nextAttemptAt }) => nextAttemptAt! > this.#now)
    return waiting.slice(0, notDue === -1 ? undefined : notDue).slice(0, atMost)
  }

  #dueOf(endpointId: string, atMost: number): Delivery[] {
    const due = [...this.#deliveries.values()]
      .filter((delivery) => delivery.status === 'pending' && delivery.endpointId === endpointId)
      .filter((delivery) => delivery.nextAttemptAt! <= this.#now)
      .toSorted((a, b) => a.nextAttemptAt! - b.nextAttemptAt!)
    const live = due.filter(({ attempts }) => attempts === 0).slice(0, atMost)
    const retries = due.filter(({ attempts }) => attempts > 0).slice(0, atMost)
    return [...live, ...retries]
  }

  async #release(delivery: Delivery | undefined): Promise<void> {
    if (delivery === undefined) return
    await this.#store.releaseDeliveries(this.#lease, [delivery], this.#now)
    this.#put({ ...delivery, status: 'pending', nextAttemptAt: this.#now })
  }

  async #record(delivery: Delivery | undefined, kind: ScheduledVerdict): Promise<void> {
    if (delivery === undefined) return
    const attempts = delivery.attempts + 1
    const verdict: Verdict = kind === 'retry' ? { kind, at: this.#now + 2 } : { kind }
    const result = await this.#store.recordAttempt(this.#recordOf(delivery, this.#lease, attempts, verdict))
    assert.equal(result, 'recorded')
    this.#put({
      ...delivery,
      attempts,
      status: kind === 'retry' ? 'pending' : kind === 'exhausted' ? 'fail' : 'success',
      nextAttemptAt: verdict.kind === 'retry' ? verdict.at : null,
    })
  }

  /** What a node that was taken for dead says of any delivery: it must change nothing. */
  async #recordLate(delivery: Delivery | undefined): Promise<void> {
    if (delivery === undefined) return
    const late = this.#recordOf(delivery, this.#lease - 1, delivery.attempts + 1, { kind: 'success' })
    assert.equal(await this.#store.recordAttempt(late), 'lost')
  }

  async #skip(delivery: Delivery | undefined): Promise<void> {
    if (delivery === undefined) return
    const result = await this.#store.skipDelivery(delivery)
    const { status } = delivery
    assert.equal(result, status === 'pending' ? 'skipped' : status === 'sending' ? 'held' : 'over')
    if (result === 'skipped') this.#put({ ...delivery, status: 'canceled', nextAttemptAt: null })
  }

  async #cancel(endpointId: string, atMost: number): Promise<void> {
    const count = await this.#store.cancelDeliveries(this.#applicationId, endpointId, atMost)
    const waiting = [...this.#deliveries.values()].filter(
      (delivery) => delivery.status === 'pending' && delivery.endpointId === endpointId,
    )
    assert.equal(count, Math.min(atMost, waiting.length))
    // Which of them is the store's choice; that it canceled as many as it says is checked against the list.
    const canceled = await this.#store.listDeliveriesOfEndpoint(this.#applicationId, endpointId, WHOLE, {
      status: 'canceled',
    })
    const fresh = canceled.filter(
      ({ delivery }) => this.#deliveries.get(keyOf(delivery))?.status === 'pending',
    )
    assert.equal(fresh.length, count)
    for (const { delivery } of fresh) {
      this.#put({ ...this.#deliveries.get(keyOf(delivery))!, status: 'canceled', nextAttemptAt: null })
    }
  }

  async #restart(): Promise<void> {
    this.#store = await this.#reopen()
    const lease = await this.#store.joinAsNode(this.#now)
    assert(lease > this.#lease)
    this.#lease = lease
    for (const delivery of this.#deliveries.values()) {
      if (delivery.status === 'sending') this.#put({ ...delivery, status: 'pending' })
    }
  }

  #recordOf(delivery: Delivery, lease: Lease, attempts: number, verdict: Verdict) {
    const { applicationId, messageId, endpointId } = delivery
    const attempt = newAttempt({ applicationId, messageId, endpointId, createdAt: this.#now })
    return { attempt, lease, attempts, verdict }
  }

  #pick(index: number, status?: Delivery['status']): Delivery | undefined {
    const candidates = [...this.#deliveries.values()].filter(
      (delivery) => status === undefined || delivery.status === status,
    )
    return candidates[index % candidates.length]
  }

  #put(delivery: Delivery): void {
    this.#deliveries.set(keyOf(delivery), delivery)
  }
}

function keyOf({ messageId, endpointId }: Pick<Delivery, 'messageId' | 'endpointId'>): string {
  return `${messageId} ${endpointId}`
}

/** Tests the queue with random steps, each compared with a model. */
export function describeModel(open: () => Promise<OpenedStore>): void {
  describe('the queue', () => {
    test('whatever is done to it, no delivery is lost, held by two, or in two states', async () => {
      const opened = await open()
      onTestFinished(opened.close)
      let store = opened.store
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          const model = await Model.of(store, opened.reopen)
          for (const next of steps) {
            await model.run(next)
            store = model.store
            expect(await model.shown()).toEqual(model.expected)
          }
        }),
        { numRuns: 25 },
      )
    })
  })
}
