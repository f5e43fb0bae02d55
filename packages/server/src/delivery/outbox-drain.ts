/** Drains the outbox: what applications have committed with their own data becomes messages. @module */

import { wantsMessage } from '../domain/endpoint.ts'
import { ValidationError } from '../domain/errors.ts'
import type { Message } from '../domain/message.ts'
import type { AcceptRequest } from '../storage/port/accepts.ts'
import type { Outbox, OutboxRefusal, OutboxRow } from '../storage/port/outbox.ts'
import type { EngineLog } from './engine.ts'
import type { RoutingTable } from './routing.ts'

/**
 * Looks at an outbox in which something was found: the next is soon, because most calls of `send` tell nobody. Each that
 * finds nothing doubles the wait, up to the longest. Milliseconds.
 */
const SHORTEST_WAIT_MS = 10
const LONGEST_WAIT_MS = 500

/** Wait after a fault, in milliseconds. */
const FAULT_WAIT_MS = 1_000

/** What an {@link OutboxDrain} is made of. */
export interface OutboxDrainDeps {
  readonly outbox: Outbox
  readonly routes: Pick<RoutingTable, 'endpointsOf'>
  /** Refuses what breaks the discipline of event types; `null` where there is none. @throws {ValidationError} */
  readonly checkEvent:
    | ((
        organisationId: string,
        event: { eventType: string; payload: unknown; transformationsParams: { rawPayload: string } },
      ) => Promise<void>)
    | null
  /** Sees that what was accepted goes out. */
  readonly pickUp: (accepted: readonly AcceptRequest[]) => void
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly log: EngineLog
}

/**
 * Drains from start to stop, beside the drains of other nodes.
 *
 *     send ─NOTIFY─▶ step ─▶ step ─▶ … nothing left ─▶ wait 10 ms, 20 ms, … 500 ms ─▶ step
 */
export class OutboxDrain {
  readonly #deps: OutboxDrainDeps
  #timer: NodeJS.Timeout | null = null
  #round: Promise<void> | null = null
  #isWoken = false
  #isStopped = true
  #waitMs = SHORTEST_WAIT_MS

  constructor(deps: OutboxDrainDeps) {
    this.#deps = deps
    deps.outbox.onSend(() => this.#wake())
  }

  start(): void {
    this.#isStopped = false
    this.#wake()
  }

  /** Finishes the step under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#round
  }

  #wake(): void {
    this.#isWoken = true
    if (this.#isStopped || this.#round !== null) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#round = this.#drain()
      .then((taken) => (taken > 0 ? SHORTEST_WAIT_MS : Math.min(2 * this.#waitMs, LONGEST_WAIT_MS)))
      .catch((error: unknown) => {
        this.#deps.log.error({ err: error }, 'the outbox could not be drained')
        return FAULT_WAIT_MS
      })
      .then((waitMs) => {
        this.#round = null
        if (this.#isStopped) return
        this.#waitMs = waitMs
        // Told while it looked: what it was told of may have come after.
        if (this.#isWoken && waitMs !== FAULT_WAIT_MS) this.#wake()
        else this.#timer = setTimeout(() => this.#wake(), waitMs)
      })
  }

  /** Takes what waits, round and round the applications; returns how much that was. */
  async #drain(): Promise<number> {
    let taken = 0
    this.#isWoken = false
    for (let after = '', isRoundEmpty = true; !this.#isStopped;) {
      const { accepted, refused, next } = await this.#deps.outbox.drain(after, (row) => this.#decide(row))
      const now = this.#deps.clock()
      this.#deps.pickUp(accepted.filter(({ dueAt }) => dueAt <= now))
      for (const refusal of refused) this.#deps.log.warn(refusal, 'a message of the outbox was refused')
      taken += accepted.length + refused.length
      if (next === null && isRoundEmpty) break
      isRoundEmpty = next === null
      after = next ?? ''
    }
    return taken
  }

  async #decide(row: OutboxRow): Promise<AcceptRequest | OutboxRefusal> {
    const { organisationId, ...sent } = row
    if (organisationId === null) {
      return { code: 'not_found', reason: `There is no application ${row.applicationId} any more` }
    }
    const refusal = await this.#check(organisationId, row)
    if (refusal !== null) return refusal
    // It is accepted now, and what its application's endpoints are now is what counts.
    const createdAt = this.#deps.clock()
    const deliverAt = row.deliverAt !== null && row.deliverAt > createdAt ? row.deliverAt : null
    const message: Message = { ...sent, deliverAt, createdAt, expiresAt: null, expungedAt: null }
    const endpoints = await this.#deps.routes.endpointsOf(row.applicationId)
    const deliveries = endpoints
      .filter((endpoint) => wantsMessage(endpoint, message))
      .map(({ id, settings }) => ({ endpointId: id, lease: null, isOrdered: settings.ordering === 'fifo' }))
    return { message, deliveries, dueAt: deliverAt ?? createdAt }
  }

  async #check(organisationId: string, { eventType, payload }: OutboxRow): Promise<OutboxRefusal | null> {
    const { checkEvent } = this.#deps
    if (checkEvent === null) return null
    try {
      // As text: one of another content type need not be JSON, and is refused only where the type has a schema.
      const rawPayload = new TextDecoder().decode(payload)
      await checkEvent(organisationId, { eventType, payload: {}, transformationsParams: { rawPayload } })
      return null
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error
      const faults = error.faults.map(({ loc, msg }) => `${loc.slice(1).join('.')}: ${msg}`)
      return {
        code: error.code,
        reason: faults.join('; ').replaceAll('transformationsParams.rawPayload', 'payload'),
      }
    }
  }
}
