/** Conformance: idempotency keys. @module */

import { describe, expect, test } from 'vitest'

import { IDEMPOTENCY_MS, type IdempotentAnswer } from '../../../src/domain/idempotency.ts'
import { randomText } from '../../../src/domain/id.ts'
import type { Message } from '../../../src/domain/message.ts'
import type { AcceptResult } from '../../../src/storage/port/accepts.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, type Scene, WHOLE, newMessage, newScene } from '../fixtures.ts'

const newKey = (body = 'first') => ({ key: randomText(22), body })

const newAnswer = (fields: Partial<IdempotentAnswer> = {}): IdempotentAnswer => ({
  ...newKey(),
  status: 201,
  content: '{"id":"ep_1","näme":"ü"}',
  createdAt: NOW,
  ...fields,
})

/** Tests the keys of messages and the answers of other POSTs. */
export function describeIdempotency(store: () => Store): void {
  const accept = (
    { endpoint }: Scene,
    message: Message,
    idempotency: { key: string; body: string },
  ): Promise<AcceptResult> =>
    store().acceptMessage({
      message,
      deliveries: [{ endpointId: endpoint.id, lease: null }],
      dueAt: NOW,
      idempotency,
    })

  describe('idempotency keys of messages', () => {
    test('a second message with a key is not kept, and the first is named', async () => {
      const scene = await newScene(store())
      const { id: applicationId } = scene.application
      const key = newKey()
      const [first, second] = [newMessage({ applicationId }), newMessage({ applicationId })]
      expect(await accept(scene, first, key)).toEqual({ kind: 'accepted' })
      expect(await accept(scene, second, key)).toEqual({ kind: 'replayed', messageId: first.id })
      const other = { ...key, body: 'other' }
      expect(await accept(scene, second, other)).toEqual({ kind: 'key_reused', messageId: first.id })
      expect(await store().listMessages(applicationId, WHOLE, {})).toEqual([first])
      expect(await scene.claim()).toHaveLength(1)
    })

    test('of fifty sends with one key at once, one is accepted and the others name it', async () => {
      const scene = await newScene(store())
      const { id: applicationId } = scene.application
      const key = newKey()
      const messages = Array.from({ length: 50 }, () => newMessage({ applicationId }))
      const results = await Promise.all(messages.map((message) => accept(scene, message, key)))
      const accepted = messages.filter((_, i) => results[i]!.kind === 'accepted')
      expect(accepted).toHaveLength(1)
      const replayed = results.filter(
        (result) => result.kind === 'replayed' && result.messageId === accepted[0]!.id,
      )
      expect(replayed).toHaveLength(49)
    })

    test('a key goes before an event id: a repetition is answered, not refused', async () => {
      const scene = await newScene(store())
      const { id: applicationId } = scene.application
      const key = newKey()
      const first = newMessage({ applicationId, eventId: 'evt-1' })
      const again = newMessage({ applicationId, eventId: 'evt-1' })
      await accept(scene, first, key)
      expect(await accept(scene, again, key)).toEqual({ kind: 'replayed', messageId: first.id })
    })

    test('a message that was refused leaves its key free', async () => {
      const scene = await newScene(store())
      const { id: applicationId } = scene.application
      await accept(scene, newMessage({ applicationId, eventId: 'evt-1' }), newKey())
      const key = newKey()
      const refused = newMessage({ applicationId, eventId: 'evt-1' })
      expect(await accept(scene, refused, key)).toMatchObject({ kind: 'duplicate' })
      expect(await accept(scene, newMessage({ applicationId }), key)).toEqual({ kind: 'accepted' })
    })

    test.each([
      ['a millisecond', 1, 'replayed'],
      ['half of 12 h', IDEMPOTENCY_MS / 2, 'replayed'],
      ['just less than 12 h', IDEMPOTENCY_MS - 1, 'replayed'],
      ['12 h and a millisecond', IDEMPOTENCY_MS + 1, 'accepted'],
      ['a day', 2 * IDEMPOTENCY_MS, 'accepted'],
    ] as const)('after %s a key is still known, or no longer', async (_, laterMs, kind) => {
      const scene = await newScene(store())
      const { id: applicationId } = scene.application
      const key = newKey()
      await accept(scene, newMessage({ applicationId }), key)
      const later = newMessage({ applicationId, createdAt: NOW + laterMs })
      expect(await accept(scene, later, key)).toMatchObject({ kind })
    })
  })

  describe('idempotent answers', () => {
    test('an answer is found by its key, with every field as it was given', async () => {
      const answer = newAnswer()
      await store().saveAnswer(answer)
      expect(await store().findAnswer(answer.key, NOW - 1)).toEqual(answer)
      expect(await store().findAnswer(newKey().key, NOW - 1)).toBeNull()
    })

    test('an answer that is too old is not found, and gives way to a new one', async () => {
      const answer = newAnswer()
      await store().saveAnswer(answer)
      expect(await store().findAnswer(answer.key, NOW)).toBeNull()
      const next = newAnswer({ key: answer.key, content: '', status: 204, createdAt: NOW + 1 })
      await store().saveAnswer(next)
      expect(await store().findAnswer(answer.key, NOW)).toEqual(next)
    })
  })
}
