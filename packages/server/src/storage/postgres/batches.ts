/** Runs the batches of a group commit, so that none pays for another's fault. @module */

import { setTimeout as pause } from 'node:timers/promises'

import type { OperationResult } from '../group-commit.ts'
import { isUncertain } from './database.ts'
import { isTransient, refusalOf, unavailable } from './faults.ts'

/** Tries of a batch that other transactions were in the way of, before its operations run one by one. */
const TRIES = 3

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 500

/** How the operations of a batch are run. */
export interface BatchWork<Operation> {
  /** Runs them as one transaction; results in their order. */
  readonly run: (operations: readonly Operation[]) => Promise<OperationResult[]>
  /** Finds those that an earlier try has committed although its connection was lost: a result for each of these. */
  readonly findDone: (operations: readonly Operation[]) => Promise<Map<Operation, unknown>>
  /** For how long it is tried while the database cannot be reached, in milliseconds. */
  readonly patienceMs: number
}

/**
 * Runs a batch. A refusal leaves the others committed. Where the transaction fails, each operation runs in one of its own.
 * Where the connection is lost, the transaction may have been committed: what was is found, and the rest is run again.
 */
export async function runBatch<Operation>(
  operations: readonly Operation[],
  work: BatchWork<Operation>,
): Promise<OperationResult[]> {
  const giveUpAt = performance.now() + work.patienceMs
  const results = new Map<Operation, OperationResult>()
  let left = operations
  let isInDoubt = false
  let wasInDoubt = false
  for (let tries = 1, pauseMs = FIRST_PAUSE_MS; left.length > 0;) {
    try {
      if (isInDoubt) {
        for (const [operation, value] of await work.findDone(left)) results.set(operation, { value })
        left = left.filter((operation) => !results.has(operation))
        isInDoubt = false
        if (left.length === 0) break
      }
      const done = await work.run(left)
      for (const [i, operation] of left.entries()) results.set(operation, done[i]!)
      // The try that was lost may have ended after it was looked for, and before this one.
      if (wasInDoubt)
        for (const [operation, value] of await work.findDone(left)) results.set(operation, { value })
      break
    } catch (error) {
      if (isUncertain(error)) {
        isInDoubt = true
        wasInDoubt = true
        if (performance.now() + pauseMs >= giveUpAt) return answer(() => ({ error: unavailable(error) }))
        await pause(pauseMs)
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
      } else if ((isTransient(error) || wasInDoubt) && tries < TRIES) {
        // What is in the way may be the try that was lost.
        isInDoubt = wasInDoubt
        tries += 1
      } else if (left.length === 1) {
        return answer(() => ({ error: refusalOf(error) }))
      } else {
        for (const operation of left) results.set(operation, (await runBatch([operation], work))[0]!)
        break
      }
    }
  }
  return answer(() => ({ error: new Error('A batch left an operation without a result') }))

  function answer(otherwise: () => OperationResult): OperationResult[] {
    return operations.map((operation) => results.get(operation) ?? otherwise())
  }
}
