/** An inbox in PostgreSQL, for any number of processes. @module */

import type { ClaimedEvent, InboxRun, InboxStore } from '../inbox/inbox-store.ts'
import {
  beginTransaction,
  postgresRunner,
  type PostgresClient,
  type PostgresPool,
  type PostgresQueryable,
} from './postgres-client.ts'
import { createInOrder } from './postgres-dedupe.ts'
import { inboxSql, type InboxSql } from './sql-inbox.ts'
import { beforeFirst, tableName } from './sql.ts'

/** Options of the inboxes in PostgreSQL. */
export interface PostgresInboxOptions {
  /** Default `posthorn_inbox`. */
  readonly table?: string
  /** Make the table where it is not there. Default `true`; `false` where the role may not: `inboxTable` is its SQL. */
  readonly createTable?: boolean
}

const DEFAULTS = { table: 'posthorn_inbox', createTable: true } as const satisfies PostgresInboxOptions

/** A handler's transaction that is idle for longer is undone by PostgreSQL. */
const IDLE_MS = 300_000

/** Returns the statements that make the table, for migrations. */
export function inboxTable(table: string = DEFAULTS.table): string {
  const name = tableName(table)
  const index = name.replace('.', '_')
  return `
    CREATE TABLE IF NOT EXISTS ${name} (
      id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
      event_id TEXT NOT NULL, event_type TEXT, signed_at BIGINT NOT NULL, body BYTEA, state TEXT NOT NULL,
      attempts INTEGER NOT NULL, due_at BIGINT NOT NULL, token TEXT, error TEXT
    );
    CREATE INDEX IF NOT EXISTS ${index}_due ON ${name} (state, due_at, id);
    CREATE INDEX IF NOT EXISTS ${index}_dead ON ${name} (id) WHERE state = 'dead';`
}

/**
 * Makes an inbox in PostgreSQL. Each event goes to one of the processes that have started it.
 *
 * @param database - A pool of `pg`, or a client that is used for nothing else.
 * @throws {RangeError} `table` is not a name.
 */
export function postgresInbox(database: PostgresQueryable, options: PostgresInboxOptions = {}): InboxStore {
  const { statements, run } = inboxIn(database, options)
  return withRuns(statements, async (event) => ({
    tx: undefined,
    succeed: async (forgetAtMs) => statements.succeed(run, event, forgetAtMs),
    fail: async (error, retryAtMs) => statements.fail(event, error, retryAtMs),
  }))
}

/**
 * Makes an inbox whose mark "done" is one transaction with what the handler writes through `context.tx`: an event has
 * its effects in the database exactly once. The rules for `tx` are those of `postgresTransaction`.
 *
 * @throws {RangeError} `table` is not a name.
 */
export function postgresTransactionInbox<Client extends PostgresClient = PostgresClient>(
  pool: PostgresPool<Client>,
  options: PostgresInboxOptions = {},
): InboxStore<Client> {
  const { statements } = inboxIn(pool, options)
  return withRuns(statements, async (event) => {
    const transaction = await beginTransaction(pool, IDLE_MS)
    return {
      tx: transaction.client,
      async succeed(forgetAtMs) {
        let isMarked = false
        try {
          isMarked = await statements.succeed(transaction.run, event, forgetAtMs)
        } catch (error) {
          await transaction.rollback()
          throw error
        }
        await (isMarked ? transaction.commit() : transaction.rollback())
        return isMarked
      },
      async fail(error, retryAtMs) {
        await transaction.rollback()
        await statements.fail(event, error, retryAtMs)
      },
    }
  })
}

function inboxIn(database: PostgresQueryable, options: PostgresInboxOptions) {
  const { table, createTable } = { ...DEFAULTS, ...options }
  tableName(table)
  const prepare = beforeFirst(async () => {
    if (createTable) await createInOrder(database, inboxTable(table))
  })
  const query = postgresRunner(database)
  const run: typeof query = async (text, values) => {
    await prepare()
    return query(text, values)
  }
  return { statements: inboxSql(table, run, 'FOR UPDATE SKIP LOCKED'), run }
}

function withRuns<Tx>(
  { succeed: _succeed, fail: _fail, ...statements }: InboxSql,
  begin: (event: ClaimedEvent) => Promise<InboxRun<Tx>>,
): InboxStore<Tx> {
  return { ...statements, begin }
}
