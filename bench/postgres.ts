/** PostgreSQL for a bench: that of npm, with commits that are written through, and a count of its statements. @module */

import { PostgresServer } from '../packages/server/test/support/postgres-server.ts'

/** Statements of one kind. */
export interface StatementCount {
  readonly calls: number
  /** Mean, in milliseconds. */
  readonly meanMs: number
  /** Its first characters. */
  readonly text: string
}

/** PostgreSQL that runs. */
export interface BenchPostgres {
  /** What a server needs to use it. */
  readonly env: Readonly<Record<string, string>>
  /** Round trips of stores since the last call, most frequent first; transactions and `LISTEN` included. */
  takeCounts(): Promise<StatementCount[]>
  readonly stop: () => Promise<void>
}

/** Starts PostgreSQL as it is installed, save for what counts: fsync is on. */
export async function startPostgres(): Promise<BenchPostgres> {
  const server = await PostgresServer.create({
    isDurable: true,
    settings: {
      shared_preload_libraries: 'pg_stat_statements',
      shared_buffers: '256MB',
      max_wal_size: '4GB',
    },
  })
  await server.query('CREATE EXTENSION pg_stat_statements')
  return {
    env: {
      POSTHORN_DATABASE: server.url,
      POSTHORN_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
    },
    async takeCounts() {
      const rows = await server.query(
        `SELECT s.calls, s.mean_exec_time AS mean, s.query FROM pg_stat_statements s
         JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'posthorn' AND s.toplevel ORDER BY s.calls DESC`,
      )
      await server.query('SELECT pg_stat_statements_reset()')
      return rows.map(({ calls, mean, query }) => ({
        calls: Number(calls),
        meanMs: Number(mean),
        text: String(query).replaceAll(/\s+/g, ' ').slice(0, 60),
      }))
    },
    stop: () => server.remove(),
  }
}
