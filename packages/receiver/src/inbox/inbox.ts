/** Accept fast, work later: events are kept first, and their handlers run from the store with retries. @module */

import type { Answer } from '../handle/answers.ts'
import type { Dispatch } from '../handle/handlers.ts'
import { logError, logWarning } from '../handle/report.ts'
import { accept, type WebhookEvent } from '../scheme.ts'
import type { ClaimedEvent, DeadLetter, InboxStore } from './inbox-store.ts'

/** What became of one run from the inbox. */
export interface InboxReport {
  readonly code: 'done' | 'retry' | 'dead' | 'lease_lost' | 'store_unavailable'
  readonly eventId: string | null
  readonly eventType: string | null
  readonly attempt: number
  readonly error?: unknown
}

/** Options of an inbox. */
export interface InboxOptions {
  /** How many handlers run at once in this process. Default 10. */
  readonly concurrency?: number
  /**
   * Waits before each retry, in milliseconds; their number is that of retries. Default: 5 s, 30 s, 2 min, 10 min,
   * 30 min, 1 h, 2 h, 4 h, 8 h and 12 h. Up to 10% are added at random.
   */
  readonly retryAfterMs?: readonly number[]
  /** How long one run may take, in milliseconds. Default 60 000. */
  readonly deadlineMs?: number
  /** How long a claim keeps an event from others. Default `deadlineMs` and 30 000. After a crash it runs then. */
  readonly leaseMs?: number
  /** How often the store is asked for what is due, in milliseconds. What arrives here runs at once. Default 1 000. */
  readonly pollMs?: number
  /** Learns what became of each run. Default: what failed is written to the console. */
  readonly report?: (report: InboxReport) => void
  readonly now?: () => number
  /** Returns a number in [0, 1). Default `Math.random`. */
  readonly random?: () => number
}

/** Runs handlers from a store. */
export interface Inbox {
  /** Begins to run what is due, until `stop`. A second call does nothing. */
  start(): void
  /** Claims nothing more, and resolves when the runs under way are over. */
  stop(): Promise<void>
  /** Runs what is due now, once, and returns how many: for a job that a timer starts, and for tests. */
  runDue(): Promise<number>
  /** Returns events whose retries are spent, or that their schema refused, by id. */
  deadLetters(options?: {
    readonly limit?: number
    readonly afterId?: number
  }): Promise<readonly DeadLetter[]>
  /** Makes a dead letter due again. `false`: there is none with this id. */
  rerun(id: number): Promise<boolean>
  /** Removes a dead letter. `false`: there is none with this id. */
  discard(id: number): Promise<boolean>
}

/** The part that a receiver uses. */
export interface ReceivingInbox extends Inbox {
  /** Keeps an event, and says what to answer. */
  add(source: string, event: WebhookEvent): Promise<Answer>
}

const MINUTE_MS = 60_000

const DEFAULTS = {
  concurrency: 10,
  retryAfterMs: [5_000, 30_000, ...[2, 10, 30, 60, 120, 240, 480, 720].map((minutes) => minutes * MINUTE_MS)],
  deadlineMs: 60_000,
  leaseSlackMs: 30_000,
  pollMs: 1_000,
} as const

/** How often what is to be forgotten is looked for. */
const SWEEP_EVERY_MS = MINUTE_MS
/** Longer texts of errors are cut, as they are kept in the store. */
const MAX_ERROR_LENGTH = 2_000

/**
 * Makes the inbox of a receiver.
 *
 * @param windowMs - How long the ids of done events are known.
 * @throws {RangeError} An option is not what it must be.
 */
export function createInbox<Tx>(
  options: InboxOptions & { readonly store: InboxStore<Tx> },
  dispatch: Dispatch<Tx>,
  windowMs: number,
): ReceivingInbox {
  const { store, random = Math.random, report = consoleReport } = options
  // Whole milliseconds: databases keep them as integers.
  const now = () => Math.floor((options.now ?? Date.now)())
  const concurrency = checkPositive('inbox.concurrency', options.concurrency ?? DEFAULTS.concurrency)
  const deadlineMs = checkPositive('inbox.deadlineMs', options.deadlineMs ?? DEFAULTS.deadlineMs)
  const leaseMs = checkPositive('inbox.leaseMs', options.leaseMs ?? deadlineMs + DEFAULTS.leaseSlackMs)
  const pollMs = checkPositive('inbox.pollMs', options.pollMs ?? DEFAULTS.pollMs)
  const schedule = options.retryAfterMs ?? DEFAULTS.retryAfterMs
  if (leaseMs <= deadlineMs) {
    throw new RangeError(`bad inbox.leaseMs ${leaseMs}: longer than inbox.deadlineMs (${deadlineMs})`)
  }

  const underWay = new Set<Promise<void>>()
  let isStarted = false
  let claims = Promise.resolve(0)
  let isAsking = false
  let wantsMore = false
  let poll: ReturnType<typeof setTimeout> | undefined
  let nextSweepMs = Number.NEGATIVE_INFINITY

  async function claim(): Promise<number> {
    const room = concurrency - underWay.size
    if (room <= 0) return 0
    const nowMs = now()
    if (nowMs >= nextSweepMs) {
      nextSweepMs = nowMs + SWEEP_EVERY_MS
      await store.sweep(nowMs)
    }
    const events = await store.claim(room, nowMs, nowMs + Math.ceil(leaseMs))
    for (const event of events) {
      const run = runClaimed(event)
      underWay.add(run)
      void run.finally(() => {
        underWay.delete(run)
        wake()
      })
    }
    return events.length
  }

  /** One claim at a time: two would both take the same room. */
  function claimNext(): Promise<number> {
    claims = claims.then(claim).catch((error: unknown) => {
      report({ code: 'store_unavailable', eventId: null, eventType: null, attempt: 0, error })
      return 0
    })
    return claims
  }

  /** Asks the store at once; while it is being asked, once more after that. */
  function wake(): void {
    if (!isStarted) return
    wantsMore = isAsking
    if (isAsking) return
    isAsking = true
    clearTimeout(poll)
    void claimNext().then(() => {
      isAsking = false
      if (wantsMore) wake()
      else if (isStarted) poll = setTimeout(wake, pollMs)
    })
  }

  async function runClaimed(event: ClaimedEvent): Promise<void> {
    const about = { eventId: event.eventId, eventType: event.eventType, attempt: event.attempt }
    try {
      // The runs are counted by claims, so one that killed its process each time ends here too.
      if (event.attempt > schedule.length + 1) {
        const run = await store.begin(event)
        await run.fail('its last run did not end: did it end the process?', null)
        report({ code: 'dead', ...about })
        return
      }
      report({ ...about, ...(await attempt(event)) })
    } catch (error) {
      // The claim ends by itself, and then the event runs again.
      report({ code: 'store_unavailable', ...about, error })
    }
  }

  async function attempt(event: ClaimedEvent): Promise<Pick<InboxReport, 'code' | 'error'>> {
    const run = await store.begin(event)
    const failure = await failureOf(event, run.tx)
    if (failure === null) {
      return { code: (await run.succeed(now() + Math.ceil(windowMs))) ? 'done' : 'lease_lost' }
    }
    const waitMs = failure.isFinal ? undefined : schedule[event.attempt - 1]
    const retryAtMs = waitMs === undefined ? null : now() + waitMs * (1 + 0.1 * random())
    await run.fail(failure.text.slice(0, MAX_ERROR_LENGTH), retryAtMs === null ? null : Math.ceil(retryAtMs))
    return { code: retryAtMs === null ? 'dead' : 'retry', error: failure.error }
  }

  /**
   * Runs the handler. A run that its deadline aborts is waited for, as its effects may be on their way, but no longer
   * than it has the event: handlers that never end would use up all places.
   */
  async function failureOf(claimed: ClaimedEvent, tx: Tx): Promise<Failure | null> {
    const signal = AbortSignal.timeout(deadlineMs)
    const event = restore(claimed)
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      const leaseEnd = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error('the handler did not end')), leaseMs)
      })
      const running = dispatch.run(event, { signal, source: claimed.source, tx, attempt: claimed.attempt })
      const result = await Promise.race([running, leaseEnd])
      if (result.code === 'payload_invalid') return { text: result.hint, isFinal: true, error: result.hint }
      if (result.code === 'handled' || result.response.ok) return null
      const text = `the handler answered ${result.response.status}`
      const isFinal = result.response.status < 500 && result.response.status !== 429
      return { text, isFinal, error: text }
    } catch (error) {
      return {
        text: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        isFinal: false,
        error,
      }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    async add(source, event) {
      const nowMs = now()
      try {
        const isNew = await store.add(
          {
            key: `${source}:${event.dedupeId}`,
            source,
            eventId: event.id,
            eventType: event.type,
            signedAtMs: event.timestamp.getTime(),
            body: event.body,
          },
          nowMs,
        )
        if (!isNew) return { code: 'duplicate' }
        wake()
        return { code: 'stored' }
      } catch (error) {
        return { code: 'store_unavailable', error, retryAfterMs: 1_000 }
      }
    },
    start() {
      if (isStarted) return
      isStarted = true
      wake()
    },
    async stop() {
      isStarted = false
      clearTimeout(poll)
      await claims
      await Promise.all(underWay)
    },
    async runDue() {
      let count = 0
      for (;;) {
        const claimed = await claimNext()
        await Promise.all(underWay)
        if (claimed === 0) return count
        count += claimed
      }
    },
    deadLetters: async ({ limit = 100, afterId = 0 } = {}) => store.listDead(limit, afterId),
    async rerun(id) {
      const isThere = await store.rerun(id, now())
      wake()
      return isThere
    },
    discard: async (id) => store.discard(id, now() + Math.ceil(windowMs)),
  }
}

interface Failure {
  readonly text: string
  /** Another run would end the same. */
  readonly isFinal: boolean
  readonly error: unknown
}

function restore(claimed: ClaimedEvent): WebhookEvent {
  const result = accept(claimed.eventId, new Date(claimed.signedAtMs), claimed.body, () => claimed.eventType)
  if (!result.ok) throw new Error(result.code)
  return result.event
}

function checkPositive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value
  throw new RangeError(`bad ${name} ${value}: a finite number, more than 0`)
}

function consoleReport(report: InboxReport): void {
  if (report.code === 'retry') logWarning('webhook handler failed, and will run again', report)
  else if (report.code !== 'done') logError('webhook handler failed', report)
}
