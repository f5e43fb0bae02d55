/** Tells how far a move has come, now and then. @module */

/** From one word to the next, in milliseconds. */
const EVERY_MS = 2_000

/** What progress is told with. */
export interface ProgressDeps {
  /** Milliseconds of a clock that only goes forward. */
  readonly clock: () => number
  readonly say: (text: string) => void
}

/** Counts rows, and says now and then how many there are. */
export interface Progress {
  /** @param share - How much of the whole is done, from 0 to 1; `null` where that is not known. */
  add(table: string, rows: number, share: number | null): void
}

/** Returns the progress of a move that begins now. */
export function moveProgress({ clock, say }: ProgressDeps): Progress {
  const startedAt = clock()
  let saidAt = startedAt
  let total = 0
  let current = ''
  let ofTable = 0
  return {
    add(table, rows, share) {
      total += rows
      if (table !== current) [current, ofTable] = [table, 0]
      ofTable += rows
      const now = clock()
      if (now - saidAt < EVERY_MS) return
      saidAt = now
      const perSecond = Math.round(total / ((now - startedAt) / 1_000))
      const part = share === null ? '' : `${Math.floor(share * 100)}%, `
      say(`${part}${table} ${showCount(ofTable)}, ${showCount(total)} rows in all, ${showCount(perSecond)}/s`)
    },
  }
}

/** Returns the counts of tables that have something, as a text. */
export function describeRows(rows: Readonly<Record<string, number>>): string {
  const some = Object.entries(rows).filter(([, count]) => count > 0)
  return some.length === 0
    ? 'nothing'
    : some.map(([table, count]) => `${table} ${showCount(count)}`).join(', ')
}

function showCount(count: number): string {
  return count.toLocaleString('en-US')
}
