import { afterEach, expect, test, vi } from 'vitest'

import { Membership } from './membership.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** A membership in a store whose answers the test gives, by a clock that the test moves. */
async function join(takeOverAfterMs: number | null = 10_000) {
  vi.useFakeTimers()
  let monotonic = 0
  let leases = 0
  let beat: () => Promise<boolean> = async () => true
  const told: string[] = []
  const membership = new Membership({
    store: {
      takeOverAfterMs,
      joinAsNode: async () => ++leases,
      beat: () => beat(),
    },
    clock: () => 0,
    monotonic: () => monotonic,
    log: { warn: (_fields, text) => told.push(text) },
    state: () => ({ version: 'test', host: 'h', pid: 1, held: 0, inFlight: 0 }),
    onLost: () => told.push('lost'),
    onJoined: () => told.push(`joined ${membership.lease}`),
  })
  await membership.start()
  return {
    membership,
    told,
    answerBeats: (answer: () => Promise<boolean>) => (beat = answer),
    /** Lets this much time go by, with the beats that are due in it. */
    pass: async (ms: number) => {
      monotonic += ms
      await vi.advanceTimersByTimeAsync(ms)
    },
    /** Time goes by without this process noticing, as when it is paused. */
    pause: (ms: number) => (monotonic += ms),
  }
}

/** Whether a promise has come to something yet. */
async function stateOf<T>(promise: Promise<T>): Promise<T | 'open'> {
  await vi.advanceTimersByTimeAsync(0)
  return Promise.race([promise, Promise.resolve('open' as const)])
}

test('a lease is sure while beats are answered', async () => {
  const { membership, pass } = await join()
  for (let second = 0; second < 30; second++) await pass(1_000)
  expect(await stateOf(membership.isSure(1))).toBe(true)
  expect(await stateOf(membership.isSure(2))).toBe(false)
})

test('who wakes from a long pause begins nothing before a beat has told that the lease still stands', async () => {
  const { membership, pause, pass } = await join()
  pause(60_000)
  const isSure = membership.isSure(1)
  expect(await stateOf(isSure)).toBe('open')
  await pass(1_000)
  expect(await stateOf(isSure)).toBe(true)
})

test('who was taken for dead in its pause begins none of it, and goes on under a new lease', async () => {
  const { membership, told, pause, pass, answerBeats } = await join()
  pause(60_000)
  const isSure = membership.isSure(1)
  answerBeats(async () => false)
  await pass(1_000)
  expect(await stateOf(isSure)).toBe(false)
  expect(membership.lease).toBe(2)
  expect(told).toEqual(['joined 1', expect.stringContaining('silent for too long'), 'lost', 'joined 2'])
  answerBeats(async () => true)
  expect(await stateOf(membership.isSure(2))).toBe(true)
})

test('while the database is away it is tried each second, said once, and nothing begins', async () => {
  const { membership, told, pass, answerBeats } = await join()
  let tries = 0
  answerBeats(async () => {
    tries += 1
    throw new Error('away')
  })
  for (let second = 0; second < 8; second++) await pass(1_000)
  const isSure = membership.isSure(1)
  expect(await stateOf(isSure)).toBe('open')
  expect(tries).toBe(8)
  expect(told.filter((text) => text.includes('cannot be reached'))).toHaveLength(1)
  answerBeats(async () => true)
  await pass(1_000)
  expect(await stateOf(isSure)).toBe(true)
  expect(told.at(-1)).toContain('can be reached again')
})

test('a store that has one node only never asks before an attempt', async () => {
  const { membership, pause } = await join(null)
  pause(3_600_000)
  expect(await stateOf(membership.isSure(1))).toBe(true)
})

test('the end of waiting comes before the last beat, and what waited does not begin', async () => {
  const { membership, pause } = await join()
  pause(60_000)
  const isSure = membership.isSure(1)
  membership.endWaits()
  expect(await stateOf(isSure)).toBe(false)
  expect(membership.lease).toBe(1)
  await membership.stop()
})
