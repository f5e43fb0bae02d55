/** Conformance: accepting messages and reading them back. @module */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { MessageFilter } from '../../../src/storage/port/messages.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newMessage, newScene } from '../fixtures.ts'

/** Tests messages, their event ids and their filters. */
export function describeMessages(store: () => Store): void {
  describe('messages', () => {
    test('a message is found by id and by event id, with every field as it was given', async () => {
      const { application, send } = await newScene(store())
      const message = await send({
        eventType: 'user.renamed',
        eventId: 'evt-1',
        channels: ['eu', 'Größe "L"'],
        tags: [],
        contentType: 'application/cloudevents+json; charset=utf-8',
        deliverAt: NOW + 60_000,
      })
      expect(await store().findMessage(application.id, message.id)).toEqual(message)
      expect(await store().findMessage(application.id, 'evt-1')).toEqual(message)
      expect(await store().findMessage(application.id, 'evt-2')).toBeNull()
    })

    test('a message of another application is not found', async () => {
      const { send } = await newScene(store())
      const message = await send({ eventId: 'evt-1' })
      const other = idAt('application', NOW)
      expect(await store().findMessage(other, message.id)).toBeNull()
      expect(await store().findMessage(other, 'evt-1')).toBeNull()
      expect(await store().listMessages(other, WHOLE, {})).toEqual([])
    })

    test('a message to no endpoint is kept as well', async () => {
      const { application, send } = await newScene(store())
      const message = await send({}, { to: [] })
      expect(await store().findMessage(application.id, message.id)).toEqual(message)
      expect(await store().listDeliveriesOfMessage(application.id, message.id, WHOLE)).toEqual([])
    })

    test.each([
      ['empty', new Uint8Array(0)],
      ['every byte value', Uint8Array.from({ length: 256 }, (_, i) => i)],
      ['no text in any encoding', Uint8Array.of(0xff, 0xfe, 0x00, 0xc3, 0x28, 0x00)],
      ['a megabyte', Uint8Array.from({ length: 1_048_576 }, (_, i) => (i * 31 + (i >> 8)) % 256)],
      ['part of a larger buffer', Uint8Array.from({ length: 64 }, (_, i) => i).subarray(8, 24)],
    ])('a payload comes back and is claimed byte for byte: %s', async (_, payload) => {
      const { application, send, claim } = await newScene(store())
      const message = await send({ payload })
      const found = await store().findMessage(application.id, message.id)
      expect(Buffer.from(found!.payload).equals(payload)).toBe(true)
      const [claimed] = await claim()
      expect(Buffer.from(claimed!.message.payload).equals(payload)).toBe(true)
    })

    test('any payload comes back byte for byte', async () => {
      const { application, send } = await newScene(store())
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (payload) => {
          const message = await send({ payload })
          const found = await store().findMessage(application.id, message.id)
          expect(Buffer.from(found!.payload).equals(payload)).toBe(true)
        }),
        { numRuns: 25 },
      )
    })
  })

  describe('event ids', () => {
    test('a second message with an event id is not kept, and the first is named', async () => {
      const { application, endpoint, send, trySend } = await newScene(store())
      const first = await send({ eventId: 'evt-1' })
      const second = newMessage({ applicationId: application.id, eventId: 'evt-1', createdAt: NOW + 1 })

      expect(await trySend(second)).toEqual({ kind: 'duplicate', messageId: first.id })
      expect(await store().findMessage(application.id, second.id)).toBeNull()
      expect(await store().listDeliveriesOfMessage(application.id, second.id, WHOLE)).toEqual([])
      expect(await store().listDeliveriesOfEndpoint(application.id, endpoint.id, WHOLE, {})).toHaveLength(1)
    })

    test('of fifty sends of one event at once, one is accepted and the others name it', async () => {
      const { application, trySend } = await newScene(store())
      const messages = Array.from({ length: 50 }, () =>
        newMessage({ applicationId: application.id, eventId: 'evt-1' }),
      )
      const results = await Promise.all(messages.map((message) => trySend(message)))

      const accepted = messages.filter((_, i) => results[i]!.kind === 'accepted')
      expect(accepted).toHaveLength(1)
      const named = results.flatMap((result) => (result.kind === 'duplicate' ? [result.messageId] : []))
      expect(new Set(named)).toEqual(new Set([accepted[0]!.id]))
      expect(await store().listMessages(application.id, WHOLE, {})).toEqual(accepted)
    })

    test('an event id is taken within its application only, and none is never taken', async () => {
      const one = await newScene(store())
      const other = await newScene(store())
      await one.send({ eventId: 'evt-1' })
      await one.send({ eventId: null })
      const results = await Promise.all([
        one.trySend(newMessage({ applicationId: one.application.id, eventId: null })),
        one.trySend(newMessage({ applicationId: one.application.id, eventId: 'EVT-1' })),
        other.trySend(newMessage({ applicationId: other.application.id, eventId: 'evt-1' })),
      ])
      expect(results.map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'accepted'])
    })
  })

  describe('message filters', () => {
    test.each<[string, MessageFilter, number[]]>([
      ['none', {}, [0, 1, 2, 3]],
      ['channel', { channel: 'eu' }, [0, 1]],
      ['a channel that only begins alike', { channel: 'e' }, []],
      ['tag', { tag: 'vip' }, [1, 2]],
      ['one event type', { eventTypes: ['b'] }, [1]],
      ['event types', { eventTypes: ['a', 'c'] }, [0, 2, 3]],
      ['no event type at all', { eventTypes: [] }, []],
      ['before, strictly', { before: NOW + 2 }, [0, 1]],
      ['after, the instant included', { after: NOW + 2 }, [2, 3]],
      ['a stretch of time', { after: NOW + 1, before: NOW + 3 }, [1, 2]],
      ['before all', { before: 0 }, []],
      ['after half a millisecond', { after: NOW + 1.5 }, [2, 3]],
      ['all of them together', { channel: 'eu', tag: 'vip', eventTypes: ['b'], after: NOW + 1 }, [1]],
    ])('let through what they name: %s', async (_, filter, expected) => {
      const { application, endpoint, send } = await newScene(store())
      const messages = [
        await send({ createdAt: NOW, eventType: 'a', channels: ['eu', 'us'] }),
        await send({ createdAt: NOW + 1, eventType: 'b', channels: ['eu'], tags: ['vip'] }),
        await send({ createdAt: NOW + 2, eventType: 'c', channels: ['us'], tags: ['trial', 'vip'] }),
        await send({ createdAt: NOW + 3, eventType: 'a' }),
      ]
      const wanted = expected.map((i) => messages[i])
      expect(await store().listMessages(application.id, WHOLE, filter)).toEqual(wanted)

      const deliveries = await store().listDeliveriesOfEndpoint(application.id, endpoint.id, WHOLE, filter)
      expect(deliveries.map(({ message }) => message)).toEqual(wanted)
    })

    test('a filter and a page are both obeyed', async () => {
      const { application, send } = await newScene(store())
      const sent = []
      for (let i = 0; i < 6; i++)
        sent.push(await send({ createdAt: NOW + i, eventType: i % 2 ? 'odd' : 'even' }))
      const page = { limit: 2, order: 'descending', after: sent[5]!.id } as const
      expect(await store().listMessages(application.id, page, { eventTypes: ['odd'] })).toEqual([
        sent[3],
        sent[1],
      ])
    })
  })
}
