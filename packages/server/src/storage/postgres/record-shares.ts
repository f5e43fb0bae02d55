/**
 * How a batch of attempts is divided into statements. A statement for one day writes to that day's partition by name, and
 * costs the same however many days are kept; one for any day is begun in all of them.
 *
 *     of one day, as nearly always ──▶ one statement
 *     of several days              ──▶ those of the two most frequent ones ──▶ a statement each
 *                                  └─▶ what is left                        ──▶ a statement for any day
 *
 * @module
 */

import type { OperationResult } from '../group-commit.ts'
import type { AttemptRecord } from '../port/attempts.ts'
import type { Day } from './partitions.ts'
import { changesEndpoint } from './records.ts'

/** Days of a batch that have statements of their own. Each takes a connection while it runs. */
const OWN_STATEMENTS = 2

/** Attempts that are recorded by one statement, as a transaction. */
export interface RecordShare {
  /** That all of them are of; `null` for any. */
  readonly day: Day | null
  readonly records: readonly AttemptRecord[]
}

/**
 * Divides a batch by the days of its messages.
 *
 * What changes endpoints stays together, whatever its days: of several attempts at one endpoint the last one counts.
 */
export function sharesOf(
  records: readonly AttemptRecord[],
  dayWith: (messageId: string) => Day | null,
): RecordShare[] {
  const days = records.map(({ attempt }) => dayWith(attempt.messageId))
  const changing = new Set(records.flatMap((record, i) => (changesEndpoint(record) ? [days[i]!] : [])))
  const dayOfChanges = changing.size === 1 ? [...changing][0]! : null
  const groups = new Map<string | null, { day: Day | null; records: AttemptRecord[] }>()
  for (const [i, record] of records.entries()) {
    const day = changesEndpoint(record) ? dayOfChanges : days[i]!
    const group = groups.get(day?.name ?? null)
    if (group === undefined) groups.set(day?.name ?? null, { day, records: [record] })
    else group.records.push(record)
  }
  const shares = [...groups.values()].toSorted((a, b) => b.records.length - a.records.length)
  const own = shares.filter(({ day }) => day !== null).slice(0, OWN_STATEMENTS)
  const rest = shares.filter((share) => !own.includes(share))
  if (rest.length <= 1) return [...own, ...rest]
  return [...own, { day: null, records: rest.flatMap((share) => share.records) }]
}

/** Runs the shares of a batch at once; results in the order of the batch. */
export async function inShares(
  records: readonly AttemptRecord[],
  shares: readonly RecordShare[],
  run: (share: RecordShare) => Promise<OperationResult[]>,
): Promise<OperationResult[]> {
  const results = new Map<AttemptRecord, OperationResult>()
  await Promise.all(
    shares.map(async (share) => {
      const done = await run(share)
      for (const [i, record] of share.records.entries()) results.set(record, done[i]!)
    }),
  )
  return records.map((record) => results.get(record)!)
}
