/** The steps of tasks that send messages again, in PostgreSQL. @module */

import type { DeliveryStatus } from '../../domain/delivery.ts'
import { type Endpoint, wantsMessage } from '../../domain/endpoint.ts'
import type { ReplayWork, Task } from '../../domain/task.ts'
import { CANCELED, FAIL, PENDING, REPLAY, SUCCESS } from '../rows/delivery.ts'
import type { Queries, Row } from './database.ts'
import { takePlaces } from './lines.ts'
import { arrayText, raw, sql } from './sql.ts'
import { standingStatement } from './standings.ts'

/** What is over and may be sent again. */
const OVER: readonly DeliveryStatus[] = ['success', 'fail', 'canceled']

/** How far one step of a task came. */
export interface ReplayPage {
  /** Rows that were looked at. */
  readonly seen: number
  /** Deliveries that are due now and were not before. */
  readonly sent: number
  /** The last row that was looked at; `null` where none is left. */
  readonly last: string | null
}

/** What a step of a task works with: what lies strictly between two ids. */
export interface StepContext {
  readonly transaction: Queries
  readonly task: Pick<Task, 'id' | 'work'>
  readonly applicationId: string
  /** That of the work, where it is about one. */
  readonly endpoint: Endpoint | null
  readonly after: string
  readonly before: string
  readonly looks: number
  readonly sends: number
  readonly now: number
}

/** One step of each kind of work. */
export const REPLAY_PAGES: {
  readonly [K in ReplayWork['kind']]: (context: StepContext) => Promise<ReplayPage>
} = {
  async 'endpoint.recover'(context) {
    const { transaction, applicationId, endpoint, after, before, looks } = context
    const rows = await transaction.rows(
      sql`SELECT d.message_id AS key, d.message_id, d.endpoint_id, m.expunged_at FROM delivery d
          JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
          WHERE d.status <> 0 AND d.lease IS NULL AND d.application_id = ${applicationId}
            AND d.endpoint_id = ${endpoint!.id} AND d.status = ${raw(String(FAIL))}
            AND d.message_id > ${after} AND d.message_id < ${before}
          ORDER BY d.message_id LIMIT ${looks}`,
    )
    return reviveSome(context, rows, isThere)
  },

  async 'endpoint.replay'(context) {
    const { transaction, task, applicationId, after, before, looks, now } = context
    const endpoint = context.endpoint!
    const rows = await transaction.rows(
      sql`SELECT m.id AS key, m.id, m.event_type, m.channels, m.expunged_at, m.deliver_at, d.status FROM message m
          LEFT JOIN delivery d
            ON d.application_id = m.application_id AND d.message_id = m.id AND d.endpoint_id = ${endpoint.id}
          WHERE m.application_id = ${applicationId} AND m.id > ${after} AND m.id < ${before}
          ORDER BY m.id LIMIT ${looks}`,
    )
    const { chosen, seen, last } = choose(
      rows,
      context,
      (row) => row['status'] === null && isWanted(row, endpoint),
    )
    const places = await placesFor(
      context,
      chosen.map(() => endpoint.id),
    )
    const dueAts = chosen.map((row) => Math.max(now, (row['deliver_at'] as number | null) ?? now))
    const sent = await transaction.change(
      sql`INSERT INTO delivery (application_id, message_id, endpoint_id, event_type, status, attempts, priority, due_at,
            ordinal, replay_task)
          SELECT ${applicationId}, id, ${endpoint.id}, event_type, ${raw(String(PENDING))}, 0, ${raw(String(REPLAY))},
            due_at, ordinal, ${task.id}
          FROM unnest(${textsOf(chosen, 'id')}::text[], ${textsOf(chosen, 'event_type')}::text[],
            ${arrayText(dueAts)}::bigint[], ${arrayText(places)}::bigint[]) AS new (id, event_type, due_at, ordinal)
          ON CONFLICT DO NOTHING`,
    )
    return { seen, sent, last }
  },

  async 'endpoint.bulk-replay'(context) {
    const { transaction, task, applicationId, after, before, looks } = context
    if (task.work.kind !== 'endpoint.bulk-replay') throw new RangeError(task.work.kind)
    const { eventTypes, channel, tag, status, statusCodeClass } = task.work.filter
    const statuses = status === null ? OVER : OVER.filter((over) => over === status)
    if (statuses.length === 0) return { seen: 0, sent: 0, last: null }
    const endpointId = context.endpoint!.id
    // Read without the other filters, so that a step costs the same however little passes them.
    const rows = await transaction.rows(
      standingStatement(
        'd.message_id AS key, d.endpoint_id, m.event_type, m.channels, m.tags, m.expunged_at',
        'JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id',
        { limit: looks, order: 'ascending', after },
        { applicationId, endpointId, statuses, conditions: [sql`d.message_id < ${before}`] },
      ),
    )
    const answered = statusCodeClass === null ? null : await answeredWith(context, rows, statusCodeClass)
    return reviveSome(
      context,
      rows,
      (row) =>
        isThere(row) &&
        (eventTypes === null || eventTypes.includes(row['event_type'] as string)) &&
        (channel === null || ((row['channels'] as string[] | null)?.includes(channel) ?? false)) &&
        (tag === null || ((row['tags'] as string[] | null)?.includes(tag) ?? false)) &&
        (answered === null || answered.has(row['message_id'] as string)),
    )
  },

  async 'application.recover'(context) {
    const { transaction, task, applicationId, after, before, looks } = context
    if (task.work.kind !== 'application.recover') throw new RangeError(task.work.kind)
    const { eventTypes } = task.work
    const [messageId = '', endpointId = ''] = after.split('.')
    const rows = await transaction.rows(
      sql`SELECT d.message_id || '.' || d.endpoint_id AS key, d.message_id, d.endpoint_id, d.event_type, m.expunged_at
          FROM delivery d JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
          WHERE d.status = ${raw(String(FAIL))} AND d.application_id = ${applicationId}
            AND (d.message_id, d.endpoint_id) > (${messageId}, ${endpointId}) AND d.message_id < ${before}
          ORDER BY d.message_id, d.endpoint_id LIMIT ${looks}`,
    )
    const live = await transaction.rows(
      sql`SELECT id FROM endpoint WHERE application_id = ${applicationId} AND deleted_at IS NULL
            AND id = ANY (${textsOf(rows, 'endpoint_id')}::text[])`,
    )
    const endpointIds = new Set(live.map((row) => row['id']))
    return reviveSome(
      context,
      rows,
      (row) =>
        isThere(row) &&
        endpointIds.has(row['endpoint_id']) &&
        (eventTypes === null || eventTypes.includes(row['event_type'] as string)),
    )
  },
}

function isThere(row: Row): boolean {
  return row['expunged_at'] === null
}

/** A disabled endpoint keeps what waits for it, and what it missed may wait there too. */
function isWanted(row: Row, endpoint: Endpoint): boolean {
  return (
    isThere(row) &&
    wantsMessage(
      { ...endpoint, disabled: false },
      { eventType: row['event_type'] as string, channels: row['channels'] as string[] | null },
    )
  )
}

/** The messages with an attempt at the endpoint that was answered so. */
async function answeredWith(
  { transaction, applicationId, endpoint }: StepContext,
  rows: readonly Row[],
  statusCodeClass: number,
): Promise<Set<string>> {
  const last = statusCodeClass === 0 ? 0 : statusCodeClass + 99
  const found = await transaction.rows(
    sql`SELECT DISTINCT message_id FROM attempt
        WHERE application_id = ${applicationId} AND message_id = ANY (${textsOf(rows, 'message_id')}::text[])
          AND endpoint_id = ${endpoint!.id} AND status_code BETWEEN ${statusCodeClass} AND ${last}`,
  )
  return new Set(found.map((row) => row['message_id'] as string))
}

/** Goes through row after row, until as many were chosen as may be sent. */
function choose(
  rows: readonly Row[],
  { looks, sends }: Pick<StepContext, 'looks' | 'sends'>,
  passes: (row: Row) => boolean,
): { readonly chosen: readonly Row[]; readonly seen: number; readonly last: string | null } {
  const chosen: Row[] = []
  let seen = 0
  for (; seen < rows.length && chosen.length < sends; seen++)
    if (passes(rows[seen]!)) chosen.push(rows[seen]!)
  const isEnd = seen === rows.length && rows.length < looks
  return { chosen, seen, last: isEnd ? null : (rows[seen - 1]!['key'] as string) }
}

/** Makes what is over due again, as far as it passes. */
async function reviveSome(
  context: StepContext,
  rows: readonly Row[],
  passes: (row: Row) => boolean,
): Promise<ReplayPage> {
  const { transaction, task, applicationId, now } = context
  const { chosen, seen, last } = choose(rows, context, passes)
  const places = await placesFor(
    context,
    chosen.map((row) => row['endpoint_id'] as string),
  )
  const sent = await transaction.change(
    sql`UPDATE delivery d SET replayed_status = d.status, replayed_attempts = d.attempts, replay_task = ${task.id},
          status = ${raw(String(PENDING))}, attempts = 0, due_at = ${now}, resumes_as = NULL, resumes_at = NULL,
          priority = ${raw(String(REPLAY))}, ordinal = again.ordinal
        FROM unnest(${textsOf(chosen, 'message_id')}::text[], ${textsOf(chosen, 'endpoint_id')}::text[],
          ${arrayText(places)}::bigint[]) AS again (message_id, endpoint_id, ordinal)
        WHERE d.application_id = ${applicationId} AND d.message_id = again.message_id
          AND d.endpoint_id = again.endpoint_id AND d.status IN (${raw([SUCCESS, FAIL, CANCELED].join(', '))})`,
  )
  return { seen, sent, last }
}

/** What a task sends again stands at the end of an ordered endpoint's line; `null` for one without a line. */
async function placesFor(
  { transaction, applicationId }: StepContext,
  endpointIds: readonly string[],
): Promise<(number | null)[]> {
  const ordered = await transaction.rows(
    sql`SELECT id FROM endpoint WHERE application_id = ${applicationId} AND settings ->> 'ordering' = 'fifo'
          AND id = ANY (${arrayText([...new Set(endpointIds)])}::text[]) ORDER BY id`,
  )
  const next = new Map<string, number>()
  // In one order on all nodes, so that no two wait for each other.
  for (const row of ordered) {
    const id = row['id'] as string
    const number = endpointIds.filter((endpointId) => endpointId === id).length
    next.set(id, (await takePlaces(transaction, applicationId, id, number)) - number + 1)
  }
  return endpointIds.map((id) => {
    const place = next.get(id)
    if (place === undefined) return null
    next.set(id, place + 1)
    return place
  })
}

function textsOf(rows: readonly Row[], column: string): string {
  return arrayText(rows.map((row) => row[column] as string))
}
