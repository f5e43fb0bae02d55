/** A model of ordered endpoints: what may be sent to whom next, given all that was sent before. @module */

/** What an attempt came to, as far as a line cares. */
export type LineOutcome = 'success' | 'failure'

/** One ordered endpoint as its receiver sees it. */
interface LineState {
  readonly accepted: string[]
  /** How many of them are over, as far as the receiver can tell. */
  over: number
  /** Failed attempts of the one that is next. */
  failures: number
  /** A sender died: what it had just finished may not be on record, and comes once more. */
  mayRepeat: boolean
  underWay: string | null
}

/**
 * Holds every attempt to the order of acceptance: only the first message that is not over may be sent, one attempt at a
 * time; after a crash also the one before it, whose end may have been lost.
 */
export class OrderModel {
  readonly #lines = new Map<string, LineState>()
  readonly #maxAttempts: number
  readonly violations: string[] = []
  #over = 0
  #waiting: { readonly over: number; readonly resolve: () => void }[] = []

  /** @param maxAttempts - After so many failures a message is over. */
  constructor(maxAttempts: number) {
    this.#maxAttempts = maxAttempts
  }

  /** Resolves when so many messages of all lines are over, or an attempt was out of order. */
  async reached(over: number): Promise<void> {
    if (this.#over >= over || this.violations.length > 0) return
    await new Promise<void>((resolve) => this.#waiting.push({ over, resolve }))
  }

  /** Says that a message is being accepted: before it can be sent, and after the one before it was. */
  accepting(endpointId: string, messageId: string): void {
    this.#line(endpointId).accepted.push(messageId)
  }

  /** Says that an attempt begins. */
  began(endpointId: string, messageId: string): void {
    const line = this.#line(endpointId)
    if (line.underWay !== null) this.#violate(endpointId, `${messageId} while ${line.underWay} is under way`)
    line.underWay = messageId
    if (messageId === line.accepted[line.over]) {
      return
    }
    if (line.mayRepeat && messageId === line.accepted[line.over - 1]) {
      line.over -= 1
      this.#over -= 1
      line.failures = 0
      return
    }
    const place = line.accepted.indexOf(messageId)
    this.#violate(endpointId, `message ${place} where ${line.over} is next`)
  }

  /** Says what an attempt came to. */
  ended(endpointId: string, outcome: LineOutcome): void {
    const line = this.#line(endpointId)
    line.underWay = null
    if (outcome === 'failure') line.failures += 1
    if (outcome === 'failure' && line.failures < this.#maxAttempts) return
    line.over += 1
    this.#over += 1
    line.failures = 0
    line.mayRepeat = false
    this.#tell()
  }

  /** Says that something else went wrong. */
  complain(what: string): void {
    this.violations.push(what)
    this.#tell()
  }

  /** Says that the sender died, with what was under way. */
  crashed(): void {
    for (const line of this.#lines.values()) {
      line.underWay = null
      line.mayRepeat = true
    }
  }

  #line(endpointId: string): LineState {
    let line = this.#lines.get(endpointId)
    if (line === undefined) {
      line = { accepted: [], over: 0, failures: 0, mayRepeat: false, underWay: null }
      this.#lines.set(endpointId, line)
    }
    return line
  }

  #violate(endpointId: string, what: string): void {
    this.complain(`${endpointId}: ${what}`)
  }

  #tell(): void {
    const isDone = (over: number) => this.#over >= over || this.violations.length > 0
    const done = this.#waiting.filter(({ over }) => isDone(over))
    this.#waiting = this.#waiting.filter(({ over }) => !isDone(over))
    for (const { resolve } of done) resolve()
  }
}
