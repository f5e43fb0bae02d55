/** Accepting messages in PostgreSQL: all of a batch in one statement. @module */

import { firstIdAt } from '../../domain/id.ts'
import { IDEMPOTENCY_MS, epochOf } from '../../domain/idempotency.ts'
import type { Turn } from '../../domain/operational-event.ts'
import type { AcceptRequest, AcceptResult, EventRequest } from '../port/accepts.ts'
import { PENDING } from '../rows/delivery.ts'
import type { BatchStatement, Queries, Row } from './database.ts'
import { CHANNEL, TAG } from './few-messages.ts'
import { arrayText, sameKey, sql } from './sql.ts'

/** What a batch has beside messages and deliveries. What it has not costs it nothing. */
interface Extras {
  readonly keys: boolean
  readonly events: boolean
  readonly labels: boolean
  readonly lines: boolean
}

/** Rounds of a batch: a second one for what lost against another of the same batch or of another node. */
const MAX_ROUNDS = 5

/** Word to other nodes that something is due: a channel and a text. */
export interface DueWord {
  readonly channel: string
  /** `null` for none. */
  readonly text: string | null
}

/**
 * Accepts messages within a transaction, or as one; results in their order.
 *
 * The usual batch is one statement. One that meets a key or event id which another transaction takes at the same moment
 * waits for that one, and is asked again in a second statement, which sees what that one did.
 */
export async function acceptAll(
  queries: Pick<Queries, 'batch'>,
  requests: readonly AcceptRequest[],
  due: DueWord,
): Promise<AcceptResult[]> {
  const results = new Map<AcceptRequest, AcceptResult>()
  let left = requests
  for (let round = 1; left.length > 0; round++) {
    if (round > MAX_ROUNDS) throw new Error('Messages with one key or event id are in the way of each other')
    const now = round === 1 ? withoutRivals(left) : left
    for (const [request, result] of await acceptOnce(queries, now, due)) results.set(request, result)
    left = left.filter((request) => !results.has(request))
  }
  return requests.map((request) => results.get(request)!)
}

/**
 * Returns the operational events that are to be accepted with the change that they tell of.
 *
 * @param turn - What the change makes of the endpoint: `null` where it neither enables nor disables it.
 */
export function eventsFor(events: readonly EventRequest[] | undefined, turn: Turn | null): EventRequest[] {
  return (events ?? []).filter(({ onlyIf }) => onlyIf === undefined || onlyIf === turn)
}

/** Finds which of these messages are there, as after a lost connection: their ids are nobody else's. */
export async function findAccepted(
  queries: Queries,
  requests: readonly AcceptRequest[],
): Promise<Map<AcceptRequest, AcceptResult>> {
  const ofIds = arrayText(requests.map(({ message }) => message.id))
  const ofApplications = arrayText([...new Set(requests.map(({ message }) => message.applicationId))])
  const rows = await queries.rows(
    sql`SELECT id FROM message WHERE application_id = ANY (${ofApplications}::text[]) AND id = ANY (${ofIds}::text[])`,
  )
  const ids = new Set(rows.map((row) => row['id']))
  return new Map(
    requests.filter(({ message }) => ids.has(message.id)).map((request) => [request, { kind: 'accepted' }]),
  )
}

/**
 * Leaves out those with a key and an event id of which an earlier one has either. Whether such a message may keep its key
 * depends on whether it gets its event id, and the other way round: that is for a round of its own.
 */
function withoutRivals(requests: readonly AcceptRequest[]): AcceptRequest[] {
  const seen = new Set<string>()
  return requests.filter(({ message: { applicationId, eventId }, idempotency }) => {
    const marks = [
      ...(idempotency === undefined ? [] : [`key ${applicationId} ${idempotency.key}`]),
      ...(eventId === null ? [] : [`event ${applicationId} ${eventId}`]),
    ]
    const isRival = marks.length === 2 && marks.some((mark) => seen.has(mark))
    for (const mark of marks) seen.add(mark)
    return !isRival
  })
}

async function acceptOnce(
  queries: Pick<Queries, 'batch'>,
  requests: readonly AcceptRequest[],
  due: DueWord,
): Promise<Map<AcceptRequest, AcceptResult>> {
  const extras: Extras = {
    keys: requests.some(({ idempotency }) => idempotency !== undefined),
    events: requests.some(({ message }) => message.eventId !== null),
    labels: requests.some(({ message }) => message.tags !== null || message.channels !== null),
    lines: requests.some(({ deliveries }) => deliveries.some(({ isOrdered }) => isOrdered)),
  }
  const rows = await queries.batch(statementFor(extras), valuesOf(requests, extras, due))
  if (!extras.keys && !extras.events)
    return new Map(requests.map((request) => [request, { kind: 'accepted' }]))
  const results = new Map<AcceptRequest, AcceptResult>()
  for (const row of rows) {
    const request = requests[(row['n'] as number) - 1]!
    const result = resultOf(row, request)
    if (result !== null) results.set(request, result)
  }
  return results
}

/** `null` where another transaction was in the way. */
function resultOf(row: Row, { idempotency }: AcceptRequest): AcceptResult | null {
  if (row['is_fresh'] === true) return { kind: 'accepted' }
  if (typeof row['key_message_id'] === 'string') {
    const kind = row['key_body'] === idempotency!.body ? 'replayed' : 'key_reused'
    return { kind, messageId: row['key_message_id'] }
  }
  if (typeof row['event_message_id'] === 'string')
    return { kind: 'duplicate', messageId: row['event_message_id'] }
  return null
}

function valuesOf(requests: readonly AcceptRequest[], extras: Extras, due: DueWord): unknown[] {
  const messages = requests.map(({ message }) => message)
  const deliveries = requests.flatMap((request, i) =>
    request.deliveries.map((to) => ({ ...to, request, n: i + 1 })),
  )
  const ends: number[] = []
  for (const { payload } of messages) ends.push((ends.at(-1) ?? 0) + payload.byteLength)
  const values: unknown[] = [
    arrayText(messages.map(({ applicationId }) => applicationId)),
    arrayText(messages.map(({ id }) => id)),
    arrayText(messages.map(({ eventType }) => eventType)),
    arrayText(messages.map(({ eventId }) => eventId)),
    arrayText(messages.map(({ channels }) => (channels === null ? null : arrayText(channels)))),
    arrayText(messages.map(({ tags }) => (tags === null ? null : arrayText(tags)))),
    arrayText(messages.map(({ payload }, i) => ends[i]! - payload.byteLength + 1)),
    arrayText(messages.map(({ payload }) => payload.byteLength)),
    arrayText(messages.map(({ contentType }) => contentType)),
    arrayText(messages.map(({ deliverAt }) => deliverAt)),
    arrayText(messages.map(({ createdAt }) => createdAt)),
    arrayText(messages.map(({ expiresAt }) => expiresAt)),
    // One value of bytes goes as it is; an array of them would be written in hex.
    Buffer.concat(messages.map(({ payload }) => payload)),
    arrayText(deliveries.map(({ request }) => request.message.applicationId)),
    arrayText(deliveries.map(({ request }) => request.message.id)),
    arrayText(deliveries.map(({ endpointId }) => endpointId)),
    arrayText(deliveries.map(({ request }) => request.message.eventType)),
    arrayText(
      deliveries.map(({ lease, request }) => (lease === null ? request.dueAt : request.message.createdAt)),
    ),
    arrayText(deliveries.map(({ lease }) => lease)),
    due.channel,
    due.text,
  ]
  if (extras.lines) values.push(arrayText(deliveries.map(({ isOrdered }) => isOrdered === true)))
  if (extras.keys) {
    values.push(
      arrayText(requests.map(({ idempotency }) => idempotency?.key ?? null)),
      arrayText(requests.map(({ idempotency }) => idempotency?.body ?? null)),
      arrayText(messages.map(({ createdAt }) => epochOf(createdAt))),
      // Two epochs are up to 24 h. Ids begin with their instant, so this one tells a key's age.
      arrayText(messages.map(({ createdAt }) => firstIdAt('message', createdAt - IDEMPOTENCY_MS))),
    )
  }
  return values
}

const statements = new Map<string, BatchStatement>()

function statementFor(extras: Extras): BatchStatement {
  const names = Object.entries(extras).flatMap(([extra, has]) => (has ? [extra] : []))
  const name = ['accept', ...names].join(' ')
  const known = statements.get(name)
  if (known !== undefined) return known
  const statement = { name, text: textFor(extras) }
  statements.set(name, statement)
  return statement
}

const COLUMNS = `application_id, id, event_type, event_id, channels, tags, payload, content_type, deliver_at, created_at,
  expires_at`

/**
 * The statement for a batch:
 *
 *     input ─┬─▶ known keys ──┐
 *            └─▶ taken events ┴─▶ keys won, events won ─▶ fresh ─▶ message, labels, lines ─▶ delivery
 *
 * The key of a message goes before its event id. Rows that many may write are taken in one order, so that no two
 * transactions wait for each other.
 */
function textFor({ keys, events, labels, lines }: Extras): string {
  const keyAt = lines ? 23 : 22
  const unknown = [
    ...(keys ? ['NOT EXISTS (SELECT 1 FROM known k WHERE k.n = i.n)'] : []),
    ...(events ? ['NOT EXISTS (SELECT 1 FROM taken t WHERE t.n = i.n)'] : []),
  ].join(' AND ')
  const won = [
    ...(keys ? ['(key IS NULL OR id IN (SELECT message_id FROM keys_won))'] : []),
    ...(events ? ['(event_id IS NULL OR id IN (SELECT message_id FROM events_won))'] : []),
    ...(keys || events ? [unknown] : ['true']),
  ].join(' AND ')
  const isFreshDelivery = keys || events ? 'WHERE d.message_id IN (SELECT id FROM fresh)' : ''
  const clauses = [
    `input AS MATERIALIZED (
       SELECT application_id, id, event_type, event_id, channels::text[] AS channels, tags::text[] AS tags,
         substring($13::bytea FROM start FOR bytes) AS payload, content_type, deliver_at, created_at, expires_at
         ${keys ? ', key, body, epoch, oldest' : ''}, n::integer AS n
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[],
         $9::text[], $10::bigint[], $11::bigint[], $12::bigint[]
         ${keys ? `, $${keyAt}::text[], $${keyAt + 1}::text[], $${keyAt + 2}::bigint[], $${keyAt + 3}::text[]` : ''})
         WITH ORDINALITY AS given (application_id, id, event_type, event_id, channels, tags, start, bytes, content_type,
           deliver_at, created_at, expires_at ${keys ? ', key, body, epoch, oldest' : ''}, n))`,
    ...(keys
      ? [
          `known AS MATERIALIZED (
             SELECT i.n, k.body, k.message_id FROM input i CROSS JOIN LATERAL (
               SELECT body, message_id FROM message_key k
               WHERE k.application_id = i.application_id AND k.key = i.key AND k.epoch IN (i.epoch, i.epoch - 1)
                 AND k.message_id >= i.oldest COLLATE "C"
               ORDER BY k.epoch DESC LIMIT 1) k)`,
        ]
      : []),
    ...(events
      ? [
          `taken AS MATERIALIZED (
             SELECT i.n, e.message_id FROM input i JOIN message_event e
               ON ${sameKey('e', 'i', ['application_id', 'event_id'])})`,
        ]
      : []),
    ...(keys
      ? [
          `keys_won AS (
             INSERT INTO message_key (application_id, key, epoch, body, message_id)
             SELECT application_id, key, epoch, body, id FROM input i WHERE key IS NOT NULL AND ${unknown}
             ORDER BY application_id, key, n ON CONFLICT DO NOTHING RETURNING message_id)`,
        ]
      : []),
    ...(events
      ? [
          `events_won AS (
             INSERT INTO message_event (application_id, event_id, message_id)
             SELECT application_id, event_id, id FROM input i WHERE event_id IS NOT NULL AND ${unknown}
             ORDER BY application_id, event_id, n ON CONFLICT DO NOTHING RETURNING message_id)`,
        ]
      : []),
    `fresh AS MATERIALIZED (SELECT * FROM input i WHERE ${won})`,
    `messages AS (INSERT INTO message (${COLUMNS}) SELECT ${COLUMNS} FROM fresh)`,
    ...(labels
      ? [
          `labels AS (
             INSERT INTO message_label (application_id, kind, name, message_id)
             SELECT application_id, ${TAG}, unnest(tags), id FROM fresh
             UNION ALL SELECT application_id, ${CHANNEL}, unnest(channels), id FROM fresh
             ON CONFLICT DO NOTHING)`,
        ]
      : []),
    `targets AS ${lines ? 'MATERIALIZED' : ''} (
       SELECT d.* FROM unnest($14::text[], $15::text[], $16::text[], $17::text[], $18::bigint[], $19::bigint[]
         ${lines ? ', $22::boolean[]' : ''}) WITH ORDINALITY
         AS d (application_id, message_id, endpoint_id, event_type, due_at, lease ${lines ? ', is_ordered' : ''}, place)
       ${isFreshDelivery})`,
    ...(lines
      ? [
          // The row of a line stays locked to the end of the transaction, so the order of places is that of commits.
          `lines AS (
             INSERT INTO endpoint_line AS l (application_id, endpoint_id, last)
             SELECT application_id, endpoint_id, count(*) FROM targets WHERE is_ordered
             GROUP BY application_id, endpoint_id ORDER BY application_id, endpoint_id
             ON CONFLICT (application_id, endpoint_id) DO UPDATE SET last = l.last + excluded.last
             RETURNING application_id, endpoint_id, last)`,
          `placed AS (
             SELECT t.*, CASE WHEN is_ordered THEN
               (SELECT last FROM lines l WHERE l.application_id = t.application_id AND l.endpoint_id = t.endpoint_id)
               + 1 - row_number() OVER (PARTITION BY application_id, endpoint_id, is_ordered ORDER BY place DESC)
             END AS ordinal FROM targets t)`,
        ]
      : []),
    `deliveries AS (
       INSERT INTO delivery (application_id, message_id, endpoint_id, event_type, status, attempts, priority, due_at,
         lease, ordinal)
       SELECT application_id, message_id, endpoint_id, event_type, ${PENDING}, 0, 0, due_at, lease,
         ${lines ? 'ordinal FROM placed' : 'NULL FROM targets'})`,
  ]
  // Where a message with both a key and an event id got one of them only, all is undone: a division by zero says so.
  const isHalf =
    keys && events
      ? `, 1 / (CASE WHEN i.key IS NOT NULL AND i.event_id IS NOT NULL AND f.n IS NULL
           AND (i.id IN (SELECT message_id FROM keys_won) OR i.id IN (SELECT message_id FROM events_won))
           THEN 0 ELSE 1 END) AS is_whole`
      : ''
  const told = 'CASE WHEN $21::text IS NOT NULL THEN pg_notify($20::text, $21::text)::text END AS told'
  const end =
    keys || events
      ? `SELECT i.n, f.n IS NOT NULL AS is_fresh,
           ${keys ? 'k.body AS key_body, k.message_id AS key_message_id' : 'NULL AS key_body, NULL AS key_message_id'},
           ${events ? 't.message_id AS event_message_id' : 'NULL AS event_message_id'}, ${told} ${isHalf}
         FROM input i LEFT JOIN fresh f ON f.n = i.n
           ${keys ? 'LEFT JOIN known k ON k.n = i.n' : ''} ${events ? 'LEFT JOIN taken t ON t.n = i.n' : ''}`
      : `SELECT ${told}`
  return `WITH ${clauses.join(',\n')}\n${end}`
}
