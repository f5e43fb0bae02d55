/** PostgreSQL, as `pg` offers it. @module */

import type { RunSql, SqlRow, SqlValue } from './sql.ts'

/** A pool, or a client, of `pg`. */
export interface PostgresQueryable {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
}

/** A client that a pool lends. */
export interface PostgresClient extends PostgresQueryable {
  release(destroy?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** A pool of `pg`, whose clients are `Client`. */
export interface PostgresPool<Client extends PostgresClient = PostgresClient> extends PostgresQueryable {
  connect(): Promise<Client>
}

/** A transaction on a client of its own. */
export interface Transaction<Client> {
  readonly client: Client
  readonly run: RunSql
  /** After a statement that has returned: a COMMIT after one that failed would undo all of it without an error. */
  commit(): Promise<void>
  readonly rollback: () => Promise<void>
}

/** Returns how to run statements. */
export function postgresRunner(database: PostgresQueryable): RunSql {
  return async (text, values) => (await database.query(text, values.map(storable))).rows as SqlRow[]
}

/** PostgreSQL has no text with a NUL in it; a JSON string, and so an id, may have one. */
function storable(value: SqlValue): SqlValue {
  return typeof value === 'string' ? value.replaceAll('\0', '\u{fffd}') : value
}

/**
 * Begins a transaction.
 *
 * @param idleMs - PostgreSQL ends the connection, and so undoes the transaction, when it was idle for this long:
 *   a process that hangs does not keep the event forever.
 */
export async function beginTransaction<Client extends PostgresClient>(
  pool: PostgresPool<Client>,
  idleMs: number,
): Promise<Transaction<Client>> {
  const client = await pool.connect()
  // Without a listener, a connection that ends while it is lent out would end the process.
  client.on('error', ignore)
  const end = (isBroken: boolean) => {
    client.off('error', ignore)
    client.release(isBroken)
  }
  try {
    await client.query('BEGIN')
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${Math.ceil(idleMs)}`)
  } catch (error) {
    end(true)
    throw error
  }
  return {
    client,
    run: postgresRunner(client),
    async commit() {
      try {
        await client.query('COMMIT')
        end(false)
      } catch (error) {
        end(true)
        throw error
      }
    },
    async rollback() {
      try {
        await client.query('ROLLBACK')
        end(false)
      } catch {
        // The connection is gone, and with it the transaction.
        end(true)
      }
    },
  }
}

function ignore(): void {
  // The statement that was under way, or the next one, rejects with the same error.
}
