/** The engine: takes messages in, and sees each of their deliveries through. @module */

import { setTimeout as setTimeoutPromise } from 'node:timers/promises'

import type { Endpoint } from '../domain/endpoint.ts'
import type { IdempotencyKey } from '../domain/idempotency.ts'
import type { Message } from '../domain/message.ts'
import type {
  AcceptResult,
  AttemptRecord,
  ClaimedDelivery,
  Lease,
  Store,
  WaitingEndpoint,
} from '../storage/store.ts'
import { type AttemptContext, makeAttempt } from './attempt.ts'
import { type LaneLimits, type LaneSignal, Lanes } from './lanes.ts'
import type { Routes, RoutingTable } from './routing.ts'

/** Bounds of one process: about 100 MB of heap when all are reached. */
const LIMITS = {
  maxInFlight: 1_024,
  maxInFlightPerLane: 64,
  initialInFlightPerLane: 16,
  maxHeldPerLane: 1_000,
  maxHeldBytes: 64 * 1_048_576,
} as const satisfies LaneLimits

/** How often the store is asked what is due, in milliseconds, when nothing is known to be due sooner. */
const POLL_MS = 1_000

/** Deliveries taken in one claim, and bytes of payload. Small, so that a claim does not hold up the commit it shares. */
const CLAIM = 200
const CLAIM_BYTES = 8 * 1_048_576

/** Endpoints looked at in one step of a poll. */
const POLL_PAGE = 100

/** Deliveries of a deleted endpoint canceled in one step of a poll. */
const CANCEL_PAGE = 1_000

/** Wait before an attempt that could not be recorded is tried to be recorded again, in milliseconds. */
const RECORD_RETRY_MS = 1_000

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
}

/**
 * Accepts messages and delivers them.
 *
 *     send ─▶ store.acceptMessage ─▶ lane ─▶ attempt ─▶ store.recordAttempt ─▶ done, or due again at T
 *                  │ no room in the lane                                          │
 *                  └──────────▶ waits in the store ◀──────────────────────────────┘
 *                                    └─ poll: claim what is due, as far as the lane has room
 */
export class Engine {
  readonly #deps: EngineDeps
  readonly #lanes: Lanes
  readonly #attempts = new Set<Promise<void>>()
  #lease: Lease | null = null
  #timer: NodeJS.Timeout | null = null
  #nextPollAt = Infinity
  #poll: Promise<void> | null = null
  /** Endpoints that are being refilled, so that one is not claimed for twice at once. */
  readonly #refilling = new Set<string>()

  constructor(deps: EngineDeps) {
    this.#deps = deps
    this.#lanes = new Lanes(LIMITS, (delivery) => this.#track(this.#deliver(delivery)), deps.clock)
  }

  /** Deliveries held in memory, and attempts under way. */
  get load(): { readonly held: number; readonly inFlight: number } {
    return this.#lanes.load
  }

  /** Takes up what was left unfinished, and goes on from there. */
  async start(): Promise<void> {
    this.#lease = await this.#deps.store.joinAsNode(this.#deps.clock())
    this.#wakeAt(this.#deps.clock())
  }

  /** Starts no new attempts, waits for those under way to end and be recorded, and gives the rest back. */
  async stop(): Promise<void> {
    const lease = this.#lease
    this.#lease = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    const queued = this.#lanes.stop()
    await this.#poll
    await Promise.all(this.#attempts)
    if (lease !== null && queued.length > 0) {
      await this.#deps.store.releaseDeliveries(lease, queued.map(keyOf), this.#deps.clock())
    }
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
    const lease = message.deliverAt === null ? this.#lease : null
    const deliveries = endpoints.map(({ id }) => ({
      endpointId: id,
      lease: lease !== null && this.#lanes.reserve(id, payload.byteLength) ? lease : null,
    }))
    const held = deliveries.filter((delivery) => delivery.lease !== null)
    const cancel = () => held.forEach(({ endpointId }) => this.#lanes.cancel(endpointId, payload.byteLength))

    let result: AcceptResult
    try {
      const dueAt = message.deliverAt ?? message.createdAt
      result = await this.#deps.store.acceptMessage({ message, deliveries, dueAt, idempotency })
    } catch (error) {
      cancel()
      throw error
    }
    if (result.kind !== 'accepted') {
      cancel()
      return result
    }
    for (const { endpointId } of held) {
      this.#setRates(endpointId, routes)
      this.#lanes.push({ message, endpointId, attempts: 0 })
    }
    if (message.deliverAt !== null) this.#wakeAt(message.deliverAt)
    else {
      for (const delivery of deliveries) {
        if (delivery.lease === null) this.#lanes.leave(delivery.endpointId)
      }
    }
    return result
  }

  /** Looks for what is due in the store now: something was put there other than by {@link Engine.send}. */
  wake(): void {
    this.#wakeAt(this.#deps.clock())
  }

  #setRates(endpointId: string, routes: Routes): void {
    const route = routes.get(endpointId)
    if (route !== undefined) this.#lanes.setRates(endpointId, route.rates)
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'a delivery could not be finished'))
      .finally(() => this.#attempts.delete(tracked))
    this.#attempts.add(tracked)
  }

  async #deliver(delivery: ClaimedDelivery): Promise<void> {
    const lease = this.#lease
    let signal: LaneSignal = 'answered'
    try {
      const { applicationId } = delivery.message
      const routes = await this.#deps.routes.routesOf(applicationId)
      const route = routes.get(delivery.endpointId)
      if (lease === null) return
      if (route === undefined || route.endpoint.disabled) return await this.#giveBack(delivery, lease)

      const { attempt, outcome, verdict } = await makeAttempt(delivery, route, this.#deps)
      if (outcome.kind === 'failed') signal = 'stalled'
      // A manual attempt takes none from the schedule.
      const attempts = delivery.attempts + (delivery.isManual === true ? 0 : 1)
      const isRecorded = await this.#record({ attempt, lease, attempts, verdict })
      if (!isRecorded)
        this.#deps.log.warn({ delivery: keyOf(delivery) }, 'the delivery was taken over meanwhile')
      else if (verdict.kind === 'retry') this.#wakeAt(verdict.at)
    } finally {
      const isLow = this.#lanes.finished(delivery, signal)
      if (isLow) this.#track(this.#refill(delivery.message.applicationId, delivery.endpointId))
    }
  }

  /**
   * Records an attempt, for as long as it takes: what was not recorded would stay held by this node and never be sent
   * again. Meanwhile its lane has one place fewer, so a store that fails slows the sending down.
   */
  async #record(record: AttemptRecord): Promise<boolean> {
    for (;;) {
      try {
        return await this.#deps.store.recordAttempt(record)
      } catch (error) {
        this.#deps.log.error(
          { err: error, attempt: record.attempt.id },
          'an attempt could not be recorded yet',
        )
        if (this.#lease === null) throw error
        await setTimeoutPromise(RECORD_RETRY_MS)
      }
    }
  }

  /** The endpoint is gone or disabled: what is held for it waits in the store, where it is canceled or kept. */
  async #giveBack(delivery: ClaimedDelivery, lease: Lease): Promise<void> {
    const all = [delivery, ...this.#lanes.clear(delivery.endpointId)]
    await this.#deps.store.releaseDeliveries(lease, all.map(keyOf), this.#deps.clock())
  }

  #wakeAt(at: number): void {
    if (this.#lease === null || at >= this.#nextPollAt) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#nextPollAt = at
    // A timer counts in 32 bits; whatever is further off than a poll is found by the polls before it.
    const waitMs = Math.min(Math.max(0, at - this.#deps.clock()), POLL_MS)
    this.#timer = setTimeout(() => this.#startPoll(), waitMs)
  }

  #startPoll(): void {
    this.#timer = null
    this.#nextPollAt = Infinity
    if (this.#poll !== null || this.#lease === null) return
    this.#poll = this.#claimWhatIsDue()
      .catch((error: unknown) => {
        this.#deps.log.error({ err: error }, 'the store could not be asked what is due')
        return this.#deps.clock() + POLL_MS
      })
      .then((nextAt) => {
        this.#poll = null
        this.#wakeAt(Math.min(nextAt, this.#deps.clock() + POLL_MS))
      })
  }

  /** Claims what is due for every endpoint that has room; returns when the next delivery is due. */
  async #claimWhatIsDue(): Promise<number> {
    let nextAt = Infinity
    let after: WaitingEndpoint | null = null
    do {
      const waiting: WaitingEndpoint[] = await this.#deps.store.findWaitingEndpoints(after, POLL_PAGE)
      await Promise.all(
        waiting.map(async ({ applicationId, endpointId, dueAt, state }) => {
          if (state === 'deleted') {
            await this.#deps.store.cancelDeliveries(applicationId, endpointId, CANCEL_PAGE)
          } else if (state === 'open') {
            if (dueAt <= this.#deps.clock()) await this.#refill(applicationId, endpointId)
            else nextAt = Math.min(nextAt, dueAt)
          }
        }),
      )
      after = waiting.length === POLL_PAGE ? waiting.at(-1)! : null
    } while (after !== null && this.#lease !== null)
    return nextAt
  }

  async #refill(applicationId: string, endpointId: string): Promise<void> {
    const lease = this.#lease
    const limit = Math.min(this.#lanes.room(endpointId), CLAIM)
    if (lease === null || limit === 0 || this.#refilling.has(endpointId)) return
    this.#refilling.add(endpointId)
    try {
      // Before the claim: a fault after it would leave deliveries held and forgotten.
      const routes = await this.#deps.routes.routesOf(applicationId)
      const backlog = this.#lanes.backlogOf(endpointId)
      const now = this.#deps.clock()
      const claimed = await this.#deps.store.claimDeliveries({
        lease,
        applicationId,
        endpointId,
        limit,
        maxBytes: CLAIM_BYTES,
        now,
      })
      if (this.#lease === null) {
        return await this.#deps.store.releaseDeliveries(lease, claimed.map(keyOf), now)
      }
      // Cut short by its bytes, a claim has less than its limit and more behind it: then it is asked again.
      const bytes = claimed.reduce((sum, { message }) => sum + message.payload.byteLength, 0)
      const isAll = claimed.length < limit && bytes < CLAIM_BYTES / 2
      this.#setRates(endpointId, routes)
      this.#lanes.pushClaimed(endpointId, claimed, { backlog, isAll })
    } finally {
      this.#refilling.delete(endpointId)
    }
  }
}

function keyOf({ message, endpointId }: ClaimedDelivery) {
  return { applicationId: message.applicationId, messageId: message.id, endpointId }
}
