/** Runs background tasks, in small steps and at low priority. @module */

import { setTimeout as setTimeoutPromise } from 'node:timers/promises'

import { firstIdAt } from '../domain/id.ts'
import { type Task, isPurge, isReplay, replayProgress } from '../domain/task.ts'
import type { Store } from '../storage/store.ts'
import type { EngineLog } from './engine.ts'
import { countDeliveries, listSubscriptions } from './task-counts.ts'

/** Messages that one step looks at. */
const STEP = 100

/**
 * Deliveries of one task that are due and not attempted yet, at most. Sending goes on while that many wait, and a task that
 * is canceled has not flooded the queue.
 */
const MAX_WAITING = 1_000

/** Steps a second of a task that has a rate, at least as long as its rate has as many. */
const STEPS_PER_SECOND = 4

/** Rest of a task of which as much waits as may, in milliseconds. */
const STALLED_REST_MS = 1_000

/** Tasks that take turns. Others wait until one of these is over. */
const MAX_RUNNING = 20

/**
 * Rest after each step: three times what the step took, so that tasks work a quarter of the time at most. A step shares the
 * queue of all writes and takes long when the store has much to do, so what matters more slows tasks down by itself.
 */
const REST_FACTOR = 3
const MIN_REST_MS = 25
const MAX_REST_MS = 5_000

/** How often tasks are looked for that nobody told of, such as those of another node, in milliseconds. */
const POLL_MS = 5_000

/** Faults of one task in a row after which it is given up. */
const MAX_FAULTS = 10

/** For how long a task that is over is kept: 90 days. */
const KEEP_MS = 90 * 86_400_000

/** What a task runner is made of. */
export interface TaskRunnerDeps {
  readonly store: Store
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly log: EngineLog
  /** Tells whether this node is the one of all that runs tasks: their rates are for the cluster. By default it is. */
  readonly isRunner?: () => Promise<boolean>
  /** Says that a step made deliveries due. */
  readonly onDue: () => void
}

/**
 * Runs what `store.createTask` was given, the running tasks in turns.
 *
 *     wake, poll ─▶ running tasks ─▶ a step of each ─▶ rest ─▶ a step of each …  none left: sleep
 *
 * A step that sends messages again, or expunges them, is one transaction, with the note of how far it came: a restart goes
 * on from there.
 * Of several nodes the one that joined first runs them.
 *
 * A task with a rate rests after each step for as long as what it made due takes at that rate, and one rests of which
 * enough waits already; the others go on meanwhile. Counts run beside the turns; they leave nothing behind before they are
 * done, and begin anew after a restart.
 */
export class TaskRunner {
  readonly #deps: TaskRunnerDeps
  readonly #faults = new Map<string, number>()
  readonly #counts = new Map<string, Promise<void>>()
  /** When tasks that rest go on: epoch ms, by id. */
  readonly #resting = new Map<string, number>()
  readonly #stopping = new AbortController()
  /** Ends the sleep that waits for tasks. */
  #stir: () => void = () => {}
  #isWoken = false
  #loop: Promise<void> = Promise.resolve()

  constructor(deps: TaskRunnerDeps) {
    this.#deps = deps
  }

  /** Takes up what was left unfinished. */
  start(): void {
    this.#loop = this.#run()
  }

  /** Finishes the step under way, and no more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#stir()
    await this.#loop
    await Promise.all(this.#counts.values())
  }

  /** Says that there is a new task. */
  wake(): void {
    this.#isWoken = true
    this.#stir()
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#isWoken = false
      try {
        this.#endRests()
        if ((await this.#deps.isRunner?.()) === false) {
          await this.#sleep()
          continue
        }
        // Those that rest or count take no turn, and must not keep the others from theirs.
        const idle = this.#resting.size + this.#counts.size
        const tasks = await this.#deps.store.findRunningTasks(MAX_RUNNING + idle)
        const waiting = tasks.filter(({ id }) => !this.#counts.has(id) && !this.#resting.has(id))
        for (const task of waiting) await this.#turn(task)
        if (waiting.length > 0) continue
        await this.#deps.store.deleteTasks(firstIdAt('task', this.#deps.clock() - KEEP_MS), STEP)
      } catch (error) {
        this.#deps.log.error({ err: error }, 'background tasks could not be looked for')
      }
      await this.#sleep()
    }
  }

  async #turn(task: Task): Promise<void> {
    if (this.#isStopped) return
    if (isPurge(task.work)) {
      const startedAt = this.#deps.clock()
      await this.#guard(task, async () => void (await this.#deps.store.stepPurge(task.id, STEP, startedAt)))
      return this.#restAfter(startedAt)
    }
    if (!isReplay(task.work)) return this.#beginCount(task)
    const rate = task.work.ratePerSecond ?? Infinity
    const startedAt = this.#deps.clock()
    await this.#guard(task, async () => {
      const sends = Math.min(STEP, Math.max(1, Math.floor(rate / STEPS_PER_SECOND)))
      const limits = { looks: STEP, sends, waiting: MAX_WAITING }
      const after = await this.#deps.store.stepReplay(task.id, limits, startedAt)
      if (after?.status !== 'running') return
      const [before, now] = [replayProgress(task), replayProgress(after)]
      const sent = now.messagesSent - before.messagesSent
      const restMs = now.messagesSeen === before.messagesSeen ? STALLED_REST_MS : (sent * 1_000) / rate
      if (restMs > 0) this.#resting.set(task.id, startedAt + restMs)
    }).finally(() => this.#deps.onDue())
    await this.#restAfter(startedAt)
  }

  async #restAfter(startedAt: number): Promise<void> {
    const tookMs = this.#deps.clock() - startedAt
    await this.#rest(Math.min(MAX_REST_MS, Math.max(MIN_REST_MS, REST_FACTOR * tookMs)))
  }

  #endRests(): void {
    const now = this.#deps.clock()
    for (const [id, until] of this.#resting) if (until <= now) this.#resting.delete(id)
  }

  #beginCount(task: Task): void {
    const count = this.#guard(task, () => this.#count(task)).finally(() => {
      this.#counts.delete(task.id)
      this.wake()
    })
    this.#counts.set(task.id, count)
  }

  async #count({ id, organisationId, work }: Task): Promise<void> {
    const { store, clock } = this.#deps
    const control = {
      isWanted: async () =>
        !this.#isStopped && (await store.findTask(organisationId, id))?.status === 'running',
      rest: () => this.#rest(MIN_REST_MS),
    }
    const data =
      work.kind === 'application.stats'
        ? await countDeliveries(store, organisationId, work, control)
        : await listSubscriptions(store, organisationId, control)
    if (data !== null) await store.finishTask(id, { status: 'finished', data }, clock())
  }

  /** Keeps the fault of one task from the others, and gives up a task that has nothing else. */
  async #guard(task: Task, step: () => Promise<void>): Promise<void> {
    try {
      await step()
      this.#faults.delete(task.id)
    } catch (error) {
      this.#deps.log.error({ err: error, task: task.id }, 'a step of a background task failed')
      const faults = (this.#faults.get(task.id) ?? 0) + 1
      this.#faults.set(task.id, faults)
      await this.#rest(MAX_REST_MS)
      if (faults < MAX_FAULTS || this.#isStopped) return
      this.#faults.delete(task.id)
      const data = { error: 'The server failed at this; its log says why' }
      await this.#deps.store
        .finishTask(task.id, { status: 'failed', data }, this.#deps.clock())
        .catch((cause: unknown) => this.#deps.log.error({ err: cause }, 'a task could not be given up'))
    }
  }

  /** Rests between steps; a stop cuts it short, and a new task does not. */
  async #rest(ms: number): Promise<void> {
    await setTimeoutPromise(ms, undefined, { signal: this.#stopping.signal }).catch(() => {})
  }

  /** Waits for a new task, for one that rests, or for the next look. */
  async #sleep(): Promise<void> {
    if (this.#isWoken || this.#isStopped) return
    const restMs = Math.min(...this.#resting.values()) - this.#deps.clock()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(POLL_MS, Math.max(0, restMs)))
      this.#stir = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
