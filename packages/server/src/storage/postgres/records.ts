/** Recording attempts in PostgreSQL: all of a batch that are of one day in one statement. @module */

import type { AttemptRecord, RecordResult } from '../port/attempts.ts'
import { FAIL, PENDING, RETRY, SUCCESS } from '../rows/delivery.ts'
import { type DueWord, acceptAll, eventsFor } from './accepts.ts'
import type { BatchStatement, Database, Queries } from './database.ts'
import type { Day } from './partitions.ts'
import { DELIVERY_KEY, arrayText, sameKey, sql } from './sql.ts'

/** What a record does to an endpoint, of which the other nodes are told. */
export interface RecordWord {
  readonly channel: string
  readonly textFor: (applicationId: string) => string
}

interface RecordOutcome {
  readonly result: RecordResult
  /** Whether this attempt disabled its endpoint, which was enabled until then. */
  readonly isDisabled: boolean
}

/**
 * Records attempts; results in their order. A batch that brings operational events is one transaction with these.
 *
 * @param day - Of all these attempts' messages: its partition is written by name, so that no other is looked at. `null` for
 *   any day.
 * @throws `undefined_table`: the day was dropped. Nothing was recorded.
 */
export async function recordAll(
  database: Database,
  records: readonly AttemptRecord[],
  day: Day | null,
  word: RecordWord,
  due: () => DueWord,
): Promise<RecordResult[]> {
  if (records.every(({ events = [] }) => events.length === 0)) {
    return (await recordOnce(database, records, day, word)).map(({ result }) => result)
  }
  return database.writeBatch(async (transaction) => {
    const outcomes = await recordOnce(transaction, records, day, word)
    const events = records.flatMap((record, i) => {
      const { result, isDisabled } = outcomes[i]!
      return result === 'lost' ? [] : eventsFor(record.events, isDisabled ? 'disabled' : null)
    })
    if (events.length > 0) await acceptAll(transaction, events, due())
    return outcomes.map(({ result }) => result)
  })
}

/** Finds which of these attempts were recorded, as after a lost connection: their ids are nobody else's. */
export async function findRecorded(
  queries: Queries,
  records: readonly AttemptRecord[],
): Promise<Map<AttemptRecord, RecordResult>> {
  const keys = records.map(({ attempt }) => attempt)
  const rows = await queries.rows(
    sql`SELECT a.id FROM unnest(${arrayText(keys.map(({ applicationId }) => applicationId))}::text[],
          ${arrayText(keys.map(({ messageId }) => messageId))}::text[], ${arrayText(keys.map(({ id }) => id))}::text[])
          AS given (application_id, message_id, id)
        JOIN attempt a USING (application_id, message_id, id)`,
  )
  const ids = new Set(rows.map((row) => row['id']))
  // Whether its endpoint was changed with it is no longer known, so the caller is told that it may have been.
  return new Map(
    records.filter(({ attempt }) => ids.has(attempt.id)).map((record) => [record, 'changed' as const]),
  )
}

async function recordOnce(
  queries: Pick<Queries, 'batch'>,
  records: readonly AttemptRecord[],
  day: Day | null,
  word: RecordWord,
): Promise<RecordOutcome[]> {
  const hasChanges = records.some(changesEndpoint)
  const outcomes: RecordOutcome[] = records.map(() => ({ result: 'lost', isDisabled: false }))
  const rows = await queries.batch(statementFor(day, hasChanges), valuesOf(records, hasChanges, word))
  for (const row of rows) {
    const result = row['is_changed'] === true ? 'changed' : 'recorded'
    outcomes[(row['n'] as number) - 1] = { result, isDisabled: row['is_disabled'] === true }
  }
  return outcomes
}

/** Tells whether a record may change its endpoint. */
export function changesEndpoint({ failing, verdict }: AttemptRecord): boolean {
  return failing !== undefined || (verdict.kind !== 'success' && verdict.disable !== undefined)
}

function valuesOf(records: readonly AttemptRecord[], hasChanges: boolean, word: RecordWord): unknown[] {
  const attempts = records.map(({ attempt }) => attempt)
  const values: unknown[] = [
    arrayText(attempts.map(({ applicationId }) => applicationId)),
    arrayText(attempts.map(({ messageId }) => messageId)),
    arrayText(attempts.map(({ endpointId }) => endpointId)),
    arrayText(records.map(({ lease }) => lease)),
    arrayText(records.map(statusOf)),
    arrayText(records.map((record) => record.attempts)),
    arrayText(records.map(({ verdict }) => (verdict.kind === 'retry' ? verdict.at : null))),
    arrayText(records.map(isManual)),
    arrayText(attempts.map(({ id }) => id)),
    arrayText(attempts.map(({ url }) => url)),
    // PostgreSQL's text has no NUL, and what a receiver answers must not keep its attempt from being recorded.
    arrayText(attempts.map(({ response }) => response.replaceAll('\0', '\uFFFD'))),
    arrayText(attempts.map(({ createdAt }) => createdAt)),
    arrayText(attempts.map(({ responseDurationMs }) => responseDurationMs)),
    arrayText(attempts.map(({ responseStatusCode }) => responseStatusCode)),
    arrayText(attempts.map(({ isSuccess }) => isSuccess)),
    arrayText(attempts.map(({ failure }) => failure)),
    arrayText(attempts.map(({ trigger }) => trigger)),
  ]
  if (hasChanges) {
    values.push(
      arrayText(records.map(({ failing }) => failing ?? null)),
      arrayText(
        records.map(({ verdict }) => (verdict.kind === 'success' ? null : (verdict.disable ?? null))),
      ),
      word.channel,
      arrayText(attempts.map(({ applicationId }) => word.textFor(applicationId))),
    )
  }
  return values
}

/** A retry is the schedule's, whatever set the attempt off. */
function isManual({ attempt, verdict }: AttemptRecord): boolean {
  return attempt.trigger === 'manual' && verdict.kind !== 'retry'
}

/** `null` for what goes back to where it stood before. */
function statusOf({ attempt, verdict }: AttemptRecord): number | null {
  if (verdict.kind === 'success') return SUCCESS
  if (verdict.kind === 'retry') return PENDING
  return verdict.kind === 'resume' && attempt.trigger === 'manual' ? null : FAIL
}

const ATTEMPT = 'url, response, created_at, duration_ms, status_code, is_success, failure, trigger'

const statements = new Map<string, BatchStatement>()

function statementFor(day: Day | null, hasChanges: boolean): BatchStatement {
  const table = day === null ? 'delivery' : `delivery_${day.name}`
  const name = `${hasChanges ? 'record with changes' : 'record'} ${day?.name ?? ''}`.trimEnd()
  const known = statements.get(name)
  if (known !== undefined) return known
  const statement = { name, text: (hasChanges ? recordWithChanges : record)(table) }
  statements.set(name, statement)
  return statement
}

/**
 * Each delivery is settled where it still has the lease, and only then is its attempt kept. The lease is compared so that
 * the index of what is held cannot be used: it would be read from end to end, where the key finds one.
 */
const settle = (table: string, more: { types: string; names: string }) => `
  WITH input AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::integer[], $7::bigint[],
      $8::boolean[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::integer[], $14::smallint[],
      $15::boolean[], $16::text[], $17::text[] ${more.types}) WITH ORDINALITY
      AS given (application_id, message_id, endpoint_id, lease, status, attempts, due_at, is_manual, id, ${ATTEMPT}
        ${more.names}, n)),
  settled AS (
    UPDATE ${table} d SET
      status = coalesce(i.status, d.resumes_as),
      attempts = CASE WHEN i.is_manual THEN d.attempts ELSE i.attempts END,
      due_at = CASE WHEN i.status IS NULL THEN d.resumes_at ELSE i.due_at END,
      priority = CASE WHEN i.due_at IS NULL THEN d.priority ELSE greatest(d.priority, ${RETRY}) END,
      resumes_as = CASE WHEN i.is_manual THEN NULL ELSE d.resumes_as END,
      resumes_at = CASE WHEN i.is_manual THEN NULL ELSE d.resumes_at END,
      replay_task = CASE WHEN i.due_at IS NULL THEN d.replay_task END,
      lease = NULL
    FROM input i
    WHERE ${sameKey('d', 'i', DELIVERY_KEY)} AND d.lease IS NOT DISTINCT FROM i.lease
    RETURNING i.n),
  attempts AS (
    INSERT INTO attempt (application_id, message_id, endpoint_id, id, ${ATTEMPT})
    SELECT application_id, message_id, endpoint_id, id, ${ATTEMPT} FROM input
    WHERE n = ANY (ARRAY(SELECT n FROM settled)))`

const record = (table: string) => `${settle(table, { types: '', names: '' })}
  SELECT n::integer AS n, false AS is_changed, false AS is_disabled FROM settled`

/**
 * With what attempts change in their endpoints. Of several attempts at one endpoint in a batch the last one says how it
 * does, and any of them may disable it.
 */
const recordWithChanges = (table: string) =>
  `${settle(table, { types: ', $18::text[], $19::text[], $21::text[]', names: ', failing, disable, word' })},
  wanted AS (
    SELECT application_id, endpoint_id, min(created_at) FILTER (WHERE failing = 'begins') AS begins_at,
      (array_agg(failing ORDER BY n DESC) FILTER (WHERE failing IS NOT NULL))[1] AS failing,
      (array_agg(disable ORDER BY n) FILTER (WHERE disable IS NOT NULL))[1] AS disable,
      min(created_at) FILTER (WHERE disable IS NOT NULL) AS disabled_at,
      min(n) FILTER (WHERE disable IS NOT NULL) AS disabling, min(word) AS word
    FROM input WHERE n = ANY (ARRAY(SELECT n FROM settled)) AND (failing IS NOT NULL OR disable IS NOT NULL)
    GROUP BY application_id, endpoint_id),
  changed AS (
    UPDATE endpoint e SET
      failing_since = CASE w.failing WHEN 'begins' THEN coalesce(e.failing_since, w.begins_at) WHEN 'ends' THEN NULL
        ELSE e.failing_since END,
      disabled = e.disabled OR w.disable IS NOT NULL,
      disabled_reason = CASE WHEN e.disabled THEN e.disabled_reason ELSE w.disable END,
      updated_at = CASE WHEN e.disabled OR w.disable IS NULL THEN e.updated_at ELSE w.disabled_at END
    FROM wanted w JOIN endpoint b ON b.application_id = w.application_id AND b.id = w.endpoint_id
    WHERE e.application_id = w.application_id AND e.id = w.endpoint_id
      AND ((w.failing = 'begins' AND e.failing_since IS NULL) OR (w.failing = 'ends' AND e.failing_since IS NOT NULL)
        OR (w.disable IS NOT NULL AND NOT e.disabled))
    RETURNING e.application_id, e.id, w.word, CASE WHEN NOT b.disabled THEN w.disabling END AS disabling)
  SELECT s.n::integer AS n, c.id IS NOT NULL AS is_changed, c.disabling = s.n AS is_disabled,
    CASE WHEN c.id IS NOT NULL THEN pg_notify($20::text, c.word)::text END AS told
  FROM settled s JOIN input i ON i.n = s.n
    LEFT JOIN changed c ON c.application_id = i.application_id AND c.id = i.endpoint_id
      AND (i.failing IS NOT NULL OR i.disable IS NOT NULL)`
