/** What is known of endpoints that nothing is sent to just now. No I/O. @module */

import { Health } from './health.ts'

/** Endpoints of which it is remembered that they were not well when their lane was last empty. */
const MAX_REMEMBERED = 10_000

/** Health of endpoints whose lane is empty, as far as it is worth remembering; the longest forgotten goes first. */
export class RememberedHealth {
  readonly #initialWindow: number
  readonly #clock: () => number
  readonly #remembered = new Map<string, Health>()

  /**
   * @param initialWindow - How many attempts may be under way to an endpoint of which nothing is known.
   * @param clock - Epoch milliseconds.
   */
  constructor(initialWindow: number, clock: () => number) {
    this.#initialWindow = initialWindow
    this.#clock = clock
  }

  /** Returns what is known of an endpoint, if anything. */
  peek(endpointId: string): Health | undefined {
    return this.#remembered.get(endpointId)
  }

  /** Returns what is known of an endpoint, and forgets it: the caller has it now. */
  take(endpointId: string): Health {
    const known = this.#remembered.get(endpointId)
    this.#remembered.delete(endpointId)
    return known ?? new Health(this.#initialWindow)
  }

  /** Remembers an endpoint's health, unless it is as that of one of which nothing is known. */
  keep(endpointId: string, health: Health): void {
    this.#remembered.delete(endpointId)
    if (health.isAsNew(this.#initialWindow, this.#clock())) return
    this.#remembered.set(endpointId, health)
    if (this.#remembered.size > MAX_REMEMBERED) {
      this.#remembered.delete(this.#remembered.keys().next().value!)
    }
  }
}
