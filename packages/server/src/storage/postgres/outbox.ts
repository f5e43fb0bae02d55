/** The outbox in PostgreSQL: from the rows that applications wrote to messages. @module */

import { PosthornError } from '../../domain/errors.ts'
import type { AcceptRequest, AcceptResult } from '../port/accepts.ts'
import type { Outbox, OutboxRefusal, OutboxRow, OutboxStep } from '../port/outbox.ts'
import { type DueWord, acceptAll } from './accepts.ts'
import { type BatchStatement, type Database, type Queries, type Row, isUncertain } from './database.ts'
import { isTransient } from './faults.ts'
import type { Notices } from './notices.ts'
import { arrayText, raw, sameKey } from './sql.ts'

/** Applications and rows that one step takes; of each application at least so many. */
const STEP = { applications: 64, rows: 512, rowsOfEach: 8 } as const

/** Characters of payload that one step takes, save that one row always goes. */
const STEP_BYTES = 8 * 1_048_576

/**
 * Silence after which PostgreSQL undoes a step whose node was stopped in the middle of it, so that others go on. A node
 * that wakes up later finds its transaction gone.
 */
const IDLE_TIMEOUT = '10s'

/** What a row came to. */
type Decision = { readonly row: OutboxRow } & (
  { readonly request: AcceptRequest } | { readonly refusal: OutboxRefusal }
)

/** The outbox of a database. */
export function postgresOutbox(deps: {
  readonly database: Database
  readonly notices: Notices
  /** What is told with messages that wait to be claimed. */
  readonly due: () => DueWord
}): Outbox {
  const { database, notices, due } = deps
  return {
    onSend: (listener) => notices.onOutbox(listener),

    drain: (after, decide) =>
      database.pollByIndex(async (transaction): Promise<OutboxStep> => {
        await transaction.change(raw(`SET LOCAL idle_in_transaction_session_timeout = '${IDLE_TIMEOUT}'`))
        const rows = await transaction.batch(TAKE, [after, database.options.schema])
        if (rows.length === 0) return { accepted: [], refused: [], next: null }

        const decisions: Decision[] = []
        for (const row of rows.map(rowOf)) {
          const decided = await decide(row)
          decisions.push('code' in decided ? { row, refusal: decided } : { row, request: decided })
        }
        const requests = decisions.flatMap((decision) => ('request' in decision ? [decision.request] : []))
        const faults = await accept(transaction, requests, due)
        const refused = decisions.flatMap((decision) => {
          const refusal = 'refusal' in decision ? decision.refusal : faults.get(decision.request)
          return refusal === undefined
            ? []
            : [{ ...refusal, applicationId: decision.row.applicationId, id: decision.row.id }]
        })
        await remove(transaction, rows, refused)
        return {
          accepted: requests.filter((request) => !faults.has(request)),
          refused,
          // Of fewer rows than each application may have in a step, none was left behind.
          next: rows.length < STEP.rowsOfEach ? null : (rows.at(-1)!['application_id'] as string),
        }
      }),
  }
}

/** Accepts what can be accepted; returns why the others were not. One that is at fault does not undo the others. */
async function accept(
  transaction: Queries,
  requests: readonly AcceptRequest[],
  due: () => DueWord,
): Promise<Map<AcceptRequest, OutboxRefusal>> {
  const faults = new Map<AcceptRequest, OutboxRefusal>()
  if (requests.length === 0) return faults
  await transaction.change(raw('SAVEPOINT outbox'))
  try {
    const results = await acceptAll(transaction, requests, due())
    for (const [i, result] of results.entries()) {
      if (result.kind !== 'accepted') faults.set(requests[i]!, refusalOf(requests[i]!, result))
    }
  } catch (error) {
    // These are not about the rows: all of it is tried again.
    if (isUncertain(error) || isTransient(error)) throw error
    await transaction.change(raw('ROLLBACK TO SAVEPOINT outbox'))
    if (requests.length === 1) return faults.set(requests[0]!, faultOf(error))
    for (const request of requests) {
      for (const [faulty, fault] of await accept(transaction, [request], due)) faults.set(faulty, fault)
    }
  }
  return faults
}

/** The row's event id was used by another message between `send` and now. */
function refusalOf(
  { message }: AcceptRequest,
  result: Exclude<AcceptResult, { kind: 'accepted' }>,
): OutboxRefusal {
  return {
    code: 'event_id_exists',
    reason: `The event ${message.eventId} was accepted before, as ${result.messageId}`,
  }
}

function faultOf(error: unknown): OutboxRefusal {
  if (error instanceof PosthornError) return { code: error.code, reason: error.message }
  return { code: 'internal', reason: error instanceof Error ? error.message : String(error) }
}

async function remove(
  transaction: Queries,
  rows: readonly Row[],
  refused: OutboxStep['refused'],
): Promise<void> {
  const keys = [
    arrayText(rows.map((row) => row['application_id'] as string)),
    arrayText(rows.map((row) => row['id'] as number)),
  ]
  if (refused.length === 0) {
    await transaction.batch(REMOVE, keys)
    return
  }
  await transaction.batch(REMOVE_REFUSED, [
    ...keys,
    arrayText(refused.map(({ id }) => id)),
    arrayText(refused.map(({ code }) => code)),
    arrayText(refused.map(({ reason }) => reason)),
  ])
}

function rowOf(row: Row): OutboxRow {
  return {
    id: row['message_id'] as string,
    applicationId: row['application_id'] as string,
    organisationId: row['organisation_id'] as string | null,
    eventType: row['event_type'] as string,
    eventId: row['event_id'] as string | null,
    channels: row['channels'] as string[] | null,
    tags: row['tags'] as string[] | null,
    payload: new TextEncoder().encode(row['payload'] as string),
    contentType: row['content_type'] as string,
    deliverAt: row['deliver_at'] as number | null,
  }
}

/**
 * Takes rows: an equal share of each of the applications for which some wait, one seek for each. The lock on an application
 * is held to the end of the transaction, so that no other node takes what comes after it before that is accepted.
 */
export const TAKE: BatchStatement = {
  name: 'outbox take',
  text: `WITH RECURSIVE walk AS (
      (SELECT application_id, 1 AS place FROM outbox WHERE application_id > $1::text ORDER BY application_id LIMIT 1)
      UNION ALL
      SELECT following.application_id, w.place + 1 FROM walk w CROSS JOIN LATERAL (
        SELECT application_id FROM outbox o WHERE o.application_id > w.application_id ORDER BY application_id LIMIT 1) following
      WHERE w.place < ${STEP.applications}),
    mine AS MATERIALIZED (
      SELECT application_id FROM walk
      WHERE pg_try_advisory_xact_lock(hashtextextended('posthorn outbox ' || $2::text || ' ' || application_id, 0))),
    locked AS MATERIALIZED (
      SELECT o.* FROM mine m CROSS JOIN LATERAL (
        SELECT application_id, id, octet_length(payload) AS bytes FROM outbox
        WHERE application_id = m.application_id ORDER BY id
        LIMIT greatest(${STEP.rowsOfEach}, ${STEP.rows} / (SELECT count(*) FROM mine)) FOR UPDATE SKIP LOCKED) o),
    summed AS (
      SELECT application_id, id, sum(bytes) OVER (ORDER BY application_id, id) - bytes AS bytes_before FROM locked)
    SELECT o.application_id, o.id, o.message_id, o.event_type, o.event_id, o.channels, o.tags, o.payload, o.content_type,
      (extract(epoch FROM o.deliver_at) * 1000)::bigint AS deliver_at, a.organisation_id
    FROM summed s JOIN outbox o ON ${sameKey('o', 's', ['application_id', 'id'])}
      LEFT JOIN application a ON a.id = o.application_id AND a.deleted_at IS NULL
    WHERE s.bytes_before < ${STEP_BYTES}
    ORDER BY o.application_id, o.id`,
}

const KEYS = 'unnest($1::text[], $2::bigint[]) AS taken (application_id, id)'

const REMOVE: BatchStatement = {
  name: 'outbox remove',
  text: `DELETE FROM outbox o USING ${KEYS} WHERE ${sameKey('o', 'taken', ['application_id', 'id'])}`,
}

const COLUMNS = `application_id, message_id, event_type, event_id, channels, tags, payload, content_type, deliver_at, sent_at`

const REMOVE_REFUSED: BatchStatement = {
  name: 'outbox remove refused',
  text: `WITH gone AS (
      DELETE FROM outbox o USING ${KEYS} WHERE ${sameKey('o', 'taken', ['application_id', 'id'])} RETURNING o.*)
    INSERT INTO outbox_refused (${COLUMNS}, code, reason, refused_at)
    SELECT ${COLUMNS}, r.code, r.reason, clock_timestamp()
    FROM gone JOIN unnest($3::text[], $4::text[], $5::text[]) AS r (id, code, reason) ON r.id = gone.message_id`,
}
