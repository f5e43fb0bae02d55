/** The addresses from which a receiver takes requests. @module */

import { isInRange, parseAddress, parseRange } from './address.ts'
import type { PublishedRanges } from './published-ranges.ts'

/** What `allow` takes: ranges (`192.0.2.0/24`), single addresses, and lists that a provider publishes. */
export type AllowEntry = string | PublishedRanges

/** What the list says of an address. `unavailable`: no, but a published list could not be read yet. */
export type AllowVerdict = 'allowed' | 'refused' | 'unavailable'

/**
 * Returns how to look up an address.
 *
 * @throws {RangeError} A range is malformed.
 */
export function allowList(
  entries: readonly AllowEntry[],
): (address: string | null, nowMs: number) => Promise<AllowVerdict> {
  const fixed = entries.filter((entry) => typeof entry === 'string').map(parseRange)
  const published = entries.filter((entry) => typeof entry !== 'string')

  return async (address, nowMs) => {
    const bytes = address === null ? null : parseAddress(address)
    if (bytes === null) return 'refused'
    if (fixed.some((range) => isInRange(bytes, range))) return 'allowed'
    let verdict: AllowVerdict = 'refused'
    for (const list of published) {
      const ranges = await list.ranges(nowMs)
      if (ranges === null) verdict = 'unavailable'
      else if (ranges.some((range) => isInRange(bytes, range))) return 'allowed'
    }
    return verdict
  }
}
