/**
 * Sends messages in an application's own transaction: `import { sendInTransaction } from 'posthorn/outbox'`. Any client that
 * runs SQL will do; nothing of Posthorn is loaded but this file.
 *
 * @module
 */

/** A message to send. */
export interface OutboxMessage {
  /** Id or uid of the application. */
  readonly application: string
  readonly eventType: string
  /** An object becomes JSON; a text goes as it is, byte for byte. */
  readonly payload: object | string
  /** Your own id of the event: used once in an application. */
  readonly eventId?: string | undefined
  readonly channels?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
  /** Not delivered before this instant. */
  readonly deliverAt?: Date | undefined
  /** Media type of a payload that is no JSON object. */
  readonly contentType?: string | undefined
}

/** Runs one statement in the application's transaction: `$1`, `$2`, … stand for the values, all texts or `null`. */
export type TransactionQuery = (text: string, values: (string | null)[]) => PromiseLike<unknown>

/**
 * Sends a message when the transaction of `query` is committed, and never when it is rolled back.
 *
 * @param options.schema - Schema of the function `send`; `posthorn` by default.
 * @returns The message's id; where a relay takes it to Posthorn, its event id.
 * @throws What the client throws: the database refuses what is no message, with an SQLSTATE.
 */
export async function sendInTransaction(
  query: TransactionQuery,
  message: OutboxMessage,
  { schema = 'posthorn' }: { readonly schema?: string } = {},
): Promise<string> {
  if (!/^[a-z_][a-z0-9_]*$/.test(schema)) throw new RangeError(`${schema} is no name of a schema`)
  const { payload, channels, tags, deliverAt } = message
  // Every value is text and cast in SQL, because clients differ in how they write arrays and instants.
  const result = await query(
    `SELECT ${schema}.send($1::text, $2::text, $3::text, event_id => $4::text, channels => $5::text::text[],
       tags => $6::text::text[], deliver_at => $7::text::timestamptz, content_type => $8::text) AS id`,
    [
      message.application,
      message.eventType,
      typeof payload === 'string' ? payload : JSON.stringify(payload),
      message.eventId ?? null,
      channels === undefined ? null : arrayText(channels),
      tags === undefined ? null : arrayText(tags),
      deliverAt === undefined ? null : deliverAt.toISOString(),
      message.contentType ?? null,
    ],
  )
  return idOf(result)
}

/** A client of `pg` in which a transaction has begun. */
export function viaPg(client: {
  query(text: string, values: unknown[]): PromiseLike<unknown>
}): TransactionQuery {
  return (text, values) => client.query(text, values)
}

/**
 * A transaction of Drizzle: `viaDrizzle(tx, sql)`.
 *
 * @param sql - Drizzle's own, from `drizzle-orm`.
 */
export function viaDrizzle<Query>(
  transaction: { execute(query: Query): PromiseLike<unknown> },
  sql: (strings: TemplateStringsArray, ...values: unknown[]) => Query,
): TransactionQuery {
  return (text, values) => {
    // The statement has each of its values once, in order: what stands between them is a template's texts.
    const texts = text.split(/\$\d+/)
    return transaction.execute(sql(Object.assign(texts, { raw: texts }), ...values))
  }
}

/** The client that Prisma's `$transaction` gives to its callback. */
export function viaPrisma(transaction: {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>
}): TransactionQuery {
  return (text, values) => transaction.$queryRawUnsafe(text, ...values)
}

/**
 * A transaction of Kysely: `viaKysely(trx, CompiledQuery)`.
 *
 * @param compiled - Kysely's own `CompiledQuery`.
 */
export function viaKysely<Query>(
  transaction: { executeQuery(query: Query): PromiseLike<unknown> },
  compiled: { raw(text: string, values: unknown[]): Query },
): TransactionQuery {
  return (text, values) => transaction.executeQuery(compiled.raw(text, values))
}

function arrayText(items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`
}

/** The rows are the result, or are in it. */
function idOf(result: unknown): string {
  const rows: unknown = Array.isArray(result) ? result : (result as { rows?: unknown } | null)?.rows
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined
  const id = (row as { id?: unknown } | undefined)?.id
  if (typeof id === 'string') return id
  throw new TypeError(
    'The query did not return rows: give a function that returns them, or an object with `rows`',
  )
}
