/** A pace: so many starts a second, evenly spread. @module */

/**
 * How far before its instant a start may go, in milliseconds. A timer wakes on whole milliseconds, so a pace of
 * thousands a second would lose time without it.
 */
const SLACK_MS = 2

/**
 * Gives out instants, `perSecond` of them to a second and one interval apart: no burst, also not after a pause or at
 * the turn of a second. Whoever shares the pace gets its instants in the order of asking, so that nobody has to try
 * again and again.
 */
export class Pace {
  readonly perSecond: number
  readonly #intervalMs: number
  #nextAt = 0

  /** @param perSecond - More than 0. */
  constructor(perSecond: number) {
    this.perSecond = perSecond
    this.#intervalMs = 1_000 / perSecond
  }

  /** Tells whether it gives out `now` at once: forgetting it then loses nothing. */
  isRested(now: number): boolean {
    return this.#nextAt <= now
  }

  /** Takes the next instant that is free, at `now` (epoch ms) or later, and returns it. */
  take(now: number): number {
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + this.#intervalMs
    return at
  }
}

/** Tells whether what may start at `at` may start at `now`. */
export function isTime(at: number, now: number): boolean {
  return at <= now + SLACK_MS
}

/** Paces kept before those that have rested are looked for. */
const SWEEP_AT = 1_024

/** The paces in use, by the id of what they limit. One that has rested is forgotten: a new one would be the same. */
export class Paces {
  readonly #paces = new Map<string, Pace>()
  #sweepAt = SWEEP_AT

  /** Returns the pace of an endpoint or application, a new one where its number has changed. */
  of(id: string, perSecond: number, now: number): Pace {
    const known = this.#paces.get(id)
    if (known?.perSecond === perSecond) return known
    if (this.#paces.size >= this.#sweepAt) this.#sweep(now)
    const pace = new Pace(perSecond)
    this.#paces.set(id, pace)
    return pace
  }

  #sweep(now: number): void {
    for (const [id, pace] of this.#paces) if (pace.isRested(now)) this.#paces.delete(id)
    // Twice what is in use, so that sweeping costs each pace a constant share.
    this.#sweepAt = Math.max(SWEEP_AT, 2 * this.#paces.size)
  }
}
