/** Conformance: lists of deliveries that stand differently, and that move while they are listed. @module */

import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'

import type { DeliveryStatus, Verdict } from '../../../src/domain/delivery.ts'
import type { Message } from '../../../src/domain/message.ts'
import type { DeliveryFilter } from '../../../src/storage/port/deliveries.ts'
import type { PageRequest } from '../../../src/storage/port/page.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, type Scene, WHOLE, newScene, newTask, steps } from '../fixtures.ts'

const STATUSES: readonly DeliveryStatus[] = ['sending', 'success', 'fail', 'pending', 'canceled']
const TYPES = ['a', 'b', 'c'] as const
const NUMBER = 60

/** A message, and how its delivery to the endpoint stands. */
interface Standing {
  readonly message: Message
  readonly status: DeliveryStatus
}

/** Deliveries to one endpoint, one a millisecond: every status with every type, with and without a tag. */
async function mixed(store: Store): Promise<{ scene: Scene; standings: Standing[] }> {
  const scene = await newScene(store)
  const { application, endpoint, lease, send, record } = scene
  const other = await scene.addEndpoint({ createdAt: NOW + 1 })
  const make = async (i: number): Promise<Standing> => {
    const status = STATUSES[i % STATUSES.length]!
    const isHeld = status !== 'pending' && status !== 'canceled'
    const message = await send(
      { createdAt: NOW + i, eventType: TYPES[i % TYPES.length]!, tags: i % 4 === 0 ? ['vip'] : null },
      { to: [endpoint.id, other.id], ...(isHeld ? { lease } : {}) },
    )
    if (status === 'success') await record(message, { kind: 'success' })
    if (status === 'fail') await record(message, { kind: 'exhausted' })
    return { message, status }
  }
  const all = Array.from({ length: NUMBER }, (_, i) => i)
  const isCanceled = (i: number) => STATUSES[i % STATUSES.length] === 'canceled'
  // What waits is canceled all at once, so that these come before what is to wait.
  const canceled = await Promise.all(all.filter(isCanceled).map(make))
  await store.cancelDeliveries(application.id, endpoint.id, NUMBER)
  const others = await Promise.all(all.filter((i) => !isCanceled(i)).map(make))
  const standings = [...canceled, ...others].toSorted((a, b) => a.message.createdAt - b.message.createdAt)
  return { scene, standings }
}

/** Asks for page after page until one is short; calls `between` after each. */
async function paged<Item>(
  list: (page: PageRequest) => Promise<Item[]>,
  idOf: (item: Item) => string,
  { limit, order }: Pick<PageRequest, 'limit' | 'order'>,
  between = async () => {},
): Promise<Item[]> {
  const seen: Item[] = []
  for (let after: string | null = null; ;) {
    const page: Item[] = await list({ limit, order, after })
    seen.push(...page)
    if (page.length < limit) return seen
    after = idOf(page.at(-1)!)
    await between()
  }
}

const idOf = (item: { message: Message }) => item.message.id

const orders = fc.constantFrom('ascending' as const, 'descending' as const)

const filters: fc.Arbitrary<DeliveryFilter> = fc.record({
  status: fc.option(fc.constantFrom(...STATUSES), { nil: undefined }),
  eventTypes: fc.option(fc.array(fc.constantFrom(...TYPES, 'none'), { minLength: 1, maxLength: 3 }), {
    nil: undefined,
  }),
  tag: fc.option(fc.constantFrom('vip', 'none'), { nil: undefined }),
  after: fc.option(fc.integer({ min: NOW, max: NOW + NUMBER }), { nil: undefined }),
  before: fc.option(fc.integer({ min: NOW, max: NOW + NUMBER }), { nil: undefined }),
})

function passes({ message, status }: Standing, filter: DeliveryFilter): boolean {
  return (
    (filter.status === undefined || filter.status === status) &&
    (filter.eventTypes === undefined || filter.eventTypes.includes(message.eventType)) &&
    (filter.tag === undefined || (message.tags?.includes(filter.tag) ?? false)) &&
    (filter.after === undefined || message.createdAt >= filter.after) &&
    (filter.before === undefined || message.createdAt < filter.before)
  )
}

/** Tests lists of deliveries in all statuses. */
export function describeStandings(store: () => Store): void {
  describe('deliveries that stand differently', () => {
    let scene: Scene
    let standings: Standing[]
    beforeAll(async () => {
      ;({ scene, standings } = await mixed(store()))
    })

    test('come in one list, whatever the filter, order and page', async () => {
      const { application, endpoint } = scene
      await fc.assert(
        fc.asyncProperty(filters, orders, fc.integer({ min: 1, max: 20 }), async (filter, order, limit) => {
          const list = (page: PageRequest) =>
            store().listDeliveriesOfEndpoint(application.id, endpoint.id, page, filter)
          const seen = await paged(list, idOf, { limit, order })
          const expected = standings.filter((standing) => passes(standing, filter))
          expect(seen.map(({ message, delivery }) => ({ message, status: delivery.status }))).toEqual(
            order === 'ascending' ? expected : expected.toReversed(),
          )
        }),
        { numRuns: 150 },
      )
    })

    test('let their messages be found, each once, whatever the filter, order and page', async () => {
      const { application } = scene
      // At the other endpoint, what was made held is held, and the rest waits.
      const atOther = (status: DeliveryStatus) =>
        status === 'pending' || status === 'canceled' ? ('pending' as const) : ('sending' as const)
      await fc.assert(
        fc.asyncProperty(filters, orders, fc.integer({ min: 1, max: 20 }), async (filter, order, limit) => {
          const list = (page: PageRequest) => store().listMessages(application.id, page, filter)
          const seen = await paged(list, ({ id }) => id, { limit, order })
          const expected = standings
            .filter(
              ({ message, status }) =>
                passes({ message, status }, filter) || passes({ message, status: atOther(status) }, filter),
            )
            .map(({ message }) => message)
          expect(seen).toEqual(order === 'ascending' ? expected : expected.toReversed())
        }),
        { numRuns: 150 },
      )
    })

    test('are counted by where they stand, and all counts together are all', async () => {
      const { application, endpoint } = scene
      const counts: Partial<Record<DeliveryStatus, number>> = {}
      const to = `${standings.at(-1)!.message.id}0`
      for (let from: string | null = standings[0]!.message.id; from !== null;) {
        const page: Awaited<ReturnType<Store['countDeliveriesOfEndpoint']>> =
          await store().countDeliveriesOfEndpoint(application.id, endpoint.id, { from, to }, 7)
        for (const status of STATUSES) counts[status] = (counts[status] ?? 0) + page.counts[status]
        from = page.next
      }
      const each = NUMBER / STATUSES.length
      expect(counts).toEqual({ sending: each, success: each, fail: each, pending: each, canceled: each })
    })
  })

  test.each(['ascending', 'descending'] as const)(
    'deliveries that move while a list is paged are listed once each: %s',
    async (order) => {
      const { scene, standings } = await mixed(store())
      const { application, endpoint, claim, record } = scene
      const held = standings.filter(({ status }) => status === 'sending').map(({ message }) => message)
      const verdicts: readonly Verdict[] = [
        { kind: 'success' },
        { kind: 'exhausted' },
        { kind: 'retry', at: NOW + 1_000 },
      ]
      let pages = 0
      const move = async () => {
        const message = held.pop()
        if (message !== undefined) await record(message, verdicts[pages++ % verdicts.length]!)
        // What waited is held from the middle of the list on.
        if (pages === 5) await claim({ now: NOW + NUMBER })
      }
      const list = (page: PageRequest) =>
        store().listDeliveriesOfEndpoint(application.id, endpoint.id, page, {})
      const seen = await paged(list, idOf, { limit: 4, order }, move)
      const ids = standings.map(({ message }) => message.id)
      expect(seen.map(idOf)).toEqual(order === 'ascending' ? ids : ids.toReversed())
      expect(pages).toBeGreaterThan(5)
    },
  )

  test('a delivery made by sending again is found by the type of its message', async () => {
    const { application, endpoint, send } = await newScene(store())
    const resent = await send({ eventType: 'resent' }, { to: [] })
    const missing = await send({ eventType: 'missing' }, { to: [] })
    await store().resendDelivery(
      { applicationId: application.id, messageId: resent.id, endpointId: endpoint.id },
      NOW,
    )
    const task = newTask({
      applicationId: application.id,
      work: { kind: 'endpoint.replay', endpointId: endpoint.id, since: NOW - 1_000, until: NOW + 1_000 },
    })
    await store().createTask(task)
    await store().stepReplay(task.id, steps(10), NOW)
    for (const message of [resent, missing]) {
      const filter = { status: 'pending', eventTypes: [message.eventType] } as const
      expect(await store().listMessages(application.id, WHOLE, filter)).toEqual([message])
      const listed = await store().listDeliveriesOfEndpoint(application.id, endpoint.id, WHOLE, filter)
      expect(listed.map((item) => item.message)).toEqual([message])
    }
  })

  test('a success is found behind more messages than are worth looking at one by one', async () => {
    const { application, lease, send, record } = await newScene(store())
    const make = (i: number) => send({ createdAt: NOW + i }, i % 1_199 === 0 ? { lease } : {})
    const messages = await Promise.all(Array.from({ length: 1_200 }, (_, i) => make(i)))
    const ends = [messages[0]!, messages.at(-1)!]
    for (const message of ends) await record(message, { kind: 'success' })
    const found = (page: PageRequest) => store().listMessages(application.id, page, { status: 'success' })
    expect(await found(WHOLE)).toEqual(ends)
    expect(await found({ ...WHOLE, limit: 2, order: 'descending' })).toEqual(ends.toReversed())
    expect(await found({ ...WHOLE, limit: 2, after: ends[0]!.id })).toEqual([ends[1]])
    expect(await found({ ...WHOLE, limit: 1 })).toEqual([ends[0]])
    expect(await found({ ...WHOLE, limit: 1, order: 'descending' })).toEqual([ends[1]])
  })
}
