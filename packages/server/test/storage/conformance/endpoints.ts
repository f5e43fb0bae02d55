/** Conformance: endpoints. @module */

import { describe, expect, test } from 'vitest'

import type { EndpointChanges } from '../../../src/domain/endpoint.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newEndpoint } from '../fixtures.ts'

/** Tests endpoints. */
export function describeEndpoints(store: () => Store): void {
  describe('endpoints', () => {
    test('an endpoint is found by id and by uid, with every field as it was given', async () => {
      const endpoint = newEndpoint({
        uid: 'hook-1',
        url: 'https://acme.example/hook?a=1&b=%20',
        description: 'Für Müller 🎺',
        disabled: true,
        eventTypes: ['invoice.paid', 'invoice.void'],
        channels: [],
        secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
        throttleRate: 10,
        metadata: { region: 'eu' },
        updatedAt: NOW + 3,
      })
      await store().createEndpoint(endpoint)
      expect(await store().findEndpoint(endpoint.applicationId, endpoint.id)).toEqual(endpoint)
      expect(await store().findEndpoint(endpoint.applicationId, 'hook-1')).toEqual(endpoint)
      expect(await store().findEndpoint(endpoint.applicationId, 'hook-2')).toBeNull()
    })

    test('an endpoint of another application is not found, changed or deleted', async () => {
      const endpoint = newEndpoint({ uid: 'theirs' })
      await store().createEndpoint(endpoint)
      const other = idAt('application', NOW)

      expect(await store().findEndpoint(other, endpoint.id)).toBeNull()
      expect(await store().findEndpoint(other, 'theirs')).toBeNull()
      expect(await store().listEndpoints(other, WHOLE)).toEqual([])
      expect(await store().updateEndpoint(other, endpoint.id, { disabled: true }, NOW)).toBeNull()
      expect(await store().deleteEndpoint(other, endpoint.id, NOW)).toBe(false)
      expect(await store().findEndpoint(endpoint.applicationId, endpoint.id)).toEqual(endpoint)
    })

    test('a uid is taken within its application only, at creation and at a change', async () => {
      const first = newEndpoint({ uid: 'taken' })
      const { applicationId } = first
      const second = newEndpoint({ applicationId })
      await store().createEndpoint(first)
      await store().createEndpoint(second)

      await expect(
        store().createEndpoint(newEndpoint({ applicationId, uid: 'taken' })),
      ).rejects.toMatchObject({ code: 'uid_exists' })
      await expect(
        store().updateEndpoint(applicationId, second.id, { uid: 'taken' }, NOW),
      ).rejects.toMatchObject({ code: 'uid_exists' })
      expect(await store().listEndpoints(applicationId, WHOLE)).toHaveLength(2)
      expect(await store().findEndpoint(applicationId, second.id)).toEqual(second)

      await store().createEndpoint(newEndpoint({ uid: 'taken' }))
    })

    test.each<[string, EndpointChanges]>([
      ['uid', { uid: 'new' }],
      ['uid, to none', { uid: null }],
      ['url', { url: 'https://new.example/' }],
      ['description', { description: 'New' }],
      ['disabled', { disabled: true }],
      ['eventTypes', { eventTypes: ['b'] }],
      ['eventTypes, to all', { eventTypes: null }],
      ['channels', { channels: ['two', 'three'] }],
      ['channels, to all', { channels: null }],
      ['throttleRate', { throttleRate: 7 }],
      ['throttleRate, to none', { throttleRate: null }],
      ['metadata', { metadata: {} }],
      ['nothing', {}],
    ])('a change of %s leaves every other field as it was', async (_, changes) => {
      const endpoint = newEndpoint({
        uid: 'old',
        description: 'Old',
        eventTypes: ['a'],
        channels: ['one'],
        throttleRate: 5,
        metadata: { tier: '1' },
      })
      const { applicationId, id } = endpoint
      await store().createEndpoint(endpoint)

      const changed = { ...endpoint, ...changes, updatedAt: NOW + 8 }
      expect(await store().updateEndpoint(applicationId, id, changes, NOW + 8)).toEqual(changed)
      expect(await store().findEndpoint(applicationId, id)).toEqual(changed)
    })

    test('an endpoint is enabled again as it was disabled', async () => {
      const endpoint = newEndpoint({ disabled: true })
      await store().createEndpoint(endpoint)
      await store().updateEndpoint(endpoint.applicationId, endpoint.id, { disabled: false }, NOW)
      expect(await store().findEndpoint(endpoint.applicationId, endpoint.id)).toEqual({
        ...endpoint,
        disabled: false,
      })
    })

    test('a deleted endpoint is gone, and its uid is free again', async () => {
      const endpoint = newEndpoint({ uid: 'freed' })
      const { applicationId, id } = endpoint
      await store().createEndpoint(endpoint)

      expect(await store().deleteEndpoint(applicationId, id, NOW)).toBe(true)
      expect(await store().findEndpoint(applicationId, id)).toBeNull()
      expect(await store().findEndpoint(applicationId, 'freed')).toBeNull()
      expect(await store().listEndpoints(applicationId, WHOLE)).toEqual([])
      expect(await store().updateEndpoint(applicationId, id, { url: 'https://x.example' }, NOW)).toBeNull()
      expect(await store().deleteEndpoint(applicationId, id, NOW)).toBe(false)

      const successor = newEndpoint({ applicationId, uid: 'freed' })
      await store().createEndpoint(successor)
      expect(await store().findEndpoint(applicationId, 'freed')).toEqual(successor)
    })
  })
}
