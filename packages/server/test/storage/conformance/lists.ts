/** Conformance: what all lists have in common. @module */

import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'

import type { PageRequest } from '../../../src/storage/port/page.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, newApplication, newAttempt, newEndpoint, newEventType, newScene, upTo } from '../fixtures.ts'

const ITEMS = 7

/** Fills a list with {@link ITEMS} items and returns their keys, with a way to ask for a page of keys. */
type Fill = (store: Store) => Promise<{
  keys: readonly string[]
  list: (page: PageRequest) => Promise<string[]>
}>

/** Calls `make` once for each item, all at one instant or at instants of their own. */
function times<T>(make: (createdAt: number, i: number) => T): T[] {
  return Array.from({ length: ITEMS }, (_, i) => make(NOW + Math.floor(i / 2), i))
}

const LISTS: Readonly<Record<string, Fill>> = {
  listApplications: async (store) => {
    const { organisationId } = newApplication()
    const items = times((createdAt) => newApplication({ organisationId, createdAt }))
    await Promise.all(items.map((item) => store.createApplication(item)))
    return {
      keys: items.map(({ id }) => id),
      list: async (page) => (await store.listApplications(organisationId, page)).map(({ id }) => id),
    }
  },

  listEndpoints: async (store) => {
    const { applicationId } = newEndpoint()
    const items = times((createdAt) => newEndpoint({ applicationId, createdAt }))
    await Promise.all(items.map((item) => store.createEndpoint(item)))
    return {
      keys: items.map(({ id }) => id),
      list: async (page) => (await store.listEndpoints(applicationId, page)).map(({ id }) => id),
    }
  },

  listEventTypes: async (store) => {
    const { organisationId } = newEventType()
    // Upper and lower case, so that a database which sorts by language rather than by code unit is found out.
    const items = times((_, i) => newEventType({ organisationId, name: `${'aBcDeFg'[i]}.type` }))
    await Promise.all(items.map((item) => store.createEventType(item)))
    return {
      keys: items.map(({ name }) => name),
      list: async (page) =>
        (await store.listEventTypes(organisationId, { ...page, includeArchived: false })).map(
          ({ name }) => name,
        ),
    }
  },

  listMessages: async (store) => {
    const { application, send } = await newScene(store)
    const items = await Promise.all(times((createdAt) => send({ createdAt })))
    return {
      keys: items.map(({ id }) => id),
      list: async (page) => (await store.listMessages(application.id, page, {})).map(({ id }) => id),
    }
  },

  listAttemptsOfMessage: async (store) => {
    const { application, endpoint, lease, send } = await newScene(store)
    const { id: messageId } = await send({}, { lease })
    const items = times((createdAt) =>
      newAttempt({ applicationId: application.id, messageId, endpointId: endpoint.id, createdAt }),
    )
    for (const attempt of items) {
      await store.recordAttempt({ attempt, lease, attempts: 1, verdict: { kind: 'retry', at: NOW } })
      await store.claimDeliveries({
        lease,
        applicationId: application.id,
        endpointId: endpoint.id,
        limits: upTo(1),
        isOrdered: false,
        maxBytes: 1,
        now: NOW,
      })
    }
    return {
      keys: items.map(({ id }) => id),
      list: async (page) =>
        (await store.listAttemptsOfMessage(application.id, messageId, page, {})).map(({ id }) => id),
    }
  },

  listAttemptsOfEndpoint: async (store) => {
    const { application, endpoint, lease, send } = await newScene(store)
    const items = await Promise.all(
      times(async (createdAt) => {
        const { id: messageId } = await send({}, { lease })
        const attempt = newAttempt({
          applicationId: application.id,
          messageId,
          endpointId: endpoint.id,
          createdAt,
        })
        await store.recordAttempt({ attempt, lease, attempts: 1, verdict: { kind: 'success' } })
        return attempt
      }),
    )
    return {
      keys: items.map(({ id }) => id),
      list: async (page) =>
        (await store.listAttemptsOfEndpoint(application.id, endpoint.id, page, {})).map(({ id }) => id),
    }
  },

  listDeliveriesOfMessage: async (store) => {
    const { application, addEndpoint, send } = await newScene(store)
    const endpoints = await Promise.all(times((createdAt) => addEndpoint({ createdAt })))
    const keys = endpoints.map(({ id }) => id)
    const message = await send({}, { to: keys })
    return {
      keys,
      list: async (page) =>
        (await store.listDeliveriesOfMessage(application.id, message.id, page)).map(
          ({ endpoint }) => endpoint.id,
        ),
    }
  },

  listDeliveriesOfEndpoint: async (store) => {
    const { application, endpoint, send } = await newScene(store)
    const items = await Promise.all(times((createdAt) => send({ createdAt })))
    return {
      keys: items.map(({ id }) => id),
      list: async (page) =>
        (await store.listDeliveriesOfEndpoint(application.id, endpoint.id, page, {})).map(
          ({ message }) => message.id,
        ),
    }
  },
}

/** Tests order, cursor and limit of every list. */
export function describeLists(store: () => Store): void {
  describe.each(Object.entries(LISTS))('%s', (_, fill) => {
    let keys: readonly string[]
    let list: (page: PageRequest) => Promise<string[]>
    beforeAll(async () => {
      const filled = await fill(store())
      keys = filled.keys.toSorted(byCodeUnit)
      list = filled.list
    })

    test('comes in both orders, by code unit', async () => {
      expect(await list({ limit: 100, order: 'ascending', after: null })).toEqual(keys)
      expect(await list({ limit: 100, order: 'descending', after: null })).toEqual(keys.toReversed())
    })

    test('goes on strictly beyond the key given, whether or not anything has that key', async () => {
      for (const order of ['ascending', 'descending'] as const) {
        const whole = order === 'ascending' ? keys : keys.toReversed()
        expect(await list({ limit: 100, order, after: whole[2]! })).toEqual(whole.slice(3))
        expect(await list({ limit: 100, order, after: whole.at(-1)! })).toEqual([])
      }
      expect(await list({ limit: 100, order: 'ascending', after: `${keys[2]!}0` })).toEqual(keys.slice(3))
      expect(await list({ limit: 100, order: 'descending', after: `${keys[2]!}0` })).toEqual(
        keys.slice(0, 3).toReversed(),
      )
    })

    test('holds no more than the limit', async () => {
      expect(await list({ limit: 3, order: 'ascending', after: null })).toEqual(keys.slice(0, 3))
      expect(await list({ limit: 3, order: 'descending', after: null })).toEqual(
        keys.toReversed().slice(0, 3),
      )
    })

    test('yields each item once when it is paged through, whatever the limit and order', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: ITEMS + 2 }),
          fc.constantFrom('ascending' as const, 'descending' as const),
          async (limit, order) => {
            const seen: string[] = []
            for (let after: string | null = null; ;) {
              const page: string[] = await list({ limit, order, after })
              seen.push(...page)
              if (page.length < limit) break
              after = page.at(-1)!
            }
            expect(seen).toEqual(order === 'ascending' ? keys : keys.toReversed())
          },
        ),
        { numRuns: 12 },
      )
    })
  })
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
