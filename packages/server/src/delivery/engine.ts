/** The engine: takes messages in, and sees each of their deliveries through. @module */

import { hostname } from 'node:os'
import { setTimeout as setTimeoutPromise } from 'node:timers/promises'

import type { Outcome } from '../domain/delivery.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import { SETTING_LIMITS } from '../domain/endpoint-settings.ts'
import type { IdempotencyKey } from '../domain/idempotency.ts'
import type { Message } from '../domain/message.ts'
import { type OperationalEvent, eventsOfAttempt } from '../domain/operational-event.ts'
import { PosthornError } from '../domain/errors.ts'
import type { AcceptRequest, AcceptResult, EventRequest } from '../storage/port/accepts.ts'
import type { AttemptRecord, RecordResult } from '../storage/port/attempts.ts'
import type { Lease } from '../storage/port/nodes.ts'
import type { ClaimedDelivery } from '../storage/port/queue.ts'
import type { Store } from '../storage/store.ts'
import { type AttemptContext, type Attempted, makeAttempt } from './attempt.ts'
import { Claiming } from './claiming.ts'
import { Failing } from './failing.ts'
import type { Signal } from './health.ts'
import { type LaneLimits, Lanes } from './lanes.ts'
import { Membership } from './membership.ts'
import { eventRequests } from './operational-events.ts'
import { RETRY_MS, Returns, keyOf } from './returns.ts'
import type { Route, Routes, RoutingTable } from './routing.ts'

/** Bounds of one process: about 100 MB of heap when all are reached. */
const LIMITS = {
  maxInFlight: 1_024,
  concurrency: { min: 1, max: SETTING_LIMITS.concurrency },
  initialInFlightPerLane: 16,
  maxHeldPerLane: 1_000,
  maxHeldInOrder: 200,
  maxHeldBytes: 64 * 1_048_576,
} as const satisfies LaneLimits

/** Statuses by which an endpoint, or what stands before it, says that it has too much to do. */
const THROTTLES: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Logs what the engine did. */
export interface EngineLog {
  debug(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** What the engine is made of. */
export interface EngineDeps extends AttemptContext {
  readonly store: Store
  readonly routes: RoutingTable
  readonly log: EngineLog
  readonly version: string
  /** Milliseconds that only grow, also while the process is paused; by default the process's own. */
  readonly monotonic?: () => number
}

/**
 * Accepts messages and delivers them.
 *
 *     send ─▶ store.acceptMessage ─▶ lane ─▶ attempt ─▶ store.recordAttempt ─▶ done, or due again at T
 *                  │ no room in the lane                                          │
 *                  └──────────▶ waits in the store ◀──────────────────────────────┘
 *                                    └─ poll: claim what is due, as far as the lane has room
 *
 * It is a node of its store. Where others have taken it for dead it drops all that it held and goes on under a new lease;
 * what it did under the old one meanwhile is not recorded.
 */
export class Engine {
  readonly #deps: EngineDeps
  readonly #lanes: Lanes
  readonly #failing: Failing
  readonly #attempts = new Set<Promise<void>>()
  readonly #membership: Membership
  readonly #returns: Returns
  readonly #claiming: Claiming
  /** Applications whose settings were written since their lanes were told; `null` for all. */
  readonly #changed = new Set<string | null>()
  #isTelling = false
  #isStopping = false

  constructor(deps: EngineDeps) {
    this.#deps = deps
    this.#failing = new Failing(deps.disableAfterMs)
    const { store } = deps
    this.#lanes = new Lanes(LIMITS, (deliveries) => this.#track(this.#deliver(deliveries)), deps.clock, {
      isShared: store.takeOverAfterMs !== null,
      tellBreaker: (endpointId, openUntil) => store.tellBreaker(endpointId, openUntil),
    })
    this.#membership = new Membership({
      store,
      clock: deps.clock,
      monotonic: deps.monotonic ?? (() => performance.now()),
      log: deps.log,
      state: () => ({ version: deps.version, host: hostname(), pid: process.pid, ...this.load }),
      onLost: () => this.#lanes.drop(),
      onJoined: () => this.wake(),
    })
    this.#returns = new Returns({
      store,
      clock: deps.clock,
      log: deps.log,
      track: (work) => this.#track(work),
    })
    this.#claiming = new Claiming({
      store,
      routes: deps.routes,
      lanes: this.#lanes,
      clock: deps.clock,
      log: deps.log,
      lease: () => this.#membership.lease,
      setPolicy: (endpointId, routes) => this.#setPolicy(endpointId, routes),
      giveBack: (deliveries, lease) => this.#returns.giveBack(deliveries, lease),
    })
    store.onBreaker((endpointId, openUntil) => this.#lanes.hearBreaker(endpointId, openUntil))
    store.onDue(() => this.#claiming.hearDue())
    store.onChange((applicationId) => this.#hearChange(applicationId))
  }

  /** Deliveries held in memory, and attempts under way. */
  get load(): { readonly held: number; readonly inFlight: number } {
    return this.#lanes.load
  }

  /** The lease of this node; `null` while it has none. */
  get lease(): Lease | null {
    return this.#membership.lease
  }

  /** Returns until when an endpoint is left alone because it stalls, epoch ms; `null` where it is not, as far as this node knows. */
  breakerOf(endpointId: string): number | null {
    return this.#lanes.breakerOf(endpointId)
  }

  /** Takes up what was left unfinished, and goes on from there. */
  async start(): Promise<void> {
    await this.#membership.start()
    this.wake()
  }

  /** Starts no new attempts, waits for those under way to end and be recorded, and gives the rest back. */
  async stop(): Promise<void> {
    const { lease } = this.#membership
    this.#isStopping = true
    this.#returns.endRetries()
    const polled = this.#claiming.stop()
    const queued = this.#lanes.stop()
    this.#membership.endWaits()
    await polled
    if (lease !== null) this.#track(this.#returns.giveBack(queued.map(keyOf), lease))
    while (this.#attempts.size > 0) await Promise.all(this.#attempts)
    await this.#membership.stop()
  }

  /**
   * Accepts a message for these endpoints. Resolves when it is on disk.
   *
   * @param idempotency - The caller's key, under which the message is kept.
   * @throws {PosthornError} `busy`: the store has more to write than it may queue; nothing was kept.
   */
  async send(
    message: Message,
    endpoints: readonly Endpoint[],
    idempotency?: IdempotencyKey,
  ): Promise<AcceptResult> {
    const { applicationId, payload } = message
    const routes = await this.#deps.routes.routesOf(applicationId)
    const lease = message.deliverAt === null && !this.#isStopping ? this.#membership.lease : null
    const deliveries = endpoints.map(({ id, settings }) => {
      this.#setPolicy(id, routes)
      const isHeld = lease !== null && this.#lanes.reserve(id, payload.byteLength)
      return { endpointId: id, lease: isHeld ? lease : null, isOrdered: settings.ordering === 'fifo' }
    })
    const held = deliveries.filter((delivery) => delivery.lease !== null)
    const heldKeys = () =>
      held.map(({ endpointId }) => ({ applicationId, messageId: message.id, endpointId }))
    const cancel = () => held.forEach(({ endpointId }) => this.#lanes.cancel(endpointId, payload.byteLength))

    let result: AcceptResult
    try {
      const dueAt = message.deliverAt ?? message.createdAt
      result = await this.#deps.store.acceptMessage({ message, deliveries, dueAt, idempotency })
    } catch (error) {
      cancel()
      if (lease !== null && isUncertain(error)) this.#returns.doubt(heldKeys(), lease)
      throw error
    }
    if (result.kind !== 'accepted') {
      cancel()
      return result
    }
    if (lease !== null && lease !== this.#membership.lease) {
      // Accepted under a lease that was lost meanwhile: nobody looks after it.
      cancel()
      this.#track(this.#returns.giveBack(heldKeys(), lease))
      return result
    }
    for (const { endpointId } of held) {
      this.#lanes.push({ message, endpointId, attempts: 0, priority: 'live' })
    }
    if (message.deliverAt !== null) this.#claiming.wakeAt(message.deliverAt)
    else {
      for (const { endpointId, lease: heldUnder } of deliveries) {
        if (heldUnder !== null) continue
        this.#lanes.leave(endpointId)
        // Where all is claimed, the first delivery is not to wait for a poll.
        const route = routes.get(endpointId)
        if (route !== undefined && this.#lanes.isClaimed(route.lane)) {
          this.#track(this.#claiming.refill(applicationId, endpointId))
        }
      }
    }
    return result
  }

  /** Looks for what is due in the store now: something was put there other than by {@link Engine.send}. */
  wake(): void {
    this.#claiming.wakeAt(this.#deps.clock())
  }

  /** Claims what was accepted other than by {@link Engine.send}, so that it does not wait for a poll. */
  pickUp(accepted: readonly AcceptRequest[]): void {
    for (const { message, deliveries } of accepted) {
      for (const { endpointId } of deliveries) {
        this.#lanes.leave(endpointId)
        this.#track(this.#claiming.refill(message.applicationId, endpointId))
      }
    }
  }

  /** What was queued before the endpoint became ordered goes back, to be claimed in its order. */
  #setPolicy(endpointId: string, routes: Routes): void {
    const route = routes.get(endpointId)
    if (route === undefined) return
    const misplaced = this.#lanes.setPolicy(endpointId, route.lane)
    const { lease } = this.#membership
    if (misplaced.length > 0 && lease !== null)
      this.#track(this.#returns.giveBack(misplaced.map(keyOf), lease))
  }

  /** Lanes that wait for an instant would hear of what was set meanwhile only then. Changes that come in a row share a pass. */
  #hearChange(applicationId: string | null): void {
    this.#changed.add(applicationId)
    if (this.#isTelling) return
    this.#isTelling = true
    this.#track(this.#tellSleeping())
  }

  async #tellSleeping(): Promise<void> {
    try {
      // What changes again while it is read comes to the end, and is read again.
      for (const changed of this.#changed) {
        this.#changed.delete(changed)
        for (const [applicationId, endpointIds] of this.#lanes.sleeping(changed)) {
          const routes = await this.#deps.routes.routesOf(applicationId)
          for (const endpointId of endpointIds) this.#setPolicy(endpointId, routes)
        }
      }
    } finally {
      this.#changed.clear()
      this.#isTelling = false
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'a delivery could not be finished'))
      .finally(() => this.#attempts.delete(tracked))
    this.#attempts.add(tracked)
  }

  /** Makes an attempt of deliveries to one endpoint: of one, or of several that go in one request. */
  async #deliver(deliveries: readonly ClaimedDelivery[]): Promise<void> {
    const { lease } = this.#membership
    const { applicationId } = deliveries[0]!.message
    const { endpointId } = deliveries[0]!
    let signal: Signal | null = null
    try {
      const routes = await this.#deps.routes.routesOf(applicationId)
      const route = routes.get(endpointId)
      if (lease === null || !(await this.#membership.isSure(lease))) return
      if (route === undefined || route.endpoint.disabled) {
        // Gone or disabled: what is held for it waits in the store, where it is canceled or kept.
        const all = [...deliveries, ...this.#lanes.clear(endpointId)]
        return await this.#returns.giveBack(all.map(keyOf), lease)
      }
      this.#setPolicy(endpointId, routes)
      // Put together for a request as its endpoint does not take them any more: anew, by what holds now.
      if (deliveries.length > (route.lane.batch?.maxEvents ?? 1)) {
        const all = [...deliveries, ...this.#lanes.clear(endpointId)]
        await this.#returns.giveBack(all.map(keyOf), lease)
        return this.wake()
      }

      const { outcome, tookMs, attempted } = await makeAttempt(deliveries, route, this.#deps)
      signal = signalOf(outcome, tookMs)
      const unfinished = await Promise.all(attempted.map((each) => this.#settle(each, route, lease)))
      // What failed goes before the rest of its line again, so the rest goes back before its lane has a turn.
      if (route.lane.isOrdered && unfinished.some(Boolean)) {
        await this.#returns.giveBack(this.#lanes.clear(endpointId).map(keyOf), lease)
      }
    } finally {
      const isLow = this.#lanes.finished(deliveries, signal)
      if (isLow) this.#track(this.#claiming.refill(applicationId, endpointId))
    }
  }

  /** Records what an attempt came to. Returns whether the delivery is not over: to be tried again, or another node's. */
  async #settle(
    { delivery, attempt, verdict }: Attempted,
    { endpoint, policy }: Route,
    lease: Lease,
  ): Promise<boolean> {
    const isFailure = verdict.kind !== 'success'
    const { message, resumesAs } = delivery
    // A manual attempt takes none from the schedule.
    const attempts = delivery.attempts + (delivery.isManual === true ? 0 : 1)
    const result = await this.#record(
      {
        attempt,
        lease,
        attempts,
        verdict,
        failing: this.#failing.note(endpoint.id, isFailure, endpoint.failingSince, attempt.createdAt),
      },
      eventsOfAttempt({ message, endpoint, attempt, verdict, attempts, resumesAs }),
      policy,
    )
    if (result === 'lost') {
      this.#deps.log.warn({ delivery: keyOf(delivery) }, 'the delivery was taken over meanwhile')
      return true
    }
    if (verdict.kind === 'retry') this.#claiming.wakeAt(verdict.at)
    return verdict.kind === 'retry' || verdict.kind === 'resume'
  }

  /**
   * Records an attempt, for as long as it takes: what was not recorded would stay held by this node and never be sent
   * again. A lease that is lost ends it: the delivery is another's. Meanwhile its lane has one place fewer, so a store that fails slows the sending down.
   */
  async #record(
    record: AttemptRecord,
    happened: readonly OperationalEvent[],
    policy: Route['policy'],
  ): Promise<RecordResult> {
    const { applicationId } = record.attempt
    let events: readonly EventRequest[] | undefined
    for (;;) {
      if (record.lease !== this.#membership.lease) return 'lost'
      try {
        if (happened.length > 0) events ??= await eventRequests(happened, applicationId, policy, this.#deps)
        const result = await this.#deps.store.recordAttempt(
          events === undefined ? record : { ...record, events },
        )
        if (events !== undefined && result !== 'lost') this.pickUp(events)
        return result
      } catch (error) {
        this.#deps.log.error(
          { err: error, attempt: record.attempt.id },
          'an attempt could not be recorded yet',
        )
        if (this.#isStopping) throw error
        await setTimeoutPromise(RETRY_MS)
      }
    }
  }
}

/** What an attempt tells of its endpoint. Whatever it answers it is there, save that it may have too much to do. */
function signalOf(outcome: Outcome, tookMs: number): Signal {
  if (outcome.kind === 'failed') return { kind: 'stalled' }
  if (THROTTLES.has(outcome.statusCode)) return { kind: 'throttled', pauseMs: outcome.retryAfterMs ?? 0 }
  return { kind: 'answered', tookMs }
}

/** Tells whether a write that failed may have been done all the same. A refusal was not. */
function isUncertain(error: unknown): boolean {
  return !(error instanceof PosthornError) || error.cause !== undefined
}
