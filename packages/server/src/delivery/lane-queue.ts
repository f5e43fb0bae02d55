/** What waits in a lane, by priority. No I/O. @module */

import { PRIORITIES, type Priority } from '../domain/delivery.ts'
import type { ClaimedDelivery } from '../storage/port/queue.ts'

/** How often a priority lets more urgent ones go first before it has a turn itself. */
const PATIENCE: Readonly<Record<Priority, number>> = { live: 0, retry: 3, replay: 12 }

/**
 * Attempts after which a delivery is no longer put into one request with others: one event that an endpoint cannot take
 * would fail all that go with it, again and again.
 */
const ALONE_AFTER = 3

/** Gives out the most urgent first, and lets none starve: a retry waits for 3 others at most, a replay for 12. */
export class LaneQueue {
  readonly #waiting: Readonly<Record<Priority, ClaimedDelivery[]>> = { live: [], retry: [], replay: [] }
  readonly #passedOver: Record<Priority, number> = { live: 0, retry: 0, replay: 0 }
  #length = 0
  #bytes = 0

  get length(): number {
    return this.#length
  }

  /** Bytes of payload in it. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param priority - Its own, unless the lane keeps everything in one line. */
  push(delivery: ClaimedDelivery, priority: Priority = delivery.priority): void {
    this.#waiting[priority].push(delivery)
    this.#length += 1
    this.#bytes += delivery.message.payload.byteLength
  }

  /** The next to go; there is one. */
  get next(): ClaimedDelivery {
    return this.#waiting[this.#nextPriority()][0]!
  }

  /** Whether the next goes alone, so that there is no company to wait for; there is one. */
  get isNextAlone(): boolean {
    return this.next.attempts >= ALONE_AFTER
  }

  /**
   * Takes the next, and up to `atMost - 1` that may go with it in one request.
   *
   * @param maxBytes - Of their payloads together; one that has more goes alone.
   */
  take(atMost: number, maxBytes = Infinity): ClaimedDelivery[] {
    const first = this.#shift()
    const taken = [first]
    if (first.attempts >= ALONE_AFTER) return taken
    let bytes = first.message.payload.byteLength
    while (taken.length < atMost && this.#length > 0) {
      const { attempts, message } = this.next
      bytes += message.payload.byteLength
      if (attempts >= ALONE_AFTER || bytes > maxBytes) break
      taken.push(this.#shift())
    }
    return taken
  }

  /** Takes all. */
  clear(): ClaimedDelivery[] {
    this.#length = 0
    this.#bytes = 0
    return PRIORITIES.flatMap((priority) => this.#waiting[priority].splice(0))
  }

  #shift(): ClaimedDelivery {
    const chosen = this.#nextPriority()
    for (const priority of PRIORITIES) {
      if (priority === chosen || this.#waiting[priority].length === 0) this.#passedOver[priority] = 0
      else this.#passedOver[priority] += 1
    }
    this.#length -= 1
    const shifted = this.#waiting[chosen].shift()!
    this.#bytes -= shifted.message.payload.byteLength
    return shifted
  }

  #nextPriority(): Priority {
    const there = PRIORITIES.filter((priority) => this.#waiting[priority].length > 0)
    // The least urgent first among the impatient: it has waited for the most.
    return (
      there.findLast((priority) => priority !== 'live' && this.#passedOver[priority] >= PATIENCE[priority]) ??
      there[0]!
    )
  }
}
