/** How far the database's clock is ahead of this machine's. Pure. @module */

/** Samples among which the best one counts. */
const KEPT = 10

/** One look at the other clock: epoch milliseconds. */
export interface ClockSample {
  readonly askedAt: number
  readonly answeredAt: number
  /** What the other clock showed in between. */
  readonly theirs: number
}

/** Estimates an offset from round trips: the shortest of the latest ones says it best. Source: RFC 5905, section 8. */
export class ClockOffset {
  #samples: { readonly tookMs: number; readonly offsetMs: number }[] = []

  add({ askedAt, answeredAt, theirs }: ClockSample): void {
    const tookMs = answeredAt - askedAt
    this.#samples = [...this.#samples, { tookMs, offsetMs: theirs - (askedAt + tookMs / 2) }].slice(-KEPT)
  }

  /** What to add to this machine's clock to have the database's: milliseconds; 0 before the first sample. */
  get ms(): number {
    const [first, ...rest] = this.#samples
    if (first === undefined) return 0
    return rest.reduce((best, sample) => (sample.tookMs < best.tookMs ? sample : best), first).offsetMs
  }
}
