/** Fills PostgreSQL with days of messages, as months of traffic leave them: the database makes them itself, and none is sent. @module */

import { Client } from 'pg'

import { type Day, dayOf } from '../packages/server/src/storage/postgres/partitions.ts'

/** Where the messages go, and which schema has them. */
export interface DaysRoute {
  readonly url: string
  readonly schema: string
  readonly applicationId: string
  readonly endpointId: string
}

/** How many there are, and over which days. */
export interface DaysPlan {
  readonly messages: number
  /** Days before today, of which each has a partition. */
  readonly days: number
}

const DAY_MS = 86_400_000

/** The first day is a busy one: it has this share of all messages. */
const FIRST_DAYS_SHARE = 0.05

/** What fails is tried again for so many days. */
const RETRIED_DAYS = 4

/** Bytes of a payload. What is kept is not read, and the disk is only so large. */
const PAYLOAD_BYTES = 250

/**
 * Fills the days before today: one delivery and one attempt a message, of which one in a hundred failed and, in the last days,
 * one in a thousand waits for a retry that is a month away. Returns the first day.
 */
export async function fillDays(
  route: DaysRoute,
  { messages, days }: DaysPlan,
  print: (line: string) => void,
): Promise<Day> {
  const client = new Client({ connectionString: route.url })
  await client.connect()
  try {
    await client.query(`SET search_path = ${route.schema}`)
    await client.query(`SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 2`)
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS
    const ofFirst = Math.round(messages * FIRST_DAYS_SHARE)
    const ofOthers = Math.floor((messages - ofFirst) / Math.max(1, days - 1))
    for (let ago = days; ago > 0; ago--) {
      const isRetried = ago <= RETRIED_DAYS
      await fillDay(client, route, today - ago * DAY_MS, ago === days ? ofFirst : ofOthers, isRetried)
      if (ago % 10 === 0) print(`${ago} days are left to fill`)
    }
    return dayOf(today - days * DAY_MS)
  } finally {
    await client.end()
  }
}

/** Fills tables that stand alone and makes partitions of them then, so that their indexes are built once. */
async function fillDay(
  client: Client,
  { applicationId, endpointId }: DaysRoute,
  start: number,
  messages: number,
  isRetried: boolean,
): Promise<void> {
  const { name, from, to } = dayOf(start)
  await client.query('BEGIN')
  for (const table of ['message', 'message_label', 'delivery', 'attempt']) {
    await client.query(
      `CREATE TABLE ${table}_${name} (LIKE ${table} INCLUDING STORAGE,
         CHECK (${table === 'message' ? 'id' : 'message_id'} >= '${from}' AND ${table === 'message' ? 'id' : 'message_id'} < '${to}'))`,
    )
  }
  await client.query(
    `INSERT INTO message_${name} (application_id, id, event_type, payload, content_type, created_at)
     SELECT '${applicationId}', 'msg_' || ${timeText('at')} || '00' || substr(md5(random()::text), 1, 17),
       'type.' || i % 40, convert_to(rpad('{"invoice":"' || i, ${PAYLOAD_BYTES - 2}, 'x') || '"}', 'UTF8'),
       'application/json', at
     FROM (SELECT i, ${start} + i * ${DAY_MS} / ${messages} AS at FROM generate_series(0::bigint, ${messages - 1}) i) moment`,
  )
  const waits = isRetried ? 'hashtext(id) % 1000 = 3' : 'false'
  const failed = 'hashtext(id) % 100 = 7'
  await client.query(
    `INSERT INTO delivery_${name} (application_id, message_id, endpoint_id, event_type, status, attempts, priority, due_at)
     SELECT application_id, id, '${endpointId}', event_type, CASE WHEN ${waits} THEN 1 WHEN ${failed} THEN 2 ELSE 0 END, 1,
       CASE WHEN ${waits} THEN 1 ELSE 0 END, CASE WHEN ${waits} THEN created_at + ${40 * DAY_MS} END
     FROM message_${name}`,
  )
  await client.query(
    `INSERT INTO attempt_${name} (application_id, message_id, id, endpoint_id, url, response, created_at, duration_ms,
       status_code, is_success, trigger)
     SELECT application_id, id, 'atmpt_' || substr(id, 5, 10) || substr(md5(random()::text), 1, 17), '${endpointId}',
       'https://acme.example/hook', 'ok', created_at, 12, CASE WHEN ${waits} OR ${failed} THEN 500 ELSE 200 END,
       NOT (${waits} OR ${failed}), 'scheduled'
     FROM message_${name}`,
  )
  for (const table of ['message', 'message_label', 'delivery', 'attempt']) {
    await client.query(
      `ALTER TABLE ${table} ATTACH PARTITION ${table}_${name} FOR VALUES FROM ('${from}') TO ('${to}')`,
    )
  }
  await client.query('COMMIT')
  for (const table of ['message', 'message_label', 'delivery', 'attempt']) {
    await client.query(`VACUUM (FREEZE, ANALYZE) ${table}_${name}`)
  }
}

/** The SQL of the eight characters of time in an id. */
function timeText(at: string): string {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  return Array.from(
    { length: 8 },
    (_, i) => `substr('${alphabet}', 1 + (${at} / ${62 ** (7 - i)} % 62)::integer, 1)`,
  ).join(' || ')
}
