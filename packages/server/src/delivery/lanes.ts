/** The lanes: each endpoint's deliveries in a queue of their own, taking turns. No I/O. @module */

import { PRIORITIES, type Priority } from '../domain/delivery.ts'
import type { Concurrency } from '../domain/endpoint-settings.ts'
import type { ClaimedDelivery } from '../storage/port/queue.ts'
import { Health, type Signal } from './health.ts'
import { type Counts, Lane, type LanePolicy, OPEN_POLICY, UNLIMITED, pacedBy } from './lane.ts'
import { type Pace, Paces, isTime } from './pace.ts'
import { RememberedHealth } from './remembered-health.ts'

/** Bounds of the lanes. Those of one lane keep an endpoint from taking what others need. */
export interface LaneLimits {
  /** Attempts under way in the process. */
  readonly maxInFlight: number
  /** Attempts under way to one endpoint that has no bounds of its own. */
  readonly concurrency: Concurrency
  /** Attempts under way to an endpoint of which nothing is known yet. */
  readonly initialInFlightPerLane: number
  /** Deliveries held for one endpoint, those under way included. */
  readonly maxHeldPerLane: number
  /** Deliveries of an ordered endpoint that are held at a time. */
  readonly maxHeldInOrder: number
  /** Bytes of payload held in the process. A lane that holds nothing may always take one delivery. */
  readonly maxHeldBytes: number
}

/** What the lanes of this node have to do with those of others. */
export interface LaneCompany {
  /** Other nodes may send to the same endpoints: then whoever sends at a rate claims all that it sends. */
  readonly isShared: boolean
  /** Tells the others that the breaker of an endpoint is open until an instant, epoch ms; `null`: no more. */
  readonly tellBreaker: (endpointId: string, openUntil: number | null) => void
}

const ALONE: LaneCompany = { isShared: false, tellBreaker() {} }

/** Share of a lane's room that a priority may take, so that what is less urgent leaves some to what is more. */
const SHARES: Readonly<Counts> = { live: 1, retry: 0.5, replay: 0.25 }

/** Payload in one batch, in bytes: as much as one message may have, so who can take any message can take any batch. */
const MAX_BATCH_BYTES = 1_048_576

/** What a lane may send in one turn, in bytes. A delivery smaller than that costs a whole turn. */
const QUANTUM = 16_384
/** Price of a byte: a lane that replays gets an eighth of the turns of one that sends what happens now. */
const PRICES: Readonly<Counts> = { live: 1, retry: 2, replay: 8 }

/**
 * Holds deliveries until their turn.
 *
 *     reserve ─▶ push ─▶ lane's queue ─┬─▶ run ─▶ finished ─▶ room again
 *                        other lanes ──┘   lanes with something to send and room to send it take turns
 *
 * The turns are deficit round robin: a lane with a thousand waiting gets as many as a lane with one, large payloads cost
 * several, and what is less urgent costs more. The health of an endpoint keeps it fair when one hangs: after its first
 * time-outs it has one attempt under way, not hundreds.
 */
export class Lanes {
  readonly #limits: LaneLimits
  readonly #run: (deliveries: readonly ClaimedDelivery[]) => void
  readonly #clock: () => number
  readonly #company: LaneCompany
  readonly #lanes = new Map<string, Lane>()
  readonly #paces = new Paces()
  /** Health of endpoints whose lane is empty. */
  readonly #remembered: RememberedHealth
  /** Lanes that could send now, in the order of their turns. */
  readonly #ready = new Set<Lane>()
  #heldBytes = 0
  #inFlight = 0
  #isStopped = false

  /**
   * @param run - Starts an attempt: of one delivery, or of several that go in one request. Its end is told with
   *   {@link Lanes.finished}.
   * @param clock - Epoch milliseconds.
   */
  constructor(
    limits: LaneLimits,
    run: (deliveries: readonly ClaimedDelivery[]) => void,
    clock: () => number,
    company: LaneCompany = ALONE,
  ) {
    this.#company = company
    this.#limits = limits
    this.#run = run
    this.#clock = clock
    this.#remembered = new RememberedHealth(limits.initialInFlightPerLane, clock)
  }

  /** Deliveries held, and attempts under way. */
  get load(): { readonly held: number; readonly inFlight: number } {
    let held = 0
    for (const lane of this.#lanes.values()) held += lane.held
    return { held, inFlight: this.#inFlight }
  }

  /**
   * Promises room for one new delivery. `false` where there is none, where all that the endpoint is sent is claimed (see
   * {@link Lanes.isClaimed}), or where older ones wait in the store, which are to go first; the caller leaves the delivery to
   * the store and says so with {@link Lanes.leave}.
   */
  reserve(endpointId: string, bytes: number): boolean {
    const lane = this.#laneOf(endpointId)
    if (this.#isStopped || this.isClaimed(lane.policy) || lane.backlog.live > 0) return false
    if (lane.held >= this.#limits.maxHeldPerLane) return false
    if (lane.held > 0 && this.#heldBytes + bytes > this.#limits.maxHeldBytes) return false
    this.#hold(lane, 'live', bytes)
    return true
  }

  /** Tells whether all is claimed that an endpoint is sent: of a line, and of what one node of several has to pace. */
  isClaimed(policy: LanePolicy): boolean {
    return policy.isOrdered || (this.#company.isShared && pacedBy(policy) !== undefined)
  }

  /** Takes a promise back: the delivery was not accepted. */
  cancel(endpointId: string, bytes: number): void {
    const lane = this.#lanes.get(endpointId)!
    this.#letGo(lane, 'live', bytes)
    this.#dropIfIdle(lane)
  }

  /** Says that a new delivery of the endpoint was left to the store. */
  leave(endpointId: string): void {
    this.#laneOf(endpointId).backlog.live += 1
  }

  /** How many deliveries of each priority that wait in the store may be claimed for the endpoint now; `null` for none. */
  room(endpointId: string): Counts | null {
    if (this.#isStopped) return null
    const lane = this.#lanes.get(endpointId)
    const { maxHeldPerLane, maxHeldBytes } = this.#limits
    if (lane !== undefined && lane.held > 0 && this.#heldBytes >= maxHeldBytes) return null
    // A line goes on only when all that was taken of it is over: what fails goes before the rest again.
    if (lane?.policy.isOrdered === true) {
      return lane.held > 0 ? null : { live: this.#limits.maxHeldInOrder, retry: 0, replay: 0 }
    }
    const all = maxHeldPerLane - (lane?.held ?? 0)
    const roomOf = (priority: Priority) =>
      Math.max(0, Math.min(all, SHARES[priority] * maxHeldPerLane - (lane?.heldOf[priority] ?? 0)))
    const room = { live: roomOf('live'), retry: roomOf('retry'), replay: roomOf('replay') }
    return PRIORITIES.some((priority) => room[priority] > 0) ? room : null
  }

  /**
   * Sets how deliveries to the endpoint may start, from now on. The same object again costs nothing.
   *
   * @returns What was queued before the endpoint became ordered, or ceased to be, or another node may have to pace it: it is
   *   taken out, to be claimed anew.
   */
  setPolicy(endpointId: string, policy: LanePolicy): ClaimedDelivery[] {
    const lane = this.#laneOf(endpointId)
    if (lane.policy === policy) return []
    const hasNewOrder =
      lane.policy !== OPEN_POLICY &&
      (lane.policy.isOrdered !== policy.isOrdered ||
        (this.#company.isShared && pacedBy(lane.policy) !== pacedBy(policy)))
    lane.policy = policy
    lane.health.url ??= policy.url
    if (lane.health.url !== policy.url) {
      lane.health = new Health(this.#limits.initialInFlightPerLane)
      lane.health.url = policy.url
    }
    const { applicationId, perSecond, applicationPerSecond } = policy
    const now = this.#clock()
    const paces: Pace[] = []
    if (perSecond !== null) paces.push(this.#paces.of(endpointId, perSecond, now))
    if (applicationPerSecond !== null) paces.push(this.#paces.of(applicationId, applicationPerSecond, now))
    if (paces.length !== lane.paces.length || paces.some((pace) => !lane.paces.includes(pace))) {
      lane.startAt = null
    }
    lane.paces = paces.length === 0 ? UNLIMITED : paces
    if (hasNewOrder) return this.clear(endpointId)
    // It may sleep until an instant that counts no more.
    if (lane.timer !== null) this.#stir(lane)
    return []
  }

  /**
   * Returns the endpoints whose deliveries wait for an instant, by application: of one, or of all with `null`. They would hear of
   * another policy only then.
   */
  sleeping(applicationId: string | null): Map<string, string[]> {
    const found = new Map<string, string[]>()
    for (const { timer, policy, endpointId } of this.#lanes.values()) {
      if (timer === null || (applicationId !== null && policy.applicationId !== applicationId)) continue
      const others = found.get(policy.applicationId)
      if (others === undefined) found.set(policy.applicationId, [endpointId])
      else others.push(endpointId)
    }
    return found
  }

  /** Queues a delivery for which room was promised. */
  push(delivery: ClaimedDelivery): void {
    const lane = this.#lanes.get(delivery.endpointId)!
    this.#enqueue(lane, delivery)
    this.#turn(lane)
  }

  /**
   * Queues deliveries that were claimed from the store.
   *
   * @param claim.backlog - What {@link Lanes.backlogOf} was when the claim was made.
   * @param claim.isAll - By priority, whether the claim got all that was due.
   */
  pushClaimed(
    endpointId: string,
    deliveries: readonly ClaimedDelivery[],
    claim: { readonly backlog: Readonly<Counts>; readonly isAll: Readonly<Record<Priority, boolean>> },
  ): void {
    const lane = this.#laneOf(endpointId)
    for (const priority of PRIORITIES) {
      // What was left to the store while the claim ran may not be in it: then some are known to wait still.
      if (claim.isAll[priority] && lane.backlog[priority] === claim.backlog[priority])
        lane.backlog[priority] = 0
      else lane.backlog[priority] = Math.max(1, lane.backlog[priority])
    }
    for (const delivery of deliveries) {
      this.#hold(lane, delivery.priority, delivery.message.payload.byteLength)
      this.#enqueue(lane, delivery)
    }
    this.#turn(lane)
    this.#dropIfIdle(lane)
  }

  /** Returns the counts of deliveries left to the store: more than 0 where some are known to wait there. */
  backlogOf(endpointId: string): Counts {
    return { ...(this.#lanes.get(endpointId)?.backlog ?? { live: 0, retry: 0, replay: 0 }) }
  }

  /**
   * Says that an attempt is over, and what it told of the endpoint; `null` where none was made.
   *
   * @returns Whether the lane runs low while more waits in the store: then it is time to claim.
   */
  finished(deliveries: readonly ClaimedDelivery[], signal: Signal | null): boolean {
    const lane = this.#lanes.get(deliveries[0]!.endpointId)!
    lane.inFlight -= 1
    this.#inFlight -= 1
    for (const { priority, message } of deliveries) this.#letGo(lane, priority, message.payload.byteLength)
    if (signal !== null) this.#learn(lane, signal)
    this.#turn(lane)
    this.#dropIfIdle(lane)
    return this.#isLow(lane)
  }

  /** Returns until when the endpoint's breaker is open, epoch ms, after which one attempt probes it; `null` where it is closed. */
  breakerOf(endpointId: string): number | null {
    const health = this.#lanes.get(endpointId)?.health ?? this.#remembered.peek(endpointId)
    return health?.openUntil ?? null
  }

  /** Leaves an endpoint alone until an instant, or no more, as another node has found. */
  hearBreaker(endpointId: string, openUntil: number | null): void {
    const lane = this.#lanes.get(endpointId)
    if (lane !== undefined) {
      lane.health.hear(openUntil)
      return this.#stir(lane)
    }
    const health = this.#remembered.take(endpointId)
    health.hear(openUntil)
    this.#remembered.keep(endpointId, health)
  }

  /** Forgets all that is queued: another node has it now. What was promised or is under way ends as usual. */
  drop(): void {
    for (const endpointId of this.#lanes.keys()) this.clear(endpointId)
  }

  /** Takes what is queued for an endpoint out again, unattempted. */
  clear(endpointId: string): ClaimedDelivery[] {
    const lane = this.#lanes.get(endpointId)
    if (lane === undefined) return []
    const cleared = lane.queue.clear()
    if (lane.timer !== null) clearTimeout(lane.timer)
    lane.timer = null
    for (const { priority, message } of cleared) this.#letGo(lane, priority, message.payload.byteLength)
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
      lane = new Lane(endpointId, this.#remembered.take(endpointId))
      this.#lanes.set(endpointId, lane)
    }
    return lane
  }

  #hold(lane: Lane, priority: Priority, bytes: number): void {
    lane.held += 1
    lane.heldOf[priority] += 1
    this.#heldBytes += bytes
  }

  #letGo(lane: Lane, priority: Priority, bytes: number): void {
    lane.held -= 1
    lane.heldOf[priority] -= 1
    this.#heldBytes -= bytes
  }

  #enqueue(lane: Lane, delivery: ClaimedDelivery): void {
    if (lane.queue.length === 0) lane.gatheringSince = this.#clock()
    lane.queue.push(delivery, lane.policy.isOrdered ? 'live' : delivery.priority)
    if (lane.timer !== null && this.#hasFullBatch(lane)) {
      clearTimeout(lane.timer)
      lane.timer = null
    }
  }

  /** Tells whether a batch has all that it may have, or all that can come before it goes. */
  #hasFullBatch({ policy: { batch, isOrdered }, queue, held, heldOf }: Lane): boolean {
    if (batch === null) return false
    if (queue.length >= batch.maxEvents || queue.bytes >= MAX_BATCH_BYTES || queue.isNextAlone) return true
    const { maxHeldInOrder, maxHeldPerLane, maxHeldBytes } = this.#limits
    if (isOrdered) return queue.length >= maxHeldInOrder
    if (held >= maxHeldPerLane || this.#heldBytes >= maxHeldBytes) return true
    return PRIORITIES.some((priority) => heldOf[priority] >= SHARES[priority] * maxHeldPerLane)
  }

  /** Wakes a lane from its sleep, to see whether it may start now. */
  #stir(lane: Lane): void {
    if (lane.timer !== null) clearTimeout(lane.timer)
    lane.timer = null
    this.#turn(lane)
  }

  #isLow(lane: Lane): boolean {
    if (lane.policy.isOrdered)
      return lane.held === 0 && PRIORITIES.some((priority) => lane.backlog[priority] > 0)
    return PRIORITIES.some(
      (priority) =>
        lane.backlog[priority] > 0 &&
        lane.heldOf[priority] <= (SHARES[priority] * this.#limits.maxHeldPerLane) / 2,
    )
  }

  #learn(lane: Lane, signal: Signal): void {
    const before = lane.health.openUntil
    lane.health.note(signal, this.#boundsOf(lane), this.#clock())
    const { openUntil } = lane.health
    if (openUntil !== before) this.#company.tellBreaker(lane.endpointId, openUntil)
  }

  #boundsOf({ policy }: Lane): Concurrency {
    return policy.concurrency ?? this.#limits.concurrency
  }

  /** Lets the lane wait for its turn if it can use one, then gives out turns. */
  #turn(lane: Lane): void {
    if (this.#couldSend(lane)) this.#ready.add(lane)
    while (!this.#isStopped && this.#inFlight < this.#limits.maxInFlight) {
      const next = this.#ready.values().next()
      if (next.done === true) return
      this.#serve(next.value)
    }
  }

  /** One turn of a lane. What it cannot pay for yet it saves for, at the end of the line. */
  #serve(lane: Lane): void {
    this.#ready.delete(lane)
    lane.credit += QUANTUM
    while (this.#couldSend(lane)) {
      const { priority, message } = lane.queue.next
      const cost = PRICES[priority] * Math.max(QUANTUM, message.payload.byteLength)
      if (cost > lane.credit || this.#inFlight >= this.#limits.maxInFlight) {
        this.#ready.add(lane)
        return
      }
      if (!this.#isItsTime(lane)) break
      lane.credit -= cost
      this.#start(lane)
    }
    lane.credit = 0
  }

  #start(lane: Lane): void {
    const { batch } = lane.policy
    const deliveries = batch === null ? lane.queue.take(1) : lane.queue.take(batch.maxEvents, MAX_BATCH_BYTES)
    lane.gatheringSince = this.#clock()
    lane.startAt = null
    lane.inFlight += 1
    this.#inFlight += 1
    this.#run(deliveries)
  }

  #couldSend(lane: Lane): boolean {
    if (lane.queue.length === 0 || lane.timer !== null) return false
    return lane.inFlight < (lane.policy.isOrdered ? 1 : lane.health.capacity(this.#boundsOf(lane)))
  }

  /** Tells whether the lane may start now; puts it to sleep until it may. */
  #isItsTime(lane: Lane): boolean {
    const { batch } = lane.policy
    if (lane.paces.length === 0 && lane.health.notBefore === 0 && batch === null) return true
    const now = this.#clock()
    let at = lane.health.notBefore
    if (batch !== null && !this.#hasFullBatch(lane)) {
      at = Math.max(at, lane.gatheringSince + batch.maxWaitMs)
    }
    // An instant is taken only by who could use it, so that others get theirs.
    if (isTime(at, now) && lane.paces.length > 0) {
      lane.startAt ??= Math.max(...lane.paces.map((pace) => pace.take(now)))
      at = Math.max(at, lane.startAt)
    }
    if (isTime(at, now)) return true
    lane.timer ??= setTimeout(() => {
      lane.timer = null
      this.#turn(lane)
    }, at - now)
    return false
  }

  /** A lane is kept while it works; an idle one would be a leak, one for every endpoint ever seen. */
  #dropIfIdle(lane: Lane): void {
    if (lane.held > 0 || PRIORITIES.some((priority) => lane.backlog[priority] > 0)) return
    this.#lanes.delete(lane.endpointId)
    this.#remembered.keep(lane.endpointId, lane.health)
  }
}
