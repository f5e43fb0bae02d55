/** Conformance: applications. @module */

import { describe, expect, test } from 'vitest'

import type { ApplicationChanges } from '../../../src/domain/application.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newApplication, newEndpoint } from '../fixtures.ts'

/** Tests applications. */
export function describeApplications(store: () => Store): void {
  describe('applications', () => {
    test('an application is found by id and by uid, with every field as it was given', async () => {
      const application = newApplication({
        uid: 'customer-1',
        name: 'Zoë & Söhne 🎺',
        throttleRate: 25,
        metadata: { plan: 'gold', 'a "quoted" key': '' },
        updatedAt: NOW + 3,
      })
      await store().createApplication(application)
      const { organisationId } = application
      expect(await store().findApplication(organisationId, application.id)).toEqual(application)
      expect(await store().findApplication(organisationId, 'customer-1')).toEqual(application)
      expect(await store().findApplication(organisationId, 'customer-2')).toBeNull()
      expect(await store().findPolicy(application.id)).toMatchObject({
        organisationId,
        uid: 'customer-1',
        throttleRate: 25,
      })
    })

    test('an application of another organisation is not found, changed or deleted', async () => {
      const application = newApplication({ uid: 'theirs' })
      await store().createApplication(application)
      const other = idAt('organisation', NOW)

      expect(await store().findApplication(other, application.id)).toBeNull()
      expect(await store().findApplication(other, 'theirs')).toBeNull()
      expect(await store().listApplications(other, WHOLE)).toEqual([])
      expect(await store().updateApplication(other, application.id, { name: 'Mine' }, NOW)).toBeNull()
      expect(await store().deleteApplication(other, application.id, NOW)).toBe(false)
      expect(await store().findApplication(application.organisationId, application.id)).toEqual(application)
    })

    test('a uid is taken within its organisation only, at creation and at a change', async () => {
      const first = newApplication({ uid: 'taken' })
      const { organisationId } = first
      const second = newApplication({ organisationId })
      await store().createApplication(first)
      await store().createApplication(second)

      await expect(
        store().createApplication(newApplication({ organisationId, uid: 'taken' })),
      ).rejects.toMatchObject({ code: 'uid_exists' })
      await expect(
        store().updateApplication(organisationId, second.id, { uid: 'taken' }, NOW),
      ).rejects.toMatchObject({ code: 'uid_exists' })
      expect(await store().listApplications(organisationId, WHOLE)).toHaveLength(2)
      expect(await store().findApplication(organisationId, second.id)).toEqual(second)

      await store().createApplication(newApplication({ uid: 'taken' }))
    })

    test.each<[string, ApplicationChanges]>([
      ['uid', { uid: 'new' }],
      ['uid, to none', { uid: null }],
      ['name', { name: 'Renamed' }],
      ['throttleRate', { throttleRate: 7 }],
      ['throttleRate, to none', { throttleRate: null }],
      ['metadata', { metadata: { tier: '2' } }],
      ['nothing', {}],
    ])('a change of %s leaves every other field as it was', async (_, changes) => {
      const application = newApplication({ uid: 'old', throttleRate: 5, metadata: { tier: '1' } })
      const { organisationId, id } = application
      await store().createApplication(application)

      const changed = { ...application, ...changes, updatedAt: NOW + 8 }
      expect(await store().updateApplication(organisationId, id, changes, NOW + 8)).toEqual(changed)
      expect(await store().findApplication(organisationId, id)).toEqual(changed)
    })

    test('a deleted application is gone with its endpoints, and the uids of both are free again', async () => {
      const application = newApplication({ uid: 'freed' })
      const { organisationId, id } = application
      await store().createApplication(application)
      const endpoint = newEndpoint({ applicationId: id, uid: 'hook' })
      await store().createEndpoint(endpoint)

      expect(await store().deleteApplication(organisationId, id, NOW)).toBe(true)
      expect(await store().findApplication(organisationId, id)).toBeNull()
      expect(await store().findApplication(organisationId, 'freed')).toBeNull()
      expect(await store().listApplications(organisationId, WHOLE)).toEqual([])
      expect(await store().findEndpoint(id, endpoint.id)).toBeNull()
      expect(await store().findEndpoint(id, 'hook')).toBeNull()
      expect(await store().updateApplication(organisationId, id, { name: 'Ghost' }, NOW)).toBeNull()
      expect(await store().deleteApplication(organisationId, id, NOW)).toBe(false)

      const successor = newApplication({ organisationId, uid: 'freed' })
      await store().createApplication(successor)
      expect(await store().findApplication(organisationId, 'freed')).toEqual(successor)
    })

    test('the deletion of an application leaves the endpoints of others alone', async () => {
      const application = newApplication()
      const endpoint = newEndpoint()
      await store().createApplication(application)
      await store().createEndpoint(endpoint)
      await store().deleteApplication(application.organisationId, application.id, NOW)
      expect(await store().findEndpoint(endpoint.applicationId, endpoint.id)).toEqual(endpoint)
    })

    test('a change of an application that never was is not found', async () => {
      const { organisationId, id } = newApplication()
      expect(await store().updateApplication(organisationId, id, { name: 'Ghost' }, NOW)).toBeNull()
      expect(await store().deleteApplication(organisationId, id, NOW)).toBe(false)
    })
  })
}
