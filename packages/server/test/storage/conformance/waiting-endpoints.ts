/** Conformance: finding the endpoints that deliveries wait for. @module */

import { describe, expect, test } from 'vitest'

import type { WaitingEndpoint } from '../../../src/storage/port/queue.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, newScene } from '../fixtures.ts'

/** Walks over all waiting endpoints, `limit` at a time, and returns those of the applications in the order found. */
async function walk(store: Store, limit: number, applicationIds: readonly string[]) {
  const found: WaitingEndpoint[] = []
  let after: Parameters<Store['findWaitingEndpoints']>[0] = null
  for (;;) {
    const page: WaitingEndpoint[] = await store.findWaitingEndpoints(after, limit)
    expect(page.length).toBeLessThanOrEqual(limit)
    found.push(...page)
    if (page.length < limit) break
    after = page.at(-1)!
  }
  return found.filter(({ applicationId }) => applicationIds.includes(applicationId))
}

/** Tests the walk over endpoints with a backlog. */
export function describeWaitingEndpoints(store: () => Store): void {
  describe('waiting endpoints', () => {
    test('an endpoint waits with its state and the instant at which its first delivery is due', async () => {
      const { application, endpoint, send } = await newScene(store())
      for (const ms of [30, 10, 20]) await send({}, { dueAt: NOW + ms })
      expect(await walk(store(), 100, [application.id])).toEqual([
        { applicationId: application.id, endpointId: endpoint.id, dueAt: NOW + 10, state: 'open' },
      ])
    })

    test('endpoints without a delivery, or whose deliveries are all held or settled, do not wait', async () => {
      const { application, addEndpoint, lease, send, record, claim } = await newScene(store())
      await addEndpoint()
      const settled = await send({}, { lease })
      await record(settled, { kind: 'success' })
      await send({}, { lease })
      await send()
      await claim()
      expect(await walk(store(), 100, [application.id])).toEqual([])
    })

    test('a held delivery is not counted as the first that is due', async () => {
      const { application, lease, send } = await newScene(store())
      await send({ createdAt: NOW }, { lease })
      await send({ createdAt: NOW }, { dueAt: NOW + 90 })
      expect(await walk(store(), 100, [application.id])).toMatchObject([{ dueAt: NOW + 90 }])
    })

    test('a disabled endpoint and a deleted one are told apart', async () => {
      const { application, endpoint, addEndpoint, send } = await newScene(store())
      const deleted = await addEndpoint()
      await send({}, { to: [endpoint.id, deleted.id] })
      await store().updateEndpoint(application.id, endpoint.id, { disabled: true }, NOW)
      await store().updateEndpoint(application.id, deleted.id, { disabled: true }, NOW)
      await store().deleteEndpoint(application.id, deleted.id, NOW)

      const states = (await walk(store(), 100, [application.id])).map((w) => [w.endpointId, w.state] as const)
      expect(new Map(states)).toEqual(
        new Map([
          [endpoint.id, 'disabled'],
          [deleted.id, 'deleted'],
        ]),
      )
    })

    test('the endpoints of a deleted application are deleted too', async () => {
      const { application, send } = await newScene(store())
      await send()
      await store().deleteApplication(application.organisationId, application.id, NOW)
      expect(await walk(store(), 100, [application.id])).toMatchObject([{ state: 'deleted' }])
    })

    test('a canceled backlog no longer waits', async () => {
      const { application, endpoint, send } = await newScene(store())
      await send()
      await store().cancelDeliveries(application.id, endpoint.id, 10)
      expect(await walk(store(), 100, [application.id])).toEqual([])
    })

    test('a walk finds each endpoint once, by application and then by endpoint, whatever the limit', async () => {
      const scenes = [await newScene(store()), await newScene(store())]
      const pairs: [string, string][] = []
      for (const { application, endpoint, addEndpoint, send } of scenes) {
        const endpoints = [endpoint, await addEndpoint(), await addEndpoint()]
        await send({}, { to: endpoints.map(({ id }) => id) })
        await send({}, { to: endpoints.map(({ id }) => id) })
        pairs.push(...endpoints.map(({ id }) => [application.id, id] as [string, string]))
      }
      const inOrder = pairs.toSorted(([a, b], [c, d]) => (a + b < c + d ? -1 : 1))
      for (const limit of [1, 2, 5, 100]) {
        const found = await walk(
          store(),
          limit,
          scenes.map(({ application }) => application.id),
        )
        expect(found.map((w) => [w.applicationId, w.endpointId])).toEqual(inOrder)
      }
    })
  })
}
