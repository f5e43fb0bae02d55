/** Conformance: what outlives a process. @module */

import { describe, expect, onTestFinished, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import type { OpenedStore } from '../opened-store.ts'
import {
  NOW,
  WHOLE,
  newApplication,
  newAttempt,
  newEndpoint,
  newEventType,
  newMessage,
  newScene,
  newToken,
} from '../fixtures.ts'

/** Tests what outlives a stop. */
export function describeRestarts(open: () => Promise<OpenedStore>): void {
  describe('restarts', () => {
    test('everything is there again after a stop and a start', async () => {
      const { store, reopen, close } = await open()
      onTestFinished(close)
      const token = newToken()
      const eventType = newEventType()
      await store.createOrganisation(token.organisationId, token)
      await store.createEventType(eventType)
      const { application, endpoint, lease, send, record } = await newScene(store)
      const settled = await send({ eventId: 'evt-1' }, { lease })
      await record(settled, { kind: 'success' })
      await send({ createdAt: NOW + 1 }, { dueAt: NOW + 60_000 })

      const snapshot = async (from: Store) => ({
        organisation: await from.findOrganisation(),
        token: await from.findToken(token.hash),
        eventType: await from.findEventType(eventType.organisationId, eventType.name),
        application: await from.findApplication(application.organisationId, application.id),
        messages: await from.listMessages(application.id, WHOLE, {}),
        attempts: await from.listAttemptsOfEndpoint(application.id, endpoint.id, WHOLE, {}),
        deliveries: await from.listDeliveriesOfEndpoint(application.id, endpoint.id, WHOLE, {}),
        endpoint: await from.findEndpoint(application.id, endpoint.id),
      })
      const before = await snapshot(store)
      expect(before).toMatchObject({ token, eventType, application, endpoint })
      expect(before.deliveries.map(({ delivery }) => delivery.status)).toEqual(['success', 'pending'])

      const reopened = await reopen()
      expect(await snapshot(reopened)).toEqual(before)
      expect(await reopened.joinAsNode(NOW)).toBeGreaterThan(lease)
    })

    test('a stop finishes what was asked for before it', async () => {
      const { store, reopen, close } = await open()
      onTestFinished(close)
      const { applicationId, id: endpointId } = newEndpoint()
      const messages = Array.from({ length: 30 }, () => newMessage({ applicationId }))
      const asked = messages.map((message) =>
        store.acceptMessage({ message, deliveries: [{ endpointId, lease: null }], dueAt: NOW }),
      )
      const reopened = await reopen()

      expect(await Promise.all(asked)).toEqual(messages.map(() => ({ kind: 'accepted' })))
      expect(await reopened.listMessages(applicationId, WHOLE, {})).toHaveLength(30)
    })

    test('a store that was stopped refuses reads and writes', async () => {
      const { store, close } = await open()
      onTestFinished(close)
      await store.stop()
      const application = newApplication()
      await expect(store.createApplication(application)).rejects.toMatchObject({ code: 'busy' })
      await expect(
        store.recordAttempt({ attempt: newAttempt(), lease: 1, attempts: 1, verdict: { kind: 'success' } }),
      ).rejects.toMatchObject({ code: 'busy' })
      await expect(store.findApplication(application.organisationId, application.id)).rejects.toMatchObject({
        code: 'busy',
      })
    })
  })
}
