/**
 * Ranges of message ids that a statement is to look at. Of a table in days PostgreSQL then opens only those that a range
 * touches, when the statement begins: also where its plan is for all of them.
 *
 *     days      │ closed │ closed │ open │ closed │ … │ closed │ open │ today …
 *     ranges  ──┤                 ├──────┤                     ├────────────────▶
 *
 * @module
 */

import type { Day } from './partitions.ts'

/** Ids from one on, up to and without another. */
export interface IdRange {
  readonly from: string
  readonly to: string
}

/** Ranges of a statement: as many as it has parameters for. */
const RANGES = 4

/** Beyond all ids. */
const END = '\u{10FFFF}'

const NOTHING: IdRange = { from: END, to: END }

/** All ids. */
export const ALL_IDS: readonly IdRange[] = [{ from: '', to: END }]

/**
 * Returns ranges that have every id but those of closed days; or of as many closed days as can be left out.
 *
 * @param days - Days that have partitions, oldest first. What is in none of them is in the ranges.
 */
export function rangesWithout(days: readonly Day[], isClosed: (day: Day) => boolean): readonly IdRange[] {
  const ranges: IdRange[] = []
  /** Closed days before each range. */
  const gaps: number[] = []
  let from = ''
  let gap = 0
  const add = (to: string) => {
    if (from >= to) return
    ranges.push({ from, to })
    gaps.push(gap)
    gap = 0
  }
  for (const day of days.filter(isClosed)) {
    add(day.from)
    from = day.to
    gap += 1
  }
  add(END)
  while (ranges.length > RANGES) {
    let narrowest = 1
    for (let i = 2; i < ranges.length; i++) if (gaps[i]! < gaps[narrowest]!) narrowest = i
    ranges.splice(narrowest - 1, 2, { from: ranges[narrowest - 1]!.from, to: ranges[narrowest]!.to })
    gaps.splice(narrowest, 1)
  }
  return ranges
}

/** Returns the range from the first of these ids to the last. */
export function rangeOver(ids: readonly string[]): IdRange {
  const sorted = ids.toSorted()
  // No id is longer, so this one is the next.
  return { from: sorted[0] ?? END, to: `${sorted.at(-1) ?? ''}0` }
}

/** Returns the values of {@link inRanges}. */
export function rangeValues(ranges: readonly IdRange[]): string[] {
  return Array.from({ length: RANGES }, (_, i) => ranges[i] ?? NOTHING).flatMap(({ from, to }) => [from, to])
}

/**
 * The condition that a message id is in one of the ranges, whose values are the parameters from a number on.
 *
 * An alternative of several is nothing that an index can be walked by, so it changes no other part of the plan.
 */
export function inRanges(column: string, first: number): string {
  const parts = Array.from({ length: RANGES }, (_, i) => {
    return `${column} >= $${first + 2 * i}::text AND ${column} < $${first + 2 * i + 1}::text`
  })
  return `(${parts.join(' OR ')})`
}
