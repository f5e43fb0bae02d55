/** What an operator sees of an outbox: Posthorn's own, or the one that a relay drains. @module */

import { Client } from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import { requireSchemaName } from './schema-name.ts'
import { urlConfig } from './tls.ts'

/** A message that was refused. */
export interface RefusedMessage {
  /** What `send_refused` takes: the message's id; of a relay's outbox, its event id. */
  readonly id: string
  readonly application: string
  readonly eventType: string
  readonly code: string
  readonly reason: string
  /** ISO 8601. */
  readonly refusedAt: string
}

/** An outbox at one moment. */
export interface OutboxView {
  readonly waiting: number
  /** When the oldest that waits was sent, ISO 8601; `null` where none waits. */
  readonly oldestAt: string | null
  readonly refusedCount: number
  /** The latest first, and no more than were asked for. */
  readonly refused: readonly RefusedMessage[]
}

const CONNECT_TIMEOUT_MS = 5_000
const UNDEFINED_TABLE = '42P01'

/**
 * Looks into the outbox of a schema.
 *
 * @throws {PosthornError} `data_unreadable`: it cannot be reached, or has no outbox.
 */
export async function viewOutbox(options: {
  readonly url: string
  readonly schema: string
  readonly limit: number
}): Promise<OutboxView> {
  const schema = requireSchemaName(options.schema)
  const client = new Client({
    ...urlConfig(options.url),
    application_name: 'posthorn outbox',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    const counts = await client.query<Omit<OutboxView, 'refused'>>(
      `SELECT (SELECT count(*)::integer FROM ${schema}.outbox) AS waiting,
         (SELECT ${instant('min(sent_at)')} FROM ${schema}.outbox) AS "oldestAt",
         (SELECT count(*)::integer FROM ${schema}.outbox_refused) AS "refusedCount"`,
    )
    const isOwn = await client.query(`SELECT FROM pg_attribute
      WHERE attrelid = '${schema}.outbox_refused'::regclass AND attname = 'message_id'`)
    const [id, application] =
      isOwn.rowCount === 1 ? ['message_id', 'application_id'] : ['event_id', 'application']
    const refused = await client.query<RefusedMessage>(
      `SELECT ${id} AS id, ${application} AS application, event_type AS "eventType", code, reason,
         ${instant('refused_at')} AS "refusedAt"
       FROM ${schema}.outbox_refused r ORDER BY r.refused_at DESC LIMIT $1`,
      [options.limit],
    )
    return { ...counts.rows[0]!, refused: refused.rows }
  } catch (cause) {
    const isMissing = (cause as { code?: unknown }).code === UNDEFINED_TABLE
    const what = isMissing ? `The schema ${schema} has no outbox` : (cause as Error).message
    throw new PosthornError('data_unreadable', `Cannot read the outbox: ${what}`, {
      hint: 'Give the URL of the database, its schema, and a role that may read both tables',
      cause,
    })
  } finally {
    await client.end().catch(() => {})
  }
}

function instant(expression: string): string {
  return `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
}
