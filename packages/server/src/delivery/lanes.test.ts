import * as fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'

import type { ClaimedDelivery } from '../storage/store.ts'
import { type LaneLimits, Lanes } from './lanes.ts'

const LIMITS: LaneLimits = {
  maxInFlight: 100,
  maxInFlightPerLane: 4,
  initialInFlightPerLane: 2,
  maxHeldPerLane: 10,
  maxHeldBytes: 1_000,
}

afterEach(() => {
  vi.useRealTimers()
})

let made = 0

function delivery(endpointId: string, bytes = 1): ClaimedDelivery {
  return {
    endpointId,
    attempts: 0,
    message: {
      id: `msg_${++made}`,
      applicationId: 'app_1',
      eventType: 'a',
      eventId: null,
      channels: null,
      tags: null,
      payload: new Uint8Array(bytes),
      contentType: 'application/json',
      deliverAt: null,
      expiresAt: null,
      expungedAt: null,
      createdAt: 0,
    },
  }
}

/** Returns lanes, the attempts that they started and that have not ended, and a way to fill them. */
function newLanes(limits: Partial<LaneLimits> = {}) {
  const running: ClaimedDelivery[] = []
  const lanes = new Lanes({ ...LIMITS, ...limits }, (started) => running.push(started), Date.now)
  const add = (endpointId: string, bytes = 1) => {
    const isTaken = lanes.reserve(endpointId, bytes)
    if (isTaken) lanes.push(delivery(endpointId, bytes))
    return isTaken
  }
  const end = (endpointId: string, signal: 'answered' | 'stalled' = 'answered') => {
    const at = running.findIndex((started) => started.endpointId === endpointId)
    const [ended] = running.splice(at, 1)
    return lanes.finished(ended!, signal)
  }
  const count = (endpointId: string) => running.filter((started) => started.endpointId === endpointId).length
  return { lanes, running, add, end, count }
}

test('lanes take turns: one with many waiting gets as many turns as one with few', () => {
  const { running, add, end } = newLanes({ maxInFlight: 1 })
  for (let i = 0; i < 5; i++) add('ep_flooded')
  for (let i = 0; i < 2; i++) add('ep_b')
  add('ep_c')
  const order = []
  while (running.length > 0) {
    const { endpointId } = running[0]!
    order.push(endpointId)
    end(endpointId)
  }
  expect(order.slice(0, 6)).toEqual(['ep_flooded', 'ep_flooded', 'ep_b', 'ep_c', 'ep_flooded', 'ep_b'])
})

test('an endpoint gets no more at once than its window, which grows with each answer up to its bound', () => {
  const { add, end, count } = newLanes()
  for (let i = 0; i < 10; i++) add('ep_a')
  expect(count('ep_a')).toBe(2)
  end('ep_a')
  expect(count('ep_a')).toBe(3)
  end('ep_a')
  expect(count('ep_a')).toBe(4)
  end('ep_a')
  expect(count('ep_a')).toBe(4)
})

test('the window halves with each stall, down to one', () => {
  const { add, end, count } = newLanes({ initialInFlightPerLane: 4 })
  for (let i = 0; i < 10; i++) add('ep_a')
  expect(count('ep_a')).toBe(4)
  for (let i = 0; i < 4; i++) end('ep_a', 'stalled')
  expect(count('ep_a')).toBe(1)
})

test('an endpoint that hangs takes no more than its window, and others go on', () => {
  const { add, end, count } = newLanes()
  for (let i = 0; i < 10; i++) add('ep_hanging')
  for (let i = 0; i < 9; i++) {
    add('ep_b')
    expect(count('ep_b')).toBe(1)
    end('ep_b')
  }
  expect(count('ep_hanging')).toBe(2)
})

test('a lane that is full refuses, and its neighbour does not', () => {
  const { add } = newLanes()
  expect(Array.from({ length: 11 }, () => add('ep_a')).filter(Boolean)).toHaveLength(10)
  expect(add('ep_b')).toBe(true)
})

test('when bytes run out a lane keeps what it holds, and an empty one still gets a first delivery', () => {
  const { add } = newLanes()
  expect(add('ep_a', 600)).toBe(true)
  expect(add('ep_a', 600)).toBe(false)
  expect(add('ep_b', 600)).toBe(true)
  expect(add('ep_b', 600)).toBe(false)
})

test('while older deliveries wait in the store, new ones go there too', () => {
  const { lanes, add } = newLanes()
  lanes.leave('ep_a')
  expect(add('ep_a')).toBe(false)
  lanes.pushClaimed('ep_a', [delivery('ep_a')], { backlog: lanes.backlogOf('ep_a'), isAll: true })
  expect(add('ep_a')).toBe(true)
})

test('what is left to the store while a claim runs is not taken for claimed', () => {
  const { lanes, add } = newLanes()
  lanes.leave('ep_a')
  const backlog = lanes.backlogOf('ep_a')
  lanes.leave('ep_a')
  lanes.pushClaimed('ep_a', [delivery('ep_a')], { backlog, isAll: true })
  expect(add('ep_a')).toBe(false)
})

test('a lane that runs low while more waits in the store says so', () => {
  const { lanes, add, end } = newLanes()
  for (let i = 0; i < 7; i++) add('ep_a')
  expect(end('ep_a')).toBe(false)
  lanes.leave('ep_a')
  expect(end('ep_a')).toBe(true)
})

test('an endpoint with a rate starts so many a second, evenly, and its neighbour as many as it likes', () => {
  vi.useFakeTimers()
  const { lanes, add, end, running } = newLanes({ initialInFlightPerLane: 4 })
  const startedAt: number[] = []
  const since = Date.now()
  lanes.setRates('ep_a', { applicationId: 'app_1', perSecond: 50, applicationPerSecond: null })
  for (let i = 0; i < 10; i++) add('ep_a')
  for (let ms = 0; ms < 200; ms++) {
    while (running.length > 0) {
      startedAt.push(Date.now() - since)
      end('ep_a')
    }
    vi.advanceTimersByTime(1)
  }
  expect(startedAt).toHaveLength(10)
  const gaps = startedAt.slice(1).map((at, i) => at - startedAt[i]!)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(18)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(22)

  for (let i = 0; i < 4; i++) add('ep_b')
  expect(running).toHaveLength(4)
})

test('the rate of an application is shared by its endpoints, and none of them starves', () => {
  vi.useFakeTimers()
  const { lanes, add, end, running } = newLanes()
  const starts: string[] = []
  for (const endpointId of ['ep_a', 'ep_b']) {
    lanes.setRates(endpointId, { applicationId: 'app_1', perSecond: null, applicationPerSecond: 100 })
    for (let i = 0; i < 10; i++) add(endpointId)
  }
  for (let ms = 0; ms < 100; ms++) {
    while (running.length > 0) {
      const { endpointId } = running[0]!
      starts.push(endpointId)
      end(endpointId)
    }
    vi.advanceTimersByTime(1)
  }
  expect(starts.length).toBeGreaterThanOrEqual(10)
  expect(starts.length).toBeLessThanOrEqual(12)
  const ofA = starts.filter((endpointId) => endpointId === 'ep_a').length
  expect(Math.abs(2 * ofA - starts.length)).toBeLessThanOrEqual(2)
})

test('clearing a lane takes out what is queued and leaves what is under way', () => {
  const { lanes, add, end, count } = newLanes()
  for (let i = 0; i < 5; i++) add('ep_a')
  expect(lanes.clear('ep_a')).toHaveLength(3)
  expect(lanes.load).toEqual({ held: 2, inFlight: 2 })
  end('ep_a')
  expect(count('ep_a')).toBe(1)
})

test('after a stop nothing starts, and all that was queued is handed back', () => {
  const { lanes, running, add, end } = newLanes()
  for (let i = 0; i < 5; i++) add('ep_a')
  for (let i = 0; i < 3; i++) add('ep_b')
  expect(lanes.stop()).toHaveLength(4)
  expect(add('ep_c')).toBe(false)
  end('ep_a')
  expect(running).toHaveLength(3)
})

test('whatever happens, counts agree, bounds hold and nothing is lost or sent twice', () => {
  const endpoint = fc.constantFrom('ep_a', 'ep_b', 'ep_c')
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), endpoint, bytes: fc.integer({ min: 0, max: 300 }) }),
    fc.record({ kind: fc.constant('end' as const), turn: fc.nat(), isStall: fc.boolean() }),
    fc.record({ kind: fc.constant('cancel' as const), endpoint }),
    fc.record({ kind: fc.constant('clear' as const), endpoint }),
    fc.record({ kind: fc.constant('claim' as const), endpoint, count: fc.nat({ max: 5 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { lanes, running, add } = newLanes({ maxInFlight: 5 })
      let held = 0
      const ended = new Set<ClaimedDelivery>()
      const twice: ClaimedDelivery[] = []
      for (const next of steps) {
        if (next.kind === 'add') held += add(next.endpoint, next.bytes) ? 1 : 0
        if (next.kind === 'cancel' && lanes.reserve(next.endpoint, 1)) lanes.cancel(next.endpoint, 1)
        if (next.kind === 'clear') held -= lanes.clear(next.endpoint).length
        if (next.kind === 'claim') {
          const count = Math.min(next.count, lanes.room(next.endpoint))
          const claimed = Array.from({ length: count }, () => delivery(next.endpoint))
          lanes.pushClaimed(next.endpoint, claimed, { backlog: 0, isAll: true })
          held += count
        }
        if (next.kind === 'end' && running.length > 0) {
          const over = running.splice(next.turn % running.length, 1)[0]!
          if (ended.has(over)) twice.push(over)
          ended.add(over)
          lanes.finished(over, next.isStall ? 'stalled' : 'answered')
          held -= 1
        }
        expect(lanes.load).toEqual({ held, inFlight: running.length })
        expect(running.length).toBeLessThanOrEqual(5)
      }
      // A lane is never left waiting while it could send.
      while (running.length > 0) {
        lanes.finished(running.shift()!, 'answered')
        held -= 1
      }
      expect(held).toBe(0)
      expect(twice).toEqual([])
    }),
  )
})
