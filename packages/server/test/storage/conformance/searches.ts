/** Conformance: the search for messages of an application. @module */

import { describe, expect, test } from 'vitest'

import type { Message } from '../../../src/domain/message.ts'
import type { MessageSearch } from '../../../src/storage/port/messages.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newMessage, newScene } from '../fixtures.ts'

/** Six messages to two endpoints, one a millisecond, each of which stands differently. */
async function messagesIn(store: Store) {
  const { application, endpoint, lease, addEndpoint, send, record } = await newScene(store)
  const second = await addEndpoint({ id: idAt('endpoint', NOW + 1) })
  const both = { to: [endpoint.id, second.id], lease }
  const made: Message[] = []
  const make = async (fields: Partial<Message>, options = both as { to?: string[]; lease?: number }) => {
    const message = await send({ ...fields, createdAt: NOW + made.length }, options)
    made.push(message)
    return message
  }
  const success = { kind: 'success' } as const
  const failed = { kind: 'exhausted' } as const
  const at = (endpointId: string) => ({ attempt: { endpointId, isSuccess: false } })

  const delivered = await make({ eventType: 'a', tags: ['vip'], channels: ['eu'], eventId: 'evt-0' })
  await record(delivered, success)
  await record(delivered, success, at(second.id))
  const half = await make({ eventType: 'b', tags: ['vip', 'trial'] })
  await record(half, success)
  await record(half, failed, at(second.id))
  const lost = await make({ eventType: 'a', channels: ['eu', 'us'] })
  await record(lost, failed)
  await record(lost, failed, at(second.id))
  const retried = await make({ eventType: 'c' })
  await record(retried, { kind: 'retry', at: NOW + 1_000 })
  await make({ eventType: 'b', tags: ['vip'] }, { to: [] })
  const expunged = await make({ eventType: 'a', eventId: 'evt-5' }, { to: [endpoint.id] })
  await store.expungeContent(application.id, expunged.id, NOW)
  return { applicationId: application.id, made }
}

const SEARCHES: readonly (readonly [string, MessageSearch, readonly number[]])[] = [
  ['event id', { eventId: 'evt-5' }, [5]],
  ['an unknown event id', { eventId: 'evt-1' }, []],
  ['tag and event type', { tag: 'vip', eventTypes: ['b'] }, [1, 4]],
  ['tag and status', { tag: 'vip', status: 'success' }, [0, 1]],
  ['two event types', { eventTypes: ['a', 'c'] }, [0, 2, 3, 5]],
  ['the same event type twice', { eventTypes: ['c', 'c'] }, [3]],
  ['success, of any of its deliveries', { status: 'success' }, [0, 1]],
  ['fail, of two endpoints, each message once', { status: 'fail' }, [1, 2]],
  ['pending', { status: 'pending' }, [3]],
  ['sending', { status: 'sending' }, [3]],
  ['canceled', { status: 'canceled' }, [5]],
  ['fail and channel', { status: 'fail', channel: 'us' }, [2]],
  ['fail and event type', { status: 'fail', eventTypes: ['b'] }, [1]],
  ['fail in a stretch of time', { status: 'fail', after: NOW + 2, before: NOW + 3 }, [2]],
  ['event type and status', { eventTypes: ['a'], status: 'success' }, [0]],
]

/** Tests the search for messages. */
export function describeSearches(store: () => Store): void {
  describe('searches', () => {
    test.each(SEARCHES)('find what they name, and nothing else: %s', async (_, filter, expected) => {
      const { applicationId, made } = await messagesIn(store())
      const found = await store().listMessages(applicationId, WHOLE, filter)
      expect(found.map(({ id }) => id)).toEqual(expected.map((i) => made[i]!.id))

      const backwards = await store().listMessages(applicationId, { ...WHOLE, order: 'descending' }, filter)
      expect(backwards).toEqual(found.toReversed())
    })

    test.each(SEARCHES)('give the same a page at a time: %s', async (_, filter, expected) => {
      const { applicationId, made } = await messagesIn(store())
      const found: string[] = []
      let after: string | null = null
      for (;;) {
        const page: Message[] = await store().listMessages(
          applicationId,
          { ...WHOLE, limit: 1, after },
          filter,
        )
        if (page.length === 0) break
        expect(page).toHaveLength(1)
        after = page[0]!.id
        found.push(after)
      }
      expect(found).toEqual(expected.map((i) => made[i]!.id))
    })

    test('an id finds its message, and none of another application', async () => {
      const { applicationId, made } = await messagesIn(store())
      const byId = (id: string) => store().listMessages(applicationId, WHOLE, { id })
      expect((await byId(made[2]!.id)).map(({ id }) => id)).toEqual([made[2]!.id])
      expect(await byId(newMessage().id)).toEqual([])
      const other = await newScene(store())
      expect(await store().listMessages(other.application.id, WHOLE, { id: made[2]!.id })).toEqual([])
      expect(await store().listMessages(other.application.id, WHOLE, { tag: 'vip' })).toEqual([])
    })
  })
}
