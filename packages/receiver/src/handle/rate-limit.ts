/** How many requests one source may send. @module */

import { parseAddress } from './address.ts'

/** A limit per source. */
export interface RateLimit {
  /** How many requests a source may send in each `perMs`, evenly. */
  readonly requests: number
  /** In milliseconds. Default 1 000. */
  readonly perMs?: number
  /** How many may come at once before that pace holds. Default `requests`. */
  readonly burst?: number
  /** How many sources are remembered. Default 10 000; beyond that the one that was idle longest is forgotten. */
  readonly maxSources?: number
}

const DEFAULTS = { perMs: 1_000, maxSources: 10_000 } as const satisfies Partial<RateLimit>

/**
 * Returns how to ask for one request: 0 when it may go on, otherwise the milliseconds to wait. One number is
 * kept per source (the generic cell rate algorithm).
 *
 * @throws {RangeError} A number is not positive.
 */
export function rateLimit(limit: RateLimit): (address: string | null, nowMs: number) => number {
  const { requests, perMs = DEFAULTS.perMs, burst = requests, maxSources = DEFAULTS.maxSources } = limit
  for (const [name, value] of Object.entries({ requests, perMs, burst, maxSources })) {
    if (!Number.isFinite(value) || value <= 0) throw new RangeError(`bad limit.${name} ${value}: more than 0`)
  }
  const intervalMs = perMs / requests
  const toleranceMs = intervalMs * Math.max(0, burst - 1)
  // In the order of last use. The value is when the source would be at its pace again.
  const sources = new Map<string, number>()

  return (address, nowMs) => {
    const source = sourceOf(address)
    const evenAtMs = Math.max(sources.get(source) ?? nowMs, nowMs)
    const waitMs = evenAtMs - toleranceMs - nowMs
    if (waitMs > 0) return waitMs
    sources.delete(source)
    sources.set(source, evenAtMs + intervalMs)
    if (sources.size > maxSources) {
      const [oldest] = sources.keys()
      if (oldest !== undefined) sources.delete(oldest)
    }
    return 0
  }
}

/** One subscriber has a /64 of IPv6 addresses at least, and would be as many sources. All unknown ones are one. */
function sourceOf(address: string | null): string {
  const bytes = address === null ? null : parseAddress(address)
  if (bytes === null) return 'unknown'
  return (bytes.length === 4 ? bytes : bytes.slice(0, 8)).join('.')
}
