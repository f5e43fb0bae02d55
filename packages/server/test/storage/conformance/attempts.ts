/** Conformance: attempts as the API asks for them. @module */

import { describe, expect, test } from 'vitest'

import type { Attempt } from '../../../src/domain/attempt.ts'
import type { AttemptFilter } from '../../../src/storage/port/attempts.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newAttempt, newMessage, newScene } from '../fixtures.ts'

/** Four attempts at two messages and two endpoints, one a millisecond. */
async function attemptsIn(store: Store) {
  const { application, endpoint, addEndpoint, lease, send } = await newScene(store)
  const second = await addEndpoint({ id: idAt('endpoint', NOW + 1) })
  const to = [endpoint.id, second.id]
  const paid = await send({ eventType: 'paid', channels: ['eu'], createdAt: NOW }, { to, lease })
  const lost = await send({ eventType: 'lost', tags: ['vip'], createdAt: NOW + 500 }, { to, lease })

  const made: Attempt[] = []
  const record = async (fields: Partial<Attempt>) => {
    const attempt = newAttempt({
      applicationId: application.id,
      createdAt: NOW + 1_000 + made.length,
      ...fields,
    })
    await store.recordAttempt({ attempt, lease, attempts: 1, verdict: { kind: 'success' } })
    made.push(attempt)
  }
  await record({ messageId: paid.id, endpointId: endpoint.id, responseStatusCode: 204 })
  await record({ messageId: paid.id, endpointId: second.id, isSuccess: false, responseStatusCode: 500 })
  await record({
    messageId: lost.id,
    endpointId: endpoint.id,
    isSuccess: false,
    responseStatusCode: 0,
    failure: 'timeout',
  })
  await record({ messageId: lost.id, endpointId: second.id, responseStatusCode: 299 })
  return { applicationId: application.id, first: endpoint.id, second: second.id, paid, lost, made }
}

/** Tests attempts and their filters. */
export function describeAttempts(store: () => Store): void {
  describe('attempts', () => {
    test('an attempt is found in its message, with every field as it was given', async () => {
      const { application, endpoint, lease, send, record } = await newScene(store())
      const message = await send({}, { lease })
      const attempt = newAttempt({
        applicationId: application.id,
        messageId: message.id,
        endpointId: endpoint.id,
        url: 'https://old.example/hook?x=%20',
        isSuccess: false,
        responseStatusCode: 0,
        response: 'connect ECONNREFUSED — “naïve” 🎺',
        responseDurationMs: 30_000,
        failure: 'connection_refused',
        trigger: 'manual',
      })
      await record(message, { kind: 'retry', at: NOW + 5 }, { attempt })

      expect(await store().findAttempt(application.id, message.id, attempt.id)).toEqual(attempt)
      expect(await store().findAttempt(idAt('application', NOW), message.id, attempt.id)).toBeNull()
      expect(await store().findAttempt(application.id, newMessage().id, attempt.id)).toBeNull()
      expect(await store().findAttempt(application.id, message.id, newAttempt().id)).toBeNull()
    })

    test.each<[string, AttemptFilter, number[]]>([
      ['none', {}, [0, 1, 2, 3]],
      ['success', { isSuccess: true }, [0, 3]],
      ['no success', { isSuccess: false }, [1, 2]],
      ['status 2xx', { statusCodeClass: 200 }, [0, 3]],
      ['status 5xx', { statusCodeClass: 500 }, [1]],
      ['no answer', { statusCodeClass: 0 }, [2]],
      ['status 3xx', { statusCodeClass: 300 }, []],
      ['before, strictly', { before: NOW + 1_002 }, [0, 1]],
      ['after, the instant included', { after: NOW + 1_002 }, [2, 3]],
      ["the message's channel", { channel: 'eu' }, [0, 1]],
      ["the message's tag", { tag: 'vip' }, [2, 3]],
      ["the message's event type", { eventTypes: ['lost', 'other'] }, [2, 3]],
      ['all of them together', { isSuccess: false, statusCodeClass: 0, tag: 'vip', after: NOW }, [2]],
    ])('filters let through what they name: %s', async (_, filter, expected) => {
      const { applicationId, first, second, paid, lost, made } = await attemptsIn(store())
      const wanted = (of: (attempt: Attempt) => boolean) => expected.map((i) => made[i]!).filter(of)

      for (const { id } of [paid, lost]) {
        expect(await store().listAttemptsOfMessage(applicationId, id, WHOLE, filter)).toEqual(
          wanted(({ messageId }) => messageId === id),
        )
      }
      for (const id of [first, second]) {
        expect(await store().listAttemptsOfEndpoint(applicationId, id, WHOLE, filter)).toEqual(
          wanted(({ endpointId }) => endpointId === id),
        )
      }
    })

    test("a message's attempts can be narrowed to one endpoint", async () => {
      const { applicationId, second, paid, made } = await attemptsIn(store())
      expect(
        await store().listAttemptsOfMessage(applicationId, paid.id, WHOLE, { endpointId: second }),
      ).toEqual([made[1]])
    })

    test('attempts of another application are not listed', async () => {
      const { first, paid } = await attemptsIn(store())
      const other = idAt('application', NOW)
      expect(await store().listAttemptsOfMessage(other, paid.id, WHOLE, {})).toEqual([])
      expect(await store().listAttemptsOfEndpoint(other, first, WHOLE, {})).toEqual([])
    })
  })
}
