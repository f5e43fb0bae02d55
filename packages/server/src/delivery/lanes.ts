/** The lanes: each endpoint's deliveries in a queue of their own, taking turns. No I/O. @module */

import type { ClaimedDelivery } from '../storage/store.ts'
import { type Pace, Paces, isTime } from './pace.ts'

/** Bounds of the lanes. Those of one lane keep an endpoint from taking what others need. */
export interface LaneLimits {
  /** Attempts under way in the process. */
  readonly maxInFlight: number
  /** Attempts under way to one endpoint, at most. */
  readonly maxInFlightPerLane: number
  /** Attempts under way to an endpoint of which nothing is known yet. */
  readonly initialInFlightPerLane: number
  /** Deliveries held for one endpoint, those under way included. */
  readonly maxHeldPerLane: number
  /** Bytes of payload held in the process. A lane that holds nothing may always take one delivery. */
  readonly maxHeldBytes: number
}

/** How fast deliveries may start: a second, `null` for no limit. */
export interface LaneRates {
  readonly applicationId: string
  /** To the endpoint. */
  readonly perSecond: number | null
  /** To all endpoints of its application together. */
  readonly applicationPerSecond: number | null
}

/** What an attempt told of its endpoint, for the number that may be under way to it. */
export type LaneSignal = 'answered' | 'stalled'

const UNLIMITED: readonly Pace[] = []

/** One endpoint's queue. */
class Lane {
  readonly endpointId: string
  readonly queue: ClaimedDelivery[] = []
  /** Deliveries held: promised, queued or under way. */
  held = 0
  inFlight = 0
  /** How many may be under way now: grows by one with each answer, halves with each stall. */
  window: number
  /** Counts what was left to the store for want of room; 0 while nothing waits there. */
  backlog = 0
  /** Its own pace and that of its application, where they have one. */
  paces: readonly Pace[] = UNLIMITED
  /** When its next attempt may start, taken from its paces; `null` where none was taken. */
  startAt: number | null = null
  /** Wakes it at that time. */
  timer: NodeJS.Timeout | null = null

  constructor(endpointId: string, window: number) {
    this.endpointId = endpointId
    this.window = window
  }
}

/**
 * Holds deliveries until their turn.
 *
 *     reserve ─▶ push ─▶ lane's queue ─┬─▶ run ─▶ finished ─▶ room again
 *                        other lanes ──┘   lanes with something to send and room to send it take turns, one each
 *
 * The turn is what makes delivery fair: a lane with a thousand waiting gets as many turns as a lane with one. The window
 * is what keeps it so when an endpoint hangs: after its first time-outs it has one attempt under way, not hundreds.
 */
export class Lanes {
  readonly #limits: LaneLimits
  readonly #run: (delivery: ClaimedDelivery) => void
  readonly #clock: () => number
  readonly #lanes = new Map<string, Lane>()
  readonly #paces = new Paces()
  /** Lanes that could send now, in the order of their turns. */
  readonly #ready = new Set<Lane>()
  #heldBytes = 0
  #inFlight = 0
  #isStopped = false

  /**
   * @param run - Starts an attempt. Its end is told with {@link Lanes.finished}.
   * @param clock - Epoch milliseconds.
   */
  constructor(limits: LaneLimits, run: (delivery: ClaimedDelivery) => void, clock: () => number) {
    this.#limits = limits
    this.#run = run
    this.#clock = clock
  }

  /** Deliveries held, and attempts under way. */
  get load(): { readonly held: number; readonly inFlight: number } {
    let held = 0
    for (const lane of this.#lanes.values()) held += lane.held
    return { held, inFlight: this.#inFlight }
  }

  /**
   * Promises room for one new delivery. `false` where there is none, or where older ones of the endpoint wait in the
   * store, which are to go first; the caller leaves the delivery to the store and says so with {@link Lanes.leave}.
   */
  reserve(endpointId: string, bytes: number): boolean {
    const lane = this.#laneOf(endpointId)
    if (this.#isStopped || lane.backlog > 0 || this.#roomIn(lane) === 0) return false
    if (lane.held > 0 && this.#heldBytes + bytes > this.#limits.maxHeldBytes) return false
    lane.held += 1
    this.#heldBytes += bytes
    return true
  }

  /** Takes a promise back: the delivery was not accepted. */
  cancel(endpointId: string, bytes: number): void {
    const lane = this.#lanes.get(endpointId)!
    lane.held -= 1
    this.#heldBytes -= bytes
    this.#dropIfIdle(lane)
  }

  /** Says that a delivery of the endpoint was left to the store. */
  leave(endpointId: string): void {
    this.#laneOf(endpointId).backlog += 1
  }

  /** How many deliveries waiting in the store may be claimed for the endpoint now. */
  room(endpointId: string): number {
    if (this.#isStopped) return 0
    const lane = this.#lanes.get(endpointId)
    if (lane === undefined) return this.#limits.maxHeldPerLane
    if (lane.held > 0 && this.#heldBytes >= this.#limits.maxHeldBytes) return 0
    return this.#roomIn(lane)
  }

  /** Sets how fast deliveries to the endpoint may start, from now on. Without it there is no limit. */
  setRates(endpointId: string, { applicationId, perSecond, applicationPerSecond }: LaneRates): void {
    const lane = this.#laneOf(endpointId)
    if (perSecond === null && applicationPerSecond === null) {
      lane.paces = UNLIMITED
      return
    }
    const now = this.#clock()
    const paces: Pace[] = []
    if (perSecond !== null) paces.push(this.#paces.of(endpointId, perSecond, now))
    if (applicationPerSecond !== null) paces.push(this.#paces.of(applicationId, applicationPerSecond, now))
    lane.paces = paces
  }

  /** Queues a delivery for which room was promised. */
  push(delivery: ClaimedDelivery): void {
    const lane = this.#lanes.get(delivery.endpointId)!
    lane.queue.push(delivery)
    this.#turn(lane)
  }

  /**
   * Queues deliveries that were claimed from the store.
   *
   * @param backlog - What {@link Lanes.backlogOf} was when the claim was made.
   * @param isAll - The claim got all that was due.
   */
  pushClaimed(
    endpointId: string,
    deliveries: readonly ClaimedDelivery[],
    claim: { readonly backlog: number; readonly isAll: boolean },
  ): void {
    const lane = this.#laneOf(endpointId)
    // What was left to the store while the claim ran may not be in it: then some are known to wait still.
    if (claim.isAll && lane.backlog === claim.backlog) lane.backlog = 0
    else lane.backlog = Math.max(1, lane.backlog)
    for (const delivery of deliveries) {
      lane.held += 1
      this.#heldBytes += delivery.message.payload.byteLength
      lane.queue.push(delivery)
    }
    this.#turn(lane)
    this.#dropIfIdle(lane)
  }

  /** Returns the count of deliveries left to the store: more than 0 where some are known to wait there. */
  backlogOf(endpointId: string): number {
    return this.#lanes.get(endpointId)?.backlog ?? 0
  }

  /** Says that an attempt is over. Returns whether the endpoint's lane runs low while more waits in the store. */
  finished(delivery: ClaimedDelivery, signal: LaneSignal): boolean {
    const lane = this.#lanes.get(delivery.endpointId)!
    lane.inFlight -= 1
    lane.held -= 1
    this.#inFlight -= 1
    this.#heldBytes -= delivery.message.payload.byteLength
    lane.window =
      signal === 'answered'
        ? Math.min(lane.window + 1, this.#limits.maxInFlightPerLane)
        : Math.max(1, Math.floor(lane.window / 2))
    this.#turn(lane)
    this.#dropIfIdle(lane)
    return lane.backlog > 0 && lane.held <= this.#limits.maxHeldPerLane / 2
  }

  /** Takes what is queued for an endpoint out again, unattempted. */
  clear(endpointId: string): ClaimedDelivery[] {
    const lane = this.#lanes.get(endpointId)
    if (lane === undefined) return []
    const cleared = lane.queue.splice(0)
    if (lane.timer !== null) clearTimeout(lane.timer)
    lane.timer = null
    lane.held -= cleared.length
    for (const { message } of cleared) this.#heldBytes -= message.payload.byteLength
    this.#ready.delete(lane)
    this.#dropIfIdle(lane)
    return cleared
  }

  /** Starts nothing more, and takes out all that is queued. */
  stop(): ClaimedDelivery[] {
    this.#isStopped = true
    return [...this.#lanes.keys()].flatMap((endpointId) => this.clear(endpointId))
  }

  #laneOf(endpointId: string): Lane {
    let lane = this.#lanes.get(endpointId)
    if (lane === undefined) {
      lane = new Lane(endpointId, this.#limits.initialInFlightPerLane)
      this.#lanes.set(endpointId, lane)
    }
    return lane
  }

  #roomIn(lane: Lane): number {
    return Math.max(0, this.#limits.maxHeldPerLane - lane.held)
  }

  /** Lets the lane wait for its turn if it can use one, then gives out turns. */
  #turn(lane: Lane): void {
    if (this.#couldSend(lane)) this.#ready.add(lane)
    while (!this.#isStopped && this.#inFlight < this.#limits.maxInFlight) {
      const next = this.#ready.values().next()
      if (next.done === true) return
      this.#start(next.value)
    }
  }

  #start(lane: Lane): void {
    this.#ready.delete(lane)
    // The window may have shrunk while the lane waited for its turn.
    if (lane.inFlight >= lane.window || !this.#isItsTime(lane)) return
    const delivery = lane.queue.shift()!
    lane.inFlight += 1
    this.#inFlight += 1
    // At the end of the line again: one delivery a turn.
    if (this.#couldSend(lane)) this.#ready.add(lane)
    this.#run(delivery)
  }

  #couldSend(lane: Lane): boolean {
    return lane.queue.length > 0 && lane.inFlight < lane.window && lane.timer === null
  }

  /** Takes an instant from the lane's paces if it has none yet; before that instant, puts the lane to sleep. */
  #isItsTime(lane: Lane): boolean {
    if (lane.paces.length === 0) return true
    const now = this.#clock()
    lane.startAt ??= Math.max(...lane.paces.map((pace) => pace.take(now)))
    if (isTime(lane.startAt, now)) {
      lane.startAt = null
      return true
    }
    lane.timer ??= setTimeout(() => {
      lane.timer = null
      this.#turn(lane)
    }, lane.startAt - now)
    return false
  }

  /** A lane is kept for what it learnt while it works; an idle one would be a leak, one for every endpoint ever seen. */
  #dropIfIdle(lane: Lane): void {
    if (lane.held === 0 && lane.backlog === 0) this.#lanes.delete(lane.endpointId)
  }
}
