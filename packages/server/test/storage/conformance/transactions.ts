/** Conformance: what is asked for in one moment shares a transaction, and none pays for another's fault. @module */

import { describe, expect, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, newApplication, newAttempt, newMessage, newScene } from '../fixtures.ts'

/** Tests that operations of one moment do not harm each other. */
export function describeTransactions(store: () => Store): void {
  describe('transactions', () => {
    test('a refusal leaves the others of its moment committed', async () => {
      const { application, trySend } = await newScene(store())
      const { organisationId } = application
      const messages = Array.from({ length: 5 }, () => newMessage({ applicationId: application.id }))
      const [first, second, bystander] = ['same', 'same', 'other'].map((uid) =>
        newApplication({ organisationId, uid }),
      )

      const results = await Promise.allSettled([
        ...messages.slice(0, 3).map((message) => trySend(message)),
        store().createApplication(first!),
        store().createApplication(second!),
        store().createApplication(bystander!),
        ...messages.slice(3).map((message) => trySend(message)),
      ])

      const refused = results.filter((result) => result.status === 'rejected')
      expect(refused).toMatchObject([{ reason: { code: 'uid_exists' } }])
      // Which of the two comes first is the store's choice.
      expect([first, second]).toContainEqual(await store().findApplication(organisationId, 'same'))
      expect(await store().findApplication(organisationId, 'other')).toEqual(bystander)
      expect(await store().listMessages(application.id, WHOLE, {})).toHaveLength(5)
    })

    test('a fault leaves nothing of its own behind and the others of its moment committed', async () => {
      const { application, endpoint, trySend } = await newScene(store())
      const [before, after, faulty] = [0, 1, 2].map(() => newMessage({ applicationId: application.id }))
      const results = await Promise.allSettled([
        trySend(before!),
        // The second delivery to one endpoint breaks the key, after the message and the first have been written.
        trySend(faulty!, { to: [endpoint.id, endpoint.id] }),
        trySend(after!),
      ])
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      const kept = await store().listMessages(application.id, WHOLE, {})
      expect(kept.map(({ id }) => id).toSorted()).toEqual([before!.id, after!.id].toSorted())
      expect(await store().listDeliveriesOfEndpoint(application.id, endpoint.id, WHOLE, {})).toHaveLength(2)
    })

    test('an attempt that cannot be written does not settle its delivery', async () => {
      const { application, lease, send, record, claim, delivery } = await newScene(store())
      const message = await send({}, { lease })
      const attempt = newAttempt({ response: 'the first' })
      const { id, response } = attempt
      await record(message, { kind: 'retry', at: NOW }, { attempt: { id, response } })
      await claim()

      await expect(
        record(message, { kind: 'success' }, { attempts: 2, attempt: { id } }),
      ).rejects.toBeInstanceOf(Error)
      expect(await delivery(message)).toMatchObject({ status: 'sending', attempts: 1 })
      expect(await store().findAttempt(application.id, message.id, id)).toMatchObject({
        response: 'the first',
      })
    })

    test('a read sees the writes that were answered before it', async () => {
      const { application, send } = await newScene(store())
      for (let i = 0; i < 20; i++) {
        const message = await send()
        expect(await store().findMessage(application.id, message.id)).toEqual(message)
      }
    })
  })
}
