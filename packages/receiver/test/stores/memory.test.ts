import { describe, expect, test } from 'vitest'

import { memoryDedupe } from '../../src/memory.ts'
import { dedupeContract, leaseContract, runOf } from './dedupe-contract.ts'

async function open() {
  let nowMs = Date.now()
  const store = memoryDedupe()
  return {
    store,
    now: () => nowMs,
    advance: async (ms: number) => void (nowMs += ms),
    // The process is the store, so the crash that it can have is a run that never ends.
    crash: async (key: string) =>
      void (await store.begin(key, { nowMs, leaseEndMs: nowMs + 1_000, windowEndMs: nowMs + 60_000 })),
    close: async () => undefined,
  }
}

describe('in memory', () => {
  dedupeContract(open)
  leaseContract(open)

  test('what is done makes room for what is new, and what is under way does not', async () => {
    const store = memoryDedupe({ maxEvents: 2 })
    const begin = async (key: string) => store.begin(key, { nowMs: 0, leaseEndMs: 10, windowEndMs: 100 })
    expect(await runOf(await begin('a')).commit()).toBe(true)
    await begin('b')
    await begin('c')
    expect((await begin('b')).state).toBe('running')
    await expect(begin('d')).rejects.toThrow('2 events are under way')
    expect((await store.begin('a', { nowMs: 20, leaseEndMs: 30, windowEndMs: 100 })).state).toBe('begun')
  })
})
