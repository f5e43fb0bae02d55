/** The outbox in a database that is not Posthorn's, as a relay sees it. @module */

import { Client } from 'pg'

import { requireSchemaName } from './schema-name.ts'
import { arrayText } from './sql.ts'
import { urlConfig } from './tls.ts'

/** A message that an application has put into the outbox of its own database. */
export interface RelayRow {
  /** Unique in the table; orders the rows of an application. */
  readonly id: string
  /** Id or uid. */
  readonly application: string
  readonly eventType: string
  readonly payload: string
  /** The row's own where the application gave none. */
  readonly eventId: string
  readonly channels: readonly string[] | null
  readonly tags: readonly string[] | null
  /** ISO 8601. */
  readonly deliverAt: string | null
  /** `null`: the payload is a JSON object. */
  readonly contentType: string | null
}

/** Why a row was not accepted. */
export interface RelayRefusal {
  readonly row: RelayRow
  readonly code: string
  readonly reason: string
}

/** Applications, rows and bytes of payload that one look takes; of each application at least so many rows. */
const LOOK = { applications: 64, rows: 256, rowsOfEach: 4, bytes: 8 * 1_048_576 } as const

/** Days for which what was refused is kept: as long as a server keeps messages by default. */
const REFUSED_DAYS = 90

const CONNECT_TIMEOUT_MS = 5_000
const STATEMENT_TIMEOUT_MS = 30_000

/**
 * Silence after which PostgreSQL ends the session of a relay that was stopped, or that a network has swallowed, so that
 * another one may work. Longer than a relay is silent while it waits for Posthorn's answers. PostgreSQL 14 or later.
 */
const IDLE_TIMEOUT_MS = 60_000

/**
 * A connection to the outbox. It ends with the first fault, and the caller opens another one.
 *
 *     open ──▶ lead? ──no──▶ stands by, and asks again
 *                └─yes─▶ take ─▶ remove, refuse ─▶ take …
 */
export interface RelayOutbox {
  /** Whether this relay is the one that works. The lock is the session's: it ends with it, however that ends. */
  lead(): Promise<boolean>
  /** Returns what is to be sent, of several applications after this one, each application's rows in order. */
  take(after: string): Promise<RelayRow[]>
  /** Removes what was sent. */
  remove(rows: readonly RelayRow[]): Promise<void>
  /** Keeps beside what was refused, in place of trying it for ever. */
  refuse(refusals: readonly RelayRefusal[]): Promise<void>
  /** Removes what was refused {@link REFUSED_DAYS} days ago. */
  forgetRefused(): Promise<void>
  close(): Promise<void>
}

/**
 * Connects.
 *
 * @param options.onSend - Called when something may have been put there, and when the connection is lost.
 * @throws The database cannot be reached, or has no outbox.
 */
export async function openRelayOutbox(options: {
  readonly url: string
  readonly schema: string
  readonly onSend: () => void
}): Promise<RelayOutbox> {
  const schema = requireSchemaName(options.schema)
  const client = new Client({
    ...urlConfig(options.url),
    application_name: 'posthorn relay',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
  })
  client.on('error', options.onSend)
  client.on('notification', options.onSend)
  try {
    await client.connect()
    await client.query(
      `SELECT set_config('search_path', '${schema}', false), set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', false)`,
    )
    await client.query(
      `SELECT set_config('idle_session_timeout', '${IDLE_TIMEOUT_MS}', false)
       WHERE current_setting('server_version_num')::integer >= 140000`,
    )
    await client.query('SELECT FROM outbox, outbox_refused LIMIT 0')
    await client.query(`LISTEN ${schema}`)
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  let isLeading = false
  return {
    async lead() {
      isLeading ||= await client
        .query<{ leads: boolean }>(
          `SELECT pg_try_advisory_lock(hashtextextended('posthorn relay ${schema}', 0)) AS leads`,
        )
        .then(({ rows }) => rows[0]!.leads)
      return isLeading
    },

    async take(after) {
      const { rows } = await client.query<RelayRow>(TAKE, [after])
      return rows
    },

    async remove(rows) {
      await client.query(
        `DELETE FROM outbox o USING ${KEYS} WHERE o.application = k.application AND o.id = k.id`,
        [arrayText(rows.map(({ application }) => application)), arrayText(rows.map(({ id }) => id))],
      )
    },

    async refuse(refusals) {
      await client.query(REFUSE, [
        arrayText(refusals.map(({ row }) => row.application)),
        arrayText(refusals.map(({ row }) => row.id)),
        arrayText(refusals.map(({ code }) => code)),
        arrayText(refusals.map(({ reason }) => reason)),
      ])
    },

    async forgetRefused() {
      await client.query(
        `DELETE FROM outbox_refused WHERE refused_at < clock_timestamp() - interval '${REFUSED_DAYS} days'`,
      )
    },

    close: () => client.end().catch(() => {}),
  }
}

/** An equal share of each of the applications for which something waits, one seek for each. */
const TAKE = `WITH RECURSIVE walk AS (
    (SELECT application, 1 AS place FROM outbox WHERE application > $1::text ORDER BY application LIMIT 1)
    UNION ALL
    SELECT following.application, w.place + 1 FROM walk w CROSS JOIN LATERAL (
      SELECT application FROM outbox o WHERE o.application > w.application ORDER BY application LIMIT 1) following
    WHERE w.place < ${LOOK.applications}),
  first AS MATERIALIZED (
    SELECT o.* FROM walk w CROSS JOIN LATERAL (
      SELECT application, id, octet_length(payload) AS bytes FROM outbox
      WHERE application = w.application ORDER BY id
      LIMIT greatest(${LOOK.rowsOfEach}, ${LOOK.rows} / (SELECT count(*) FROM walk))) o),
  summed AS (SELECT application, id, sum(bytes) OVER (ORDER BY application, id) - bytes AS bytes_before FROM first)
  SELECT o.id::text, application, o.event_type AS "eventType", o.payload, o.event_id AS "eventId", o.channels, o.tags,
    to_char(o.deliver_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "deliverAt",
    o.content_type AS "contentType"
  FROM summed s JOIN outbox o USING (application, id)
  WHERE s.bytes_before < ${LOOK.bytes}
  ORDER BY application, o.id`

const COLUMNS =
  'id, application, event_type, payload, event_id, channels, tags, deliver_at, content_type, sent_at'

const KEYS = 'unnest($1::text[], $2::bigint[]) AS k (application, id)'

const REFUSE = `WITH gone AS (
    DELETE FROM outbox o USING ${KEYS} WHERE o.application = k.application AND o.id = k.id RETURNING o.*)
  INSERT INTO outbox_refused (${COLUMNS}, code, reason)
  SELECT gone.id, ${COLUMNS.slice('id, '.length)}, r.code, r.reason
  FROM gone JOIN unnest($2::bigint[], $3::text[], $4::text[]) AS r (id, code, reason) ON r.id = gone.id`
