import * as fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'

import type { ClaimedDelivery } from '../storage/port/queue.ts'
import { type Signal, STALLS_TO_OPEN } from './health.ts'
import type { LanePolicy } from './lane.ts'
import { type LaneCompany, type LaneLimits, Lanes } from './lanes.ts'

const LIMITS: LaneLimits = {
  maxInFlight: 100,
  concurrency: { min: 1, max: 4 },
  initialInFlightPerLane: 2,
  maxHeldPerLane: 10,
  maxHeldInOrder: 3,
  maxHeldBytes: 1_000,
}

const POLICY: LanePolicy = {
  applicationId: 'app_1',
  url: 'https://receiver.example/',
  perSecond: null,
  applicationPerSecond: null,
  concurrency: null,
  isOrdered: false,
  batch: null,
}
const ANSWERED: Signal = { kind: 'answered', tookMs: 10 }
const STALLED: Signal = { kind: 'stalled' }
const ALL = { live: true, retry: true, replay: true }
const NONE = { live: 0, retry: 0, replay: 0 }

afterEach(() => {
  vi.useRealTimers()
})

let made = 0

function delivery(endpointId: string, bytes = 1, fields: Partial<ClaimedDelivery> = {}): ClaimedDelivery {
  return {
    endpointId,
    attempts: 0,
    priority: 'live',
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
    ...fields,
  }
}

/** Returns lanes, the attempts that they started and that have not ended, and a way to fill them. */
function newLanes(limits: Partial<LaneLimits> = {}, company?: LaneCompany) {
  const running: ClaimedDelivery[] = []
  const lanes = new Lanes({ ...LIMITS, ...limits }, (started) => running.push(...started), Date.now, company)
  const add = (endpointId: string, bytes = 1) => {
    const isTaken = lanes.reserve(endpointId, bytes)
    if (isTaken) lanes.push(delivery(endpointId, bytes))
    return isTaken
  }
  const end = (endpointId: string, signal: Signal = ANSWERED) => {
    const at = running.findIndex((started) => started.endpointId === endpointId)
    const [ended] = running.splice(at, 1)
    return lanes.finished([ended!], signal)
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
  for (let i = 0; i < 4; i++) end('ep_a', STALLED)
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
  lanes.pushClaimed('ep_a', [delivery('ep_a')], { backlog: lanes.backlogOf('ep_a'), isAll: ALL })
  expect(add('ep_a')).toBe(true)
})

test('what is left to the store while a claim runs is not taken for claimed', () => {
  const { lanes, add } = newLanes()
  lanes.leave('ep_a')
  const backlog = lanes.backlogOf('ep_a')
  lanes.leave('ep_a')
  lanes.pushClaimed('ep_a', [delivery('ep_a')], { backlog, isAll: ALL })
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
  lanes.setPolicy('ep_a', { ...POLICY, perSecond: 50 })
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
    lanes.setPolicy(endpointId, { ...POLICY, applicationPerSecond: 100 })
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

test('a large payload costs its lane turns, and what is less urgent costs more', () => {
  const { running, add, end, lanes } = newLanes({ maxInFlight: 1, maxHeldBytes: 1_000_000 })
  add('ep_busy')
  for (let i = 0; i < 4; i++) add('ep_large', 50_000)
  for (let i = 0; i < 10; i++) add('ep_small')
  const replays = Array.from({ length: 2 }, () => delivery('ep_replayed', 1, { priority: 'replay' }))
  lanes.pushClaimed('ep_replayed', replays, { backlog: NONE, isAll: ALL })
  const order: string[] = []
  while (running.length > 0) {
    const { endpointId } = running[0]!
    order.push(endpointId)
    end(endpointId)
  }
  const smallBefore = (endpointId: string) =>
    order.slice(0, order.indexOf(endpointId)).filter((id) => id === 'ep_small').length
  expect(smallBefore('ep_large')).toBe(3)
  expect(smallBefore('ep_replayed')).toBe(8)
})

test('what is less urgent takes a part of the room only, so that what happens now finds some', () => {
  const { lanes } = newLanes()
  expect(lanes.room('ep_a')).toEqual({ live: 10, retry: 5, replay: 2.5 })
  const retries = Array.from({ length: 4 }, () => delivery('ep_a', 1, { priority: 'retry' }))
  lanes.pushClaimed('ep_a', retries, { backlog: NONE, isAll: { ...ALL, retry: false } })
  expect(lanes.room('ep_a')).toEqual({ live: 6, retry: 1, replay: 2.5 })
  expect(lanes.reserve('ep_a', 1)).toBe(true)
})

test('an ordered endpoint takes nothing from birth, one at a time, and no more before all that was claimed is over', () => {
  const { lanes, running, add, end } = newLanes()
  lanes.setPolicy('ep_a', { ...POLICY, isOrdered: true })
  expect(add('ep_a')).toBe(false)
  lanes.leave('ep_a')
  expect(lanes.room('ep_a')).toEqual({ live: 3, retry: 0, replay: 0 })
  const claimed = [delivery('ep_a', 1, { priority: 'replay' }), delivery('ep_a'), delivery('ep_a')]
  lanes.pushClaimed('ep_a', claimed, { backlog: NONE, isAll: { ...ALL, live: false } })
  for (const [i, expected] of claimed.entries()) {
    expect(running).toEqual([expected])
    expect(lanes.room('ep_a')).toBe(null)
    expect(end('ep_a')).toBe(i === 2)
  }
})

test('an endpoint that becomes ordered gives back what is queued', () => {
  const { lanes, add, count } = newLanes()
  lanes.setPolicy('ep_a', POLICY)
  for (let i = 0; i < 5; i++) add('ep_a')
  expect(lanes.setPolicy('ep_a', { ...POLICY, isOrdered: true })).toHaveLength(3)
  expect(count('ep_a')).toBe(2)
  expect(lanes.setPolicy('ep_a', { ...POLICY, isOrdered: true, perSecond: 1 })).toEqual([])
})

test('an endpoint that takes batches gets one when it is full, or when its first has waited', () => {
  vi.useFakeTimers()
  const batches: number[] = []
  const lanes = new Lanes(LIMITS, (deliveries) => batches.push(deliveries.length), Date.now)
  lanes.setPolicy('ep_a', { ...POLICY, batch: { maxEvents: 3, maxWaitMs: 100 } })
  const add = (fields: Partial<ClaimedDelivery> = {}) => {
    lanes.reserve('ep_a', 1)
    lanes.push(delivery('ep_a', 1, fields))
  }
  for (let i = 0; i < 4; i++) add()
  expect(batches).toEqual([3])
  vi.advanceTimersByTime(99)
  expect(batches).toEqual([3])
  vi.advanceTimersByTime(1)
  expect(batches).toEqual([3, 1])
})

test('a delivery that failed with its batch again and again goes alone', () => {
  const batches: number[] = []
  const lanes = new Lanes(
    { ...LIMITS, initialInFlightPerLane: 4 },
    (deliveries) => batches.push(deliveries.length),
    Date.now,
  )
  lanes.setPolicy('ep_a', { ...POLICY, batch: { maxEvents: 3, maxWaitMs: 0 } })
  const retry = (attempts: number) => delivery('ep_a', 1, { attempts, priority: 'retry' })
  lanes.pushClaimed('ep_a', [retry(1), retry(3), retry(1), retry(1)], { backlog: NONE, isAll: ALL })
  expect(batches).toEqual([1, 1, 2])
})

test('a batch has as many bytes as one message may have, and then waits for no more', () => {
  vi.useFakeTimers()
  const batches: number[] = []
  const limits = { ...LIMITS, initialInFlightPerLane: 10, maxHeldBytes: 10_000_000 }
  const lanes = new Lanes(limits, (deliveries) => batches.push(deliveries.length), Date.now)
  lanes.setPolicy('ep_a', {
    ...POLICY,
    concurrency: { min: 10, max: 10 },
    batch: { maxEvents: 100, maxWaitMs: 60_000 },
  })
  const add = (bytes: number) => {
    lanes.reserve('ep_a', bytes)
    lanes.push(delivery('ep_a', bytes))
  }
  for (let i = 0; i < 4; i++) add(300_000)
  expect(batches).toEqual([3])
  add(1_048_576)
  expect(batches).toEqual([3, 1, 1])
})

test('a batch waits for no company that cannot come', () => {
  const batches: number[] = []
  const lanes = new Lanes(LIMITS, (deliveries) => batches.push(deliveries.length), Date.now)
  const batch = { maxEvents: 100, maxWaitMs: 60_000 }
  const claimed = (endpointId: string, count: number, fields: Partial<ClaimedDelivery> = {}) =>
    lanes.pushClaimed(
      endpointId,
      Array.from({ length: count }, () => delivery(endpointId, 1, fields)),
      { backlog: NONE, isAll: { ...ALL, live: false } },
    )
  // A line goes on only when all is over that was taken of it.
  lanes.setPolicy('ep_line', { ...POLICY, batch, isOrdered: true })
  claimed('ep_line', LIMITS.maxHeldInOrder)
  // The lane holds as much as it may.
  lanes.setPolicy('ep_full', { ...POLICY, batch })
  claimed('ep_full', LIMITS.maxHeldPerLane)
  // What failed with others goes alone.
  lanes.setPolicy('ep_alone', { ...POLICY, batch })
  claimed('ep_alone', 1, { attempts: 3, priority: 'retry' })
  expect(batches).toEqual([LIMITS.maxHeldInOrder, LIMITS.maxHeldPerLane, 1])
})

test('a lane that waits for an instant goes by what is set meanwhile', () => {
  vi.useFakeTimers()
  const batches: number[] = []
  const lanes = new Lanes(LIMITS, (deliveries) => batches.push(deliveries.length), Date.now)
  const add = (endpointId: string) => {
    lanes.reserve(endpointId, 1)
    lanes.push(delivery(endpointId))
  }
  lanes.setPolicy('ep_batch', { ...POLICY, batch: { maxEvents: 3, maxWaitMs: 60_000 } })
  lanes.setPolicy('ep_rate', { ...POLICY, applicationId: 'app_2', perSecond: 0.01 })
  for (let i = 0; i < 2; i++) {
    add('ep_batch')
    add('ep_rate')
  }
  expect(batches).toEqual([1])
  expect([...lanes.sleeping('app_1')]).toEqual([['app_1', ['ep_batch']]])
  expect(lanes.sleeping(null).size).toBe(2)
  lanes.setPolicy('ep_batch', { ...POLICY, batch: null })
  expect(batches).toEqual([1, 1, 1])
  lanes.setPolicy('ep_rate', { ...POLICY, applicationId: 'app_2' })
  expect(batches).toEqual([1, 1, 1, 1])
  expect(lanes.sleeping(null).size).toBe(0)
})

test('the breaker of a URL says nothing of the next, also where nothing was waiting when it was replaced', () => {
  const { lanes, add, end, running } = newLanes({ maxHeldPerLane: 100 })
  const replaced = { ...POLICY, url: 'https://better.example/' }
  lanes.setPolicy('ep_dead', POLICY)
  for (let i = 0; i < STALLS_TO_OPEN + 2; i++) add('ep_dead')
  while (running.length > 0) end('ep_dead', STALLED)
  lanes.setPolicy('ep_dead', { ...POLICY, perSecond: 1_000 })
  expect(running).toHaveLength(0)
  lanes.setPolicy('ep_dead', replaced)
  expect(running.length).toBeGreaterThan(0)

  while (running.length > 0) end('ep_dead', STALLED)
  for (let i = 0; i < STALLS_TO_OPEN; i++) {
    add('ep_dead')
    if (running.length > 0) end('ep_dead', STALLED)
  }
  lanes.clear('ep_dead')
  lanes.setPolicy('ep_dead', POLICY)
  add('ep_dead')
  expect(running).toHaveLength(1)
})

test('an endpoint that stalls again and again is left alone, then probed, and is back with the first answer', () => {
  vi.useFakeTimers()
  const { add, end, running } = newLanes({ maxHeldPerLane: 100 })
  for (let i = 0; i < 40; i++) add('ep_dead')
  for (let i = 0; i < STALLS_TO_OPEN; i++) end('ep_dead', STALLED)
  while (running.length > 0) end('ep_dead', STALLED)
  vi.advanceTimersByTime(900)
  expect(running).toHaveLength(0)
  vi.advanceTimersByTime(200)
  expect(running).toHaveLength(1)
  end('ep_dead', STALLED)
  vi.advanceTimersByTime(1_900)
  expect(running).toHaveLength(0)
  vi.advanceTimersByTime(200)
  expect(running).toHaveLength(1)
  end('ep_dead')
  expect(running.length).toBeGreaterThan(0)
})

test('an idle endpoint is remembered for how badly it did', () => {
  const { add, end, count } = newLanes({ initialInFlightPerLane: 4 })
  for (let i = 0; i < 4; i++) add('ep_a')
  for (let i = 0; i < 4; i++) end('ep_a', STALLED)
  for (let i = 0; i < 4; i++) add('ep_a')
  expect(count('ep_a')).toBe(1)
})

test('an endpoint that asks for less gets half, and nothing until the time it names', () => {
  vi.useFakeTimers()
  const { add, end, count } = newLanes({ initialInFlightPerLane: 4 })
  for (let i = 0; i < 10; i++) add('ep_a')
  end('ep_a', { kind: 'throttled', pauseMs: 5_000 })
  for (let i = 0; i < 3; i++) end('ep_a')
  expect(count('ep_a')).toBe(0)
  vi.advanceTimersByTime(4_990)
  expect(count('ep_a')).toBe(0)
  vi.advanceTimersByTime(10)
  expect(count('ep_a')).toBeGreaterThan(1)
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
          const count = Math.min(next.count, lanes.room(next.endpoint)?.live ?? 0)
          const claimed = Array.from({ length: count }, () => delivery(next.endpoint))
          lanes.pushClaimed(next.endpoint, claimed, { backlog: NONE, isAll: ALL })
          held += count
        }
        if (next.kind === 'end' && running.length > 0) {
          const over = running.splice(next.turn % running.length, 1)[0]!
          if (ended.has(over)) twice.push(over)
          ended.add(over)
          lanes.finished([over], next.isStall ? STALLED : ANSWERED)
          held -= 1
        }
        expect(lanes.load).toEqual({ held, inFlight: running.length })
        expect(running.length).toBeLessThanOrEqual(5)
      }
      // A lane is never left waiting while it could send.
      while (running.length > 0) {
        lanes.finished([running.shift()!], ANSWERED)
        held -= 1
      }
      expect(held).toBe(0)
      expect(twice).toEqual([])
    }),
  )
})

test('a breaker that opens is told to the other nodes, and so is its end; they leave the endpoint alone meanwhile', () => {
  vi.useFakeTimers()
  const told: (number | null)[] = []
  const { lanes, add, end } = newLanes(
    {},
    {
      isShared: true,
      tellBreaker(endpointId, openUntil) {
        expect(endpointId).toBe('ep_1')
        told.push(openUntil)
      },
    },
  )
  for (let i = 0; i < STALLS_TO_OPEN; i++) {
    add('ep_1')
    end('ep_1', STALLED)
  }
  const openUntil = told[0]!
  expect(openUntil).toBeGreaterThan(Date.now())

  const other = newLanes()
  other.lanes.hearBreaker('ep_1', openUntil)
  other.add('ep_1')
  expect(other.count('ep_1')).toBe(0)
  vi.advanceTimersByTime(openUntil - Date.now())
  expect(other.count('ep_1')).toBe(1)

  add('ep_1')
  end('ep_1')
  expect(told).toEqual([openUntil, null])
  other.add('ep_1')
  other.lanes.hearBreaker('ep_1', null)
  expect(other.count('ep_1')).toBe(2)
  expect(lanes.load.held).toBe(0)
})

test('what is sent at a rate is all claimed where other nodes may send it too, and is given back when a rate is set', () => {
  const company = { isShared: true, tellBreaker() {} }
  const { lanes, add } = newLanes({ initialInFlightPerLane: 1 }, company)
  lanes.setPolicy('ep_1', POLICY)
  for (let i = 0; i < 4; i++) expect(add('ep_1')).toBe(true)
  expect(lanes.setPolicy('ep_1', { ...POLICY, perSecond: 10 })).toHaveLength(3)
  expect(add('ep_1')).toBe(false)
  expect(lanes.setPolicy('ep_1', { ...POLICY, perSecond: 20 })).toEqual([])

  const alone = newLanes()
  alone.lanes.setPolicy('ep_1', { ...POLICY, perSecond: 10 })
  expect(alone.add('ep_1')).toBe(true)
})

test('what another node has taken over is forgotten, and what is under way ends as usual', () => {
  const { lanes, add, end, count } = newLanes()
  for (let i = 0; i < 6; i++) add('ep_1')
  const underWay = count('ep_1')
  lanes.drop()
  expect(lanes.load).toEqual({ held: underWay, inFlight: underWay })
  for (let i = 0; i < underWay; i++) end('ep_1')
  expect([lanes.load.held, count('ep_1')]).toEqual([0, 0])
})
