/** Gives deliveries that a node holds back to the store. @module */

import { setTimeout as setTimeoutPromise } from 'node:timers/promises'

import type { DeliveryKey } from '../storage/port/deliveries.ts'
import type { Lease } from '../storage/port/nodes.ts'
import type { ClaimedDelivery } from '../storage/port/queue.ts'
import type { Store } from '../storage/store.ts'

/** Wait before what could not be written is tried to be written again, in milliseconds. */
export const RETRY_MS = 1_000

/** Deliveries given back in one statement. */
const RELEASE = 1_000

/** What {@link Returns} are made of. */
export interface ReturnsDeps {
  readonly store: Pick<Store, 'releaseDeliveries'>
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly log: { error(fields: object, text: string): void }
  /** Looks after work that nobody waits for. */
  readonly track: (work: Promise<void>) => void
}

/** What goes back: nobody but this node frees what it holds. */
export class Returns {
  readonly #deps: ReturnsDeps
  /** What may be held by this node without its knowing, by the lease. */
  readonly #doubtful = new Map<Lease, DeliveryKey[]>()
  #isEnding = false

  constructor(deps: ReturnsDeps) {
    this.#deps = deps
  }

  /** From now on what fails is not tried again. */
  endRetries(): void {
    this.#isEnding = true
  }

  /** Gives held deliveries back to the store, unattempted, for as long as it takes: nobody else frees what this node holds. */
  async giveBack(deliveries: readonly DeliveryKey[], lease: Lease): Promise<void> {
    const { store, clock, log } = this.#deps
    for (let at = 0; at < deliveries.length;) {
      try {
        await store.releaseDeliveries(lease, deliveries.slice(at, at + RELEASE), clock())
        at += RELEASE
      } catch (error) {
        log.error({ err: error }, 'deliveries could not be given back yet')
        if (this.#isEnding) throw error
        await setTimeoutPromise(RETRY_MS)
      }
    }
  }

  /**
   * Notes what may be on disk although its sender was told that it is not: the connection was lost in between. It would be
   * held by this node, which does not know of it.
   */
  doubt(deliveries: readonly DeliveryKey[], lease: Lease): void {
    const known = this.#doubtful.get(lease)
    if (known !== undefined) return void known.push(...deliveries)
    this.#doubtful.set(lease, [...deliveries])
    // Those that fail in the same moment go together.
    const settle = async () => {
      await setTimeoutPromise(RETRY_MS)
      const all = this.#doubtful.get(lease)!
      this.#doubtful.delete(lease)
      await this.giveBack(all, lease)
    }
    this.#deps.track(settle())
  }
}

/** Returns the name of a delivery that is held. */
export function keyOf({ message, endpointId }: ClaimedDelivery): DeliveryKey {
  return { applicationId: message.applicationId, messageId: message.id, endpointId }
}
