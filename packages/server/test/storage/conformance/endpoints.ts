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
        oldSecrets: [{ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', expiresAt: NOW + 9 }],
        headers: { 'X-Tenant': 'acme' },
        auth: { type: 'basic', username: 'acme', password: 'ü' },
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
      ['headers', { headers: { 'x-new': '2' } }],
      ['headers, to none', { headers: {} }],
      ['auth', { auth: { type: 'mtls', certificate: 'c', privateKey: 'k' } }],
      ['auth, to none', { auth: null }],
      ['nothing', {}],
    ])('a change of %s leaves every other field as it was', async (_, changes) => {
      const endpoint = newEndpoint({
        uid: 'old',
        description: 'Old',
        eventTypes: ['a'],
        channels: ['one'],
        throttleRate: 5,
        metadata: { tier: '1' },
        headers: { 'x-old': '1' },
        auth: { type: 'basic', username: 'old', password: 'p' },
        oldSecrets: [{ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', expiresAt: NOW + 9 }],
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

    test('an endpoint whose owner has proved nothing is enabled only with a proof for its URL', async () => {
      const waiting = { disabled: true, disabledReason: 'unverified' } as const
      const endpoint = newEndpoint({ url: 'https://one.example/', ...waiting })
      const { applicationId, id } = endpoint
      await store().createEndpoint(endpoint)
      const update = (changes: EndpointChanges) => store().updateEndpoint(applicationId, id, changes, NOW)
      const enabled = { disabled: false, disabledReason: null }

      expect(await update({ disabled: false, description: 'new' })).toMatchObject({
        ...waiting,
        description: 'new',
      })
      // What the owner of another URL allowed does not count for this one.
      const settings = { allowedPerMinute: 60 }
      const stale = { disabled: false, provedUrl: 'https://two.example/', settings }
      expect(await update(stale)).toMatchObject({ ...waiting, settings: { allowedPerMinute: null } })
      const proof = { disabled: false, provedUrl: 'https://one.example/', settings }
      expect(await update(proof)).toMatchObject({ ...enabled, settings })

      // Of two at once, a new URL to prove and a proof of the old one, the URL stays unproved.
      await update({ disabled: true })
      const renewed = { url: 'https://two.example/', ...waiting }
      await Promise.all([update(renewed), update(proof)])
      expect(await store().findEndpoint(applicationId, id)).toMatchObject(renewed)
      expect(await update({ disabled: false, provedUrl: 'https://two.example/' })).toMatchObject(enabled)
    })

    test('headers are set and removed one by one, also by many at once', async () => {
      const endpoint = newEndpoint({ headers: { 'X-Old': '1', 'X-Kept': '2' } })
      const { applicationId, id } = endpoint
      await store().createEndpoint(endpoint)
      const patch = (set: Record<string, string>, remove: string[] = []) =>
        store().patchEndpointHeaders(applicationId, id, { set, remove }, NOW + 8)
      await Promise.all([patch({ 'x-a': 'a' }), patch({ 'x-b': 'b' }, ['x-old']), patch({ 'x-c': 'c' })])

      const headers = { 'X-Kept': '2', 'x-a': 'a', 'x-b': 'b', 'x-c': 'c' }
      const changed = { ...endpoint, headers, updatedAt: NOW + 8 }
      expect(await store().findEndpoint(applicationId, id)).toEqual(changed)
      const other = idAt('application', NOW)
      expect(await store().patchEndpointHeaders(other, id, { set: {}, remove: ['x-a'] }, NOW)).toBe(false)
      expect(await store().findEndpoint(applicationId, id)).toEqual(changed)
    })

    test('a rotation keeps the secret before for its time, and drops what has expired', async () => {
      const endpoint = newEndpoint({ secret: 'whsec_first' })
      const { applicationId, id } = endpoint
      await store().createEndpoint(endpoint)
      const rotate = (secret: string, graceMs: number, now: number) =>
        store().rotateEndpointSecret(applicationId, id, { secret, graceMs }, now)
      const secrets = async () => {
        const { secret, oldSecrets } = (await store().findEndpoint(applicationId, id))!
        return [secret, ...oldSecrets.map((old) => `${old.secret} until ${old.expiresAt - NOW}`)]
      }
      await rotate('whsec_second', 100, NOW)
      await rotate('whsec_third', 50, NOW + 10)
      expect(await secrets()).toEqual(['whsec_third', 'whsec_second until 60', 'whsec_first until 100'])
      await rotate('whsec_fourth', 0, NOW + 60)
      expect(await secrets()).toEqual(['whsec_fourth', 'whsec_first until 100'])
      expect(await rotate('whsec_fifth', 10, NOW + 100)).toBe(true)
      expect(await secrets()).toEqual(['whsec_fifth', 'whsec_fourth until 110'])
    })

    test('of eleven rotations at once, as many count as secrets may sign', async () => {
      const endpoint = newEndpoint()
      const { applicationId, id } = endpoint
      await store().createEndpoint(endpoint)
      const done = await Promise.allSettled(
        Array.from({ length: 11 }, (_, i) =>
          store().rotateEndpointSecret(applicationId, id, { secret: `whsec_${i}`, graceMs: 100 }, NOW),
        ),
      )
      const refused = done.filter((each) => each.status === 'rejected')
      expect(refused.map(({ reason }) => reason as unknown)).toMatchObject([
        { code: 'limit_reached' },
        { code: 'limit_reached' },
      ])
      const { secret, oldSecrets } = (await store().findEndpoint(applicationId, id))!
      // Which of those that came at once was last is the store's choice.
      expect(secret).toMatch(/^whsec_\d+$/)
      expect(oldSecrets.at(-1)).toEqual({ secret: endpoint.secret, expiresAt: NOW + 100 })
      expect(oldSecrets).toHaveLength(9)
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
