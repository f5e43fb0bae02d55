/** PostgreSQL for a bench: that of npm, with commits that are written through, and a count of its statements. @module */

import { readFileSync, readdirSync } from 'node:fs'

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
  /** Where stores connect. */
  readonly url: string
  /** Runs a statement in the stores' database, as one who may do anything. */
  query(sql: string): Promise<Record<string, unknown>[]>
  /** Processor time used so far by all its processes, in milliseconds. Linux alone tells. */
  cpuMs(): number
  /** Round trips of stores since the last call, most frequent first; transactions and `LISTEN` included. */
  takeCounts(): Promise<StatementCount[]>
  readonly stop: () => Promise<void>
}

/** Starts PostgreSQL as it is installed, save for what counts: fsync is on. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<BenchPostgres> {
  const server = await PostgresServer.create({
    isDurable: true,
    settings: {
      shared_preload_libraries: 'pg_stat_statements',
      shared_buffers: '256MB',
      max_wal_size: '4GB',
      ...settings,
    },
  })
  await server.query('CREATE EXTENSION pg_stat_statements')
  const [child] = await server.query(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`)
  const postmaster = statOf(String(child!['pid'])).parent
  return {
    url: server.url,
    query: (sql) => server.query(sql, 'posthorn'),
    cpuMs: () =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => statOf(pid))
        .filter(({ pid, parent }) => pid === postmaster || parent === postmaster)
        .reduce((sum, { cpuMs }) => sum + cpuMs, 0),
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

/** What the system knows of a process: those that have ended count for their parent. */
function statOf(pid: string): { pid: string; parent: string; cpuMs: number } {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return { pid, parent: '', cpuMs: 0 }
  }
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return { pid, parent: fields[1]!, cpuMs: ticks * 10 }
}
