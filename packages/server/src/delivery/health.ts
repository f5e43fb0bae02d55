/** What attempts have taught of an endpoint: how many it bears at once, and whether it is worth trying now. No I/O. @module */

import type { Concurrency } from '../domain/endpoint-settings.ts'

/** What an attempt told of its endpoint. */
export type Signal =
  | { readonly kind: 'answered'; readonly tookMs: number }
  /** It answered that it has too much to do: 429, 502, 503 or 504, and perhaps for how long. */
  | { readonly kind: 'throttled'; readonly pauseMs: number }
  /** It did not answer: no connection, or a time-out. */
  | { readonly kind: 'stalled' }

/** Stalls in a row after which the breaker opens. */
export const STALLS_TO_OPEN = 10
/** How long it is open at first; each probe that stalls doubles it, up to {@link MAX_OPEN_MS}. */
const FIRST_OPEN_MS = 1_000
/** The longest that a dead endpoint is left alone, and so the longest that one which is back waits: half a minute. */
export const MAX_OPEN_MS = 30_000
/** The longest that a `Retry-After` holds up an endpoint's other deliveries; the one that got it may wait longer. */
const MAX_PAUSE_MS = 60_000

/** An answer is slow when it takes this much of the best, and this long more: then more at once would not help. */
const SLOW_FACTOR = 2
const SLOW_MS = 50
/** By how much of the difference each answer lets the best get worse, so that it follows an endpoint that has changed. */
const DRIFT = 0.01

/**
 * Adapts to one endpoint.
 *
 *     closed ──10 stalls in a row──▶ open ──its time──▶ half-open: one attempt ──answered──▶ closed
 *                                     ▲                        │
 *                                     └──stalled: twice as long┘
 *
 * While it is closed, a window says how many attempts may be under way: one more with an answer, as long as answers do not
 * get slower by it; half with a stall or where the endpoint asks for less.
 */
export class Health {
  /** Of which place it is; `null` where nobody has said yet. */
  url: string | null = null
  #window: number
  #stalls = 0
  #openMs = FIRST_OPEN_MS
  #notBefore = 0
  #bestMs = Infinity

  /** @param window - How many attempts may be under way at first. */
  constructor(window: number) {
    this.#window = window
  }

  /** No attempt starts before this instant: epoch ms, 0 for none. */
  get notBefore(): number {
    return this.#notBefore
  }

  /** Whether it stalls so that it is only probed. */
  get isOpen(): boolean {
    return this.#stalls >= STALLS_TO_OPEN
  }

  /** Until when the breaker is open: epoch ms; `null` where it is closed. */
  get openUntil(): number | null {
    return this.isOpen ? this.#notBefore : null
  }

  /** Takes over what another node has learnt: that the breaker is open until an instant, or closed. */
  hear(openUntil: number | null): void {
    if (openUntil === null) {
      if (!this.isOpen) return
      this.#stalls = 0
      this.#openMs = FIRST_OPEN_MS
      this.#notBefore = 0
    } else {
      this.#stalls = STALLS_TO_OPEN
      this.#notBefore = Math.max(this.#notBefore, openUntil)
    }
  }

  /** How many attempts may be under way now. */
  capacity({ min, max }: Concurrency): number {
    return this.isOpen ? 1 : Math.min(max, Math.max(min, this.#window))
  }

  /** Tells whether there is anything to remember: a new one would start with the same or more. */
  isAsNew(window: number, now: number): boolean {
    return this.#stalls === 0 && this.#window >= window && this.#notBefore <= now
  }

  /** Learns from an attempt that ended at `now` (epoch ms), under these bounds. */
  note(signal: Signal, { min, max }: Concurrency, now: number): void {
    if (signal.kind === 'stalled') return this.#noteStall(min, max, now)
    this.#stalls = 0
    this.#openMs = FIRST_OPEN_MS
    // A throttle that came before may hold longer than this answer says, and an open breaker no more.
    if (signal.kind === 'answered') {
      if (!this.#isSlow(signal.tookMs)) this.#window = Math.min(max, this.#window + 1)
    } else {
      this.#shrink(min, max)
      this.#notBefore = Math.max(this.#notBefore, now + Math.min(signal.pauseMs, MAX_PAUSE_MS))
    }
  }

  #noteStall(min: number, max: number, now: number): void {
    this.#shrink(min, max)
    // Attempts that began before it opened end while it is open, and say nothing new.
    if (this.isOpen && now < this.#notBefore) return
    if (this.isOpen) this.#openMs = Math.min(2 * this.#openMs, MAX_OPEN_MS)
    else this.#stalls += 1
    if (this.isOpen) this.#notBefore = now + this.#openMs
  }

  #shrink(min: number, max: number): void {
    this.#window = Math.max(min, Math.floor(Math.min(this.#window, max) / 2))
  }

  #isSlow(tookMs: number): boolean {
    this.#bestMs = tookMs < this.#bestMs ? tookMs : this.#bestMs + DRIFT * (tookMs - this.#bestMs)
    return tookMs > SLOW_FACTOR * this.#bestMs + SLOW_MS
  }
}
