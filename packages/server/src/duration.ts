/** Durations as people write them: `15s`, `5m`. @module */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads a duration such as `250ms`, `15s`, `5m`, `2h` or `1d` as milliseconds; `null` where it is none. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  return match === null ? null : Number(match[1]) * UNITS_MS[match[2]!]!
}

/** Writes milliseconds as a duration in one unit, the largest that leaves it whole: what {@link parseDuration} reads. */
export function showDuration(ms: number): string {
  const unit = ['d', 'h', 'm', 's'].find((name) => ms > 0 && Number.isInteger(ms / UNITS_MS[name]!)) ?? 'ms'
  return `${ms / UNITS_MS[unit]!}${unit}`
}

/** Writes milliseconds for people, to the second, largest unit first: `3d 3h 35m 5s`. */
export function describeDuration(ms: number): string {
  let rest = Math.round(ms / 1_000) * 1_000
  const parts: string[] = []
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = Math.floor(rest / UNITS_MS[unit]!)
    if (count > 0) parts.push(`${count}${unit}`)
    rest -= count * UNITS_MS[unit]!
  }
  return parts.length === 0 ? `${ms}ms` : parts.join(' ')
}
