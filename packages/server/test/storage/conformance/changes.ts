/** Conformance: who is told of a write, and when. @module */

import { describe, expect, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import {
  NOW,
  type Scene,
  newApplication,
  newEndpoint,
  newEventType,
  newScene,
  newToken,
} from '../fixtures.ts'

type Write = (store: Store, scene: Scene) => Promise<unknown>

/** The writes that change where messages of an application go. */
const TOLD: readonly (readonly [string, Write])[] = [
  [
    'a change of the application',
    (store, { application }) =>
      store.updateApplication(application.organisationId, application.id, { throttleRate: 1 }, NOW),
  ],
  [
    'the deletion of the application',
    (store, { application }) => store.deleteApplication(application.organisationId, application.id, NOW),
  ],
  [
    'a new endpoint',
    (store, { application }) => store.createEndpoint(newEndpoint({ applicationId: application.id })),
  ],
  [
    'a change of an endpoint',
    (store, { application, endpoint }) =>
      store.updateEndpoint(application.id, endpoint.id, { disabled: true }, NOW),
  ],
  [
    'the deletion of an endpoint',
    (store, { application, endpoint }) => store.deleteEndpoint(application.id, endpoint.id, NOW),
  ],
  [
    'an attempt that disables its endpoint',
    async (_, { lease, send, record }) =>
      record(await send({}, { lease }), { kind: 'exhausted', disable: 'gone' }),
  ],
]

/** Tests who is told of which write. */
export function describeChanges(store: () => Store): void {
  describe('changes', () => {
    test.each(TOLD)('of %s every listener is told before the write is answered', async (_, write) => {
      const scene = await newScene(store())
      const events: string[] = []
      // Other tests share the store and its listeners, so only this application counts.
      const listen = (name: string) =>
        store().onChange((id) => {
          if (id === scene.application.id) events.push(name)
        })
      listen('first')
      listen('second')
      await write(store(), scene)
      events.push('answered')
      expect(events).toEqual(['first', 'second', 'answered'])
    })

    test('a listener that reads sees the change it was told of', async () => {
      const { application, endpoint } = await newScene(store())
      const read = new Promise((resolve) => {
        store().onChange((id) => {
          if (id === application.id) resolve(store().findEndpoint(application.id, endpoint.id))
        })
      })
      await store().updateEndpoint(application.id, endpoint.id, { description: 'New' }, NOW)
      expect(await read).toMatchObject({ description: 'New' })
    })

    test('of a revoked token it is told that anything may have changed', async () => {
      const token = newToken()
      await store().createToken(token)
      const told: (string | null)[] = []
      store().onChange((id) => told.push(id))
      await store().revokeToken(token.organisationId, token.id, NOW)
      expect(told).toContain(null)
    })

    test('of a written event type it is told that anything may have changed', async () => {
      const eventType = newEventType()
      const { organisationId, name } = eventType
      const told: (string | null)[] = []
      store().onChange((id) => told.push(id))
      const writes = [
        () => store().createEventType(eventType),
        () => store().updateEventType(organisationId, name, { archived: true }, NOW),
        () => store().importEventTypes(organisationId, [], { archivesOthers: true, isDryRun: false }, NOW),
        () => store().expungeEventType(organisationId, name),
      ]
      for (const write of writes) {
        told.length = 0
        await write()
        expect(told).toContain(null)
      }
    })

    test('of a write that was refused nobody is told', async () => {
      const { application, addEndpoint } = await newScene(store())
      await addEndpoint({ uid: 'taken' })
      const told: (string | null)[] = []
      store().onChange((id) => told.push(id))
      await expect(addEndpoint({ uid: 'taken' })).rejects.toMatchObject({ code: 'uid_exists' })
      await expect(store().createApplication(newApplication({ id: application.id }))).rejects.toBeInstanceOf(
        Error,
      )
      expect(told).not.toContain(application.id)
    })
  })
}
