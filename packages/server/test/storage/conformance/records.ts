/** Conformance: recording attempts, and the leases that allow it. @module */

import { describe, expect, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, claimedIds, newAttempt, newScene } from '../fixtures.ts'

/** Tests what each verdict does, and who may record it. */
export function describeRecords(store: () => Store): void {
  describe('records', () => {
    test('a success settles the delivery', async () => {
      const { application, endpoint, lease, send, record, claim, delivery } = await newScene(store())
      const message = await send({}, { lease })
      expect(await record(message, { kind: 'success' }, { attempts: 3 })).toBe('recorded')
      expect(await delivery(message)).toMatchObject({ status: 'success', attempts: 3, nextAttemptAt: null })
      expect(await claim({ now: NOW + 1e9 })).toEqual([])
      expect(await store().findEndpoint(application.id, endpoint.id)).toEqual(endpoint)
    })

    test('a retry gives the delivery back, due at its instant, with the attempts counted', async () => {
      const { lease, send, record, claim, delivery } = await newScene(store())
      const message = await send({}, { lease })
      expect(await record(message, { kind: 'retry', at: NOW + 5_000 })).toBe('recorded')
      expect(await delivery(message)).toMatchObject({
        status: 'pending',
        attempts: 1,
        nextAttemptAt: NOW + 5_000,
      })
      expect(await claim({ now: NOW + 4_999 })).toEqual([])
      expect(await claim({ now: NOW + 5_000 })).toMatchObject([{ message: { id: message.id }, attempts: 1 }])
    })

    test('a spent schedule fails the delivery and leaves the endpoint open', async () => {
      const { application, endpoint, lease, send, record, claim, delivery } = await newScene(store())
      const message = await send({}, { lease })
      expect(await record(message, { kind: 'exhausted' }, { attempts: 10 })).toBe('recorded')
      expect(await delivery(message)).toMatchObject({ status: 'fail', attempts: 10, nextAttemptAt: null })
      expect(await claim({ now: NOW + 1e9 })).toEqual([])
      expect(await store().findEndpoint(application.id, endpoint.id)).toEqual(endpoint)
    })

    test('an endpoint that is gone for good is disabled with the failed delivery, and no other is', async () => {
      const { application, endpoint, addEndpoint, lease, send, record, delivery } = await newScene(store())
      const other = await addEndpoint()
      const message = await send({}, { lease })
      const attempt = { createdAt: NOW + 77 }
      await record(message, { kind: 'exhausted', disable: 'gone' }, { attempt })

      expect(await delivery(message)).toMatchObject({ status: 'fail' })
      expect(await store().findEndpoint(application.id, endpoint.id)).toEqual({
        ...endpoint,
        disabled: true,
        disabledReason: 'gone',
        updatedAt: NOW + 77,
      })
      expect(await store().findEndpoint(application.id, other.id)).toEqual(other)
    })

    test('only the delivery to that endpoint is settled, not the others of its message', async () => {
      const { endpoint, addEndpoint, lease, send, record, delivery } = await newScene(store())
      const other = await addEndpoint()
      const message = await send({}, { to: [endpoint.id, other.id], lease })
      await record(message, { kind: 'success' })
      expect(await delivery(message, other.id)).toMatchObject({ status: 'sending', attempts: 0 })
    })

    test.each([
      ['success', { kind: 'success' }],
      ['retry', { kind: 'retry', at: NOW + 1 }],
      ['exhausted', { kind: 'exhausted' }],
    ] as const)('after %s a second record is refused and changes nothing', async (_, verdict) => {
      const { application, lease, send, record, delivery } = await newScene(store())
      const message = await send({}, { lease })
      await record(message, verdict)
      const settled = await delivery(message)

      const again = newAttempt({ createdAt: NOW + 9 })
      expect(
        await record(message, { kind: 'retry', at: NOW + 99 }, { attempts: 2, attempt: { id: again.id } }),
      ).toBe('lost')
      expect(await delivery(message)).toEqual(settled)
      expect(await store().findAttempt(application.id, message.id, again.id)).toBeNull()
      expect(await store().listAttemptsOfMessage(application.id, message.id, WHOLE, {})).toHaveLength(1)
    })

    test('of two records of one delivery at once, one counts', async () => {
      const { application, lease, send, record } = await newScene(store())
      const message = await send({}, { lease })
      const recorded = await Promise.all([
        record(message, { kind: 'success' }),
        record(message, { kind: 'exhausted' }),
      ])
      expect(new Set(recorded)).toEqual(new Set(['lost', 'recorded']))
      expect(await store().listAttemptsOfMessage(application.id, message.id, WHOLE, {})).toHaveLength(1)
    })

    test('a delivery that nobody holds cannot be recorded', async () => {
      const { application, endpoint, send, record, delivery } = await newScene(store())
      const message = await send()
      expect(await record(message, { kind: 'exhausted', disable: 'gone' })).toBe('lost')
      expect(await delivery(message)).toMatchObject({ status: 'pending', attempts: 0, nextAttemptAt: NOW })
      expect(await store().findEndpoint(application.id, endpoint.id)).toEqual(endpoint)
    })
  })

  describe('leases', () => {
    test('each node that joins gets a greater lease', async () => {
      const leases = []
      for (let i = 0; i < 4; i++) leases.push(await store().joinAsNode(NOW))
      expect(new Set(leases).size).toBe(4)
      expect(leases.toSorted((a, b) => a - b)).toEqual(leases)
    })

    test('a node that has joined lives, and knows how far its clock is off', async () => {
      const lease = await store().joinAsNode(NOW)
      expect(await store().beat(lease, NOW)).toBe(true)
      expect(store().clockOffsetMs()).toSatisfy(Number.isFinite)
    })

    test('a successor can claim at once what a dead node held, from birth or by a claim', async () => {
      const { lease, send, claim, delivery } = await newScene(store())
      const born = await send({}, { lease })
      const claimed = await send()
      await claim()

      const successor = await store().joinAsNode(NOW + 1)
      expect(await delivery(born)).toMatchObject({ status: 'pending' })
      const ids = claimedIds(await claim({ lease: successor, now: NOW + 1 }))
      expect(ids.toSorted()).toEqual([born.id, claimed.id].toSorted())
    })

    test('a node that was taken for dead records nothing over its successor, and frees nothing of it', async () => {
      const { application, endpoint, lease, send, claim, record, delivery } = await newScene(store())
      const message = await send({}, { lease })
      const successor = await store().joinAsNode(NOW + 1)
      await claim({ lease: successor, now: NOW + 1 })

      const late = newAttempt()
      const verdict = { kind: 'exhausted', disable: 'gone' } as const
      expect(await record(message, verdict, { lease, attempt: { id: late.id } })).toBe('lost')
      await store().releaseDeliveries(
        lease,
        [{ applicationId: application.id, messageId: message.id, endpointId: endpoint.id }],
        NOW,
      )
      expect(await delivery(message)).toMatchObject({ status: 'sending', attempts: 0 })
      expect(await store().findAttempt(application.id, message.id, late.id)).toBeNull()
      expect(await store().findEndpoint(application.id, endpoint.id)).toEqual(endpoint)

      expect(await record(message, { kind: 'success' }, { lease: successor })).toBe('recorded')
      expect(await delivery(message)).toMatchObject({ status: 'success' })
    })
  })
}
