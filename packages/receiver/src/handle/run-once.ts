/** Running the handler of one event once, within its deadline. @module */

import { isRetryable, type Answer } from './answers.ts'
import { withDeadline } from './deadline.ts'
import type { Begun, DedupeRun, DedupeStore } from './dedupe-store.ts'
import type { HandlerResult } from './handlers.ts'

/** What a run needs. */
export interface RunDeps<Tx> {
  readonly store: DedupeStore<Tx>
  readonly now: () => number
  /** In which an answer is given: the store and the handler have it together. */
  readonly deadlineMs: number
  readonly leaseMs: number
  readonly windowMs: number
  /** The answer to a payload that does not fit its schema. */
  readonly invalidPayload: 'payload_invalid' | 'payload_refused'
}

/** The longest wait that is asked for while another run is under way; most runs are over much sooner. */
const MAX_BUSY_MS = 10_000

/**
 * Runs `work` unless the event is done or under way, and returns what to answer. `settled` resolves when nothing
 * of it is under way any more: after the answer, where the deadline was over first. The lease is kept until then, so
 * that a retry does not run beside a handler that ignores its signal.
 */
export async function runOnce<Tx>(
  key: string,
  deps: RunDeps<Tx>,
  work: (signal: AbortSignal, tx: Tx) => Promise<HandlerResult>,
): Promise<{ readonly answer: Answer; readonly settled: Promise<Answer> }> {
  // Whole milliseconds: databases keep them as integers.
  const nowMs = Math.floor(deps.now())
  const only = (answer: Answer) => ({ answer, settled: Promise.resolve(answer) })
  const startedAtMs = performance.now()
  let begun
  try {
    begun = await beginInTime(deps, key, {
      nowMs,
      leaseEndMs: nowMs + Math.ceil(deps.leaseMs),
      windowEndMs: nowMs + Math.ceil(deps.windowMs),
    })
  } catch (error) {
    return only({ code: 'store_unavailable', error, retryAfterMs: 1_000 })
  }
  if (begun === null) return only(STORE_TOO_LATE)
  if (begun.state === 'done') return only({ code: 'duplicate' })
  if (begun.state === 'running') {
    const leftMs = begun.leaseEndMs === null ? 1_000 : begun.leaseEndMs - nowMs
    return only({ code: 'busy', retryAfterMs: Math.min(leftMs, MAX_BUSY_MS) })
  }

  const { run } = begun
  const controller = new AbortController()
  const settled = settle(run, deps, async () => work(controller.signal, run.tx))
  const leftMs = deps.deadlineMs - (performance.now() - startedAtMs)
  const answer = await withDeadline(settled, leftMs, (): Answer => {
    controller.abort(new DOMException('the deadline of the handler is over', 'TimeoutError'))
    return { code: 'deadline_exceeded', retryAfterMs: MAX_BUSY_MS }
  })
  return { answer, settled }
}

/** The answer when the store has given none in time. */
export const STORE_TOO_LATE: Answer = {
  code: 'store_unavailable',
  hint: 'The store did not answer within deadlineMs: can it be reached, and has its pool a free client?',
  retryAfterMs: 1_000,
}

/**
 * Begins, or returns `null` when the deadline is over first: clients of Redis keep commands until they are connected, and
 * pools their callers until a client is free. A mark that is made after that is taken back, as nobody will run under it.
 */
async function beginInTime<Tx>(
  { store, deadlineMs }: RunDeps<Tx>,
  ...[key, times]: Parameters<DedupeStore<Tx>['begin']>
): Promise<Begun<Tx> | null> {
  const beginning = store.begin(key, times)
  return withDeadline<Begun<Tx> | null>(beginning, deadlineMs, () => {
    beginning.then((late) => (late.state === 'begun' ? late.run.release() : undefined)).catch(() => undefined)
    return null
  })
}

async function settle<Tx>(
  run: DedupeRun<Tx>,
  { invalidPayload }: RunDeps<Tx>,
  work: () => Promise<HandlerResult>,
): Promise<Answer> {
  let answer: Answer
  try {
    const result = await work()
    answer = result.code === 'payload_invalid' ? { ...result, code: invalidPayload } : result
  } catch (error) {
    answer = { code: 'handler_failed', error }
  }
  const isOver =
    answer.response === undefined
      ? answer.code === 'handled' || answer.code === 'payload_refused'
      : !isRetryable(answer.response)
  try {
    if (isOver) return (await run.commit()) ? answer : { code: 'commit_failed', hint: COMMIT_HINT }
  } catch (error) {
    return { code: 'commit_failed', hint: COMMIT_HINT, error }
  }
  // A release that fails is not worth an answer of its own: the lease ends by itself.
  await run.release().catch(() => undefined)
  return answer
}

const COMMIT_HINT =
  'The handler returned, but its event could not be marked as done: the lease was over, or the transaction failed.'
