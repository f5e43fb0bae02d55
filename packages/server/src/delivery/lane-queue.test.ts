import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { newMessage } from '../../test/storage/fixtures.ts'
import { PRIORITIES, type Priority } from '../domain/delivery.ts'
import type { ClaimedDelivery } from '../storage/port/queue.ts'
import { LaneQueue } from './lane-queue.ts'

function delivery(priority: Priority, attempts = 0): ClaimedDelivery {
  return { message: newMessage(), endpointId: 'ep_1', attempts, priority }
}

test('what happens now goes first, and retries and replays get their share', () => {
  const queue = new LaneQueue()
  for (const priority of PRIORITIES) for (let i = 0; i < 40; i++) queue.push(delivery(priority))
  const order = Array.from({ length: 26 }, () => queue.take(1)[0]!.priority)
  expect(order.filter((priority) => priority === 'replay')).toHaveLength(2)
  expect(order.filter((priority) => priority === 'retry')).toHaveLength(6)
  expect(order.slice(0, 5)).toEqual(['live', 'live', 'live', 'retry', 'live'])
})

test('of one priority the first in is the first out', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...PRIORITIES)), fc.integer({ min: 1, max: 5 }), (given, atMost) => {
      const queue = new LaneQueue()
      const deliveries = given.map((priority) => delivery(priority))
      for (const each of deliveries) queue.push(each)
      const taken: ClaimedDelivery[] = []
      while (queue.length > 0) {
        const { next } = queue
        const some = queue.take(atMost)
        expect(some[0]).toBe(next)
        expect(some.length).toBeLessThanOrEqual(atMost)
        taken.push(...some)
      }
      for (const priority of PRIORITIES) {
        const of = (list: readonly ClaimedDelivery[]) => list.filter((each) => each.priority === priority)
        expect(of(taken)).toEqual(of(deliveries))
      }
    }),
  )
})

test('none waits for more than its share of the others', () => {
  const queue = new LaneQueue()
  queue.push(delivery('replay'))
  queue.push(delivery('retry'))
  for (let i = 0; i < 100; i++) queue.push(delivery('live'))
  const order = Array.from({ length: 100 }, () => queue.take(1)[0]!.priority)
  expect(order.indexOf('retry')).toBe(3)
  expect(order.indexOf('replay')).toBe(12)
})
