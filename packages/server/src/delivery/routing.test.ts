import { expect, test } from 'vitest'

import { newEndpoint } from '../../test/storage/fixtures.ts'
import { DEFAULT_SETTINGS } from '../domain/endpoint-settings.ts'
import type { Store } from '../storage/store.ts'
import { RoutingTable } from './routing.ts'

test.each([
  [null, null, null],
  [7, null, 7],
  [null, 30, 0.5],
  [7, 60, 1],
  [7, 6_000, 7],
])(
  'of the own rate %j/s and the allowed %j/min an endpoint gets %j/s',
  async (throttleRate, perMinute, perSecond) => {
    const settings = { ...DEFAULT_SETTINGS, allowedPerMinute: perMinute }
    const endpoint = newEndpoint({ throttleRate, settings })
    const store = {
      onChange() {},
      findPolicy: async () => null,
      listEndpoints: async () => [endpoint],
    } as unknown as Store
    const routes = new RoutingTable({ store, alsoSvix: false, signingKeys: { list: async () => [] } })
    expect((await routes.routesOf('app_1')).get(endpoint.id)!.lane.perSecond).toBe(perSecond)
  },
)
