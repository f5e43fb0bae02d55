/** Claims what is due in the store, as far as the lanes have room. @module */

import type { Priority } from '../domain/delivery.ts'
import type { DeliveryKey } from '../storage/port/deliveries.ts'
import type { Lease } from '../storage/port/nodes.ts'
import type { ClaimedDelivery, WaitingEndpoint } from '../storage/port/queue.ts'
import type { Store } from '../storage/store.ts'
import { type Counts, pacedBy } from './lane.ts'
import type { Lanes } from './lanes.ts'
import { keyOf } from './returns.ts'
import type { Routes, RoutingTable } from './routing.ts'

/** How often the store is asked what is due, in milliseconds, when nothing is known to be due sooner. */
const POLL_MS = 1_000

/** Deliveries taken in one claim, and bytes of payload. Small, so that a claim does not hold up the commit it shares. */
const CLAIM = 200
const CLAIM_BYTES = 8 * 1_048_576

/** Endpoints looked at in one step of a poll. */
const POLL_PAGE = 100

/** Deliveries of a deleted endpoint canceled in one step of a poll. */
const CANCEL_PAGE = 1_000

/** Least time from one poll to one that another node's word sets off, in milliseconds. */
const WORD_POLL_MS = 50

/** What {@link Claiming} is made of. */
export interface ClaimingDeps {
  readonly store: Pick<Store, 'findWaitingEndpoints' | 'cancelDeliveries' | 'claimDeliveries'>
  readonly routes: RoutingTable
  readonly lanes: Lanes
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly log: { error(fields: object, text: string): void }
  /** The lease of this node; `null` while it has none, and then nothing is claimed. */
  readonly lease: () => Lease | null
  /** Tells the endpoint's lane how it is to send. */
  readonly setPolicy: (endpointId: string, routes: Routes) => void
  /** Gives back what was claimed under a lease and is not wanted any more. */
  readonly giveBack: (deliveries: readonly DeliveryKey[], lease: Lease) => Promise<void>
}

/**
 * Polls the store, and refills one lane where that is asked for.
 *
 *     wakeAt(T) ─▶ timer ─▶ poll: each endpoint for which something is due ─▶ refill: claim ─▶ lane
 *        ▲                   └─ when the next is due, or POLL_MS later ─┐            ▲
 *        └──────────────────────────────────────────────────────────────┘    a lane that runs low
 */
export class Claiming {
  readonly #deps: ClaimingDeps
  #isStopped = false
  #timer: NodeJS.Timeout | null = null
  #nextPollAt = Infinity
  #polledAt = 0
  #poll: Promise<void> | null = null
  /** Endpoints that are being refilled, so that one is not claimed for twice at once. */
  readonly #refilling = new Set<string>()

  constructor(deps: ClaimingDeps) {
    this.#deps = deps
  }

  /** Claims nothing more. Resolves when the poll under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#poll
  }

  /** Polls soon: another node may have left something due. */
  hearDue(): void {
    this.wakeAt(Math.max(this.#deps.clock(), this.#polledAt + WORD_POLL_MS))
  }

  /** Looks for what is due at this instant, epoch ms, or sooner. */
  wakeAt(at: number): void {
    if (this.#isStopped || this.#deps.lease() === null || at >= this.#nextPollAt) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#nextPollAt = at
    // A timer counts in 32 bits; whatever is further off than a poll is found by the polls before it.
    const waitMs = Math.min(Math.max(0, at - this.#deps.clock()), POLL_MS)
    this.#timer = setTimeout(() => this.#startPoll(), waitMs)
  }

  #startPoll(): void {
    this.#timer = null
    this.#nextPollAt = Infinity
    if (this.#poll !== null || this.#isStopped) return
    this.#polledAt = this.#deps.clock()
    this.#poll = this.#claimWhatIsDue()
      .catch((error: unknown) => {
        this.#deps.log.error({ err: error }, 'the store could not be asked what is due')
        return this.#deps.clock() + POLL_MS
      })
      .then((nextAt) => {
        this.#poll = null
        this.wakeAt(Math.min(nextAt, this.#deps.clock() + POLL_MS))
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
            if (dueAt <= this.#deps.clock()) await this.refill(applicationId, endpointId)
            else nextAt = Math.min(nextAt, dueAt)
          }
        }),
      )
      after = waiting.length === POLL_PAGE ? waiting.at(-1)! : null
    } while (after !== null && !this.#isStopped)
    return nextAt
  }

  /** Claims for one endpoint what is due, as far as its lane has room. Does nothing while a claim for it runs. */
  async refill(applicationId: string, endpointId: string): Promise<void> {
    const lease = this.#deps.lease()
    if (lease === null || this.#isStopped || this.#refilling.has(endpointId)) return
    this.#refilling.add(endpointId)
    try {
      // Before the claim: a fault after it would leave deliveries held and forgotten.
      const routes = await this.#deps.routes.routesOf(applicationId)
      this.#deps.setPolicy(endpointId, routes)
      const limits = this.#claimLimits(endpointId)
      if (limits === null) return
      const backlog = this.#deps.lanes.backlogOf(endpointId)
      const policy = routes.get(endpointId)?.lane
      const now = this.#deps.clock()
      const claimed = await this.#deps.store.claimDeliveries({
        lease,
        applicationId,
        endpointId,
        limits,
        isOrdered: policy?.isOrdered ?? false,
        pacedBy: policy === undefined ? undefined : pacedBy(policy),
        maxBytes: CLAIM_BYTES,
        now,
      })
      if (this.#isStopped || lease !== this.#deps.lease()) {
        return await this.#deps.giveBack(claimed.map(keyOf), lease)
      }
      this.#deps.lanes.pushClaimed(endpointId, claimed, { backlog, isAll: completeness(claimed, limits) })
    } finally {
      this.#refilling.delete(endpointId)
    }
  }

  /** How many of each priority one claim may take; `null` for none. */
  #claimLimits(endpointId: string): Counts | null {
    const room = this.#deps.lanes.room(endpointId)
    if (room === null) return null
    const limitOf = (priority: Priority) => Math.min(Math.floor(room[priority]), CLAIM)
    return { live: limitOf('live'), retry: limitOf('retry'), replay: limitOf('replay') }
  }
}

/** Tells, by priority, whether a claim got all that was due. */
function completeness(
  claimed: readonly ClaimedDelivery[],
  limits: Readonly<Counts>,
): Record<Priority, boolean> {
  // Cut short by its bytes, a claim has less than its limits and more behind it: then it is asked again.
  const bytes = claimed.reduce((sum, { message }) => sum + message.payload.byteLength, 0)
  const isCut = bytes >= CLAIM_BYTES / 2
  const isAll = (priority: Priority) =>
    !isCut && claimed.filter((delivery) => delivery.priority === priority).length < limits[priority]
  return { live: isAll('live'), retry: isAll('retry'), replay: isAll('replay') }
}
