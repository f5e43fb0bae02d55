/** Remembers events in this process: for tests, and where one process that may forget is enough. @module */

import type { DedupeStore } from '../handle/dedupe-store.ts'

/** Options of `memoryDedupe`. */
export interface MemoryDedupeOptions {
  /** How many events are remembered. Default 100 000, some 20 MB; beyond it the oldest that is done is forgotten. */
  readonly maxEvents?: number
}

interface Mark {
  isDone: boolean
  heldUntilMs: number
}

/**
 * Makes a store that a restart empties.
 *
 * @throws {RangeError} `maxEvents` is not positive.
 */
export function memoryDedupe(options: MemoryDedupeOptions = {}): DedupeStore {
  const maxEvents = options.maxEvents ?? 100_000
  if (!(maxEvents > 0)) throw new RangeError(`bad maxEvents ${maxEvents}: more than 0`)
  // In the order in which events became done, or began.
  const marks = new Map<string, Mark>()

  function makeRoom(nowMs: number): void {
    for (const [key, mark] of marks) {
      if (mark.heldUntilMs > nowMs && marks.size < maxEvents) return
      if (mark.heldUntilMs <= nowMs || mark.isDone) marks.delete(key)
    }
    if (marks.size >= maxEvents) throw new Error(`${marks.size} events are under way`)
  }

  return {
    async begin(key, { nowMs, leaseEndMs, windowEndMs }) {
      const known = marks.get(key)
      if (known !== undefined && known.heldUntilMs > nowMs) {
        return known.isDone ? { state: 'done' } : { state: 'running', leaseEndMs: known.heldUntilMs }
      }
      marks.delete(key)
      makeRoom(nowMs)
      const mark: Mark = { isDone: false, heldUntilMs: leaseEndMs }
      marks.set(key, mark)
      const run = {
        tx: undefined,
        async commit() {
          if (marks.get(key) !== mark) return false
          marks.delete(key)
          marks.set(key, Object.assign(mark, { isDone: true, heldUntilMs: windowEndMs }))
          return true
        },
        async release() {
          if (marks.get(key) === mark) marks.delete(key)
        },
      }
      return { state: 'begun', run }
    },
  }
}
