/** Brings the schema up to date, with any number of nodes that start at once. @module */

import type { Client } from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import type { Database } from './database.ts'
import { MIGRATIONS, type Migration } from './migrations.ts'

/** What is to be done to a schema. */
export interface MigrationPlan {
  /** Steps that were done. */
  readonly applied: number
  /** Names of those that are to be done, in order. */
  readonly pending: readonly string[]
}

/**
 * Returns what {@link applyMigrations} would do, and changes nothing.
 *
 * @throws {PosthornError} `data_unreadable`: not accessible, or of a newer Posthorn that this one does not work with.
 */
export function planMigrations(database: Database): Promise<MigrationPlan> {
  return withClient(database, async (client) => {
    const applied = await appliedSteps(client)
    return { applied, pending: MIGRATIONS.slice(applied).map(({ name }) => name) }
  })
}

/**
 * Does the steps that are missing, each in a transaction, under a lock that one process has at a time; returns their names.
 * Nodes that run go on meanwhile.
 *
 * @throws {PosthornError} `data_unreadable`.
 */
export function applyMigrations(database: Database): Promise<string[]> {
  const { schema } = database.options
  return withClient(database, async (client) => {
    // Most starts find nothing to do, and then need no lock.
    if ((await appliedSteps(client)) >= MIGRATIONS.length) return []
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`posthorn migration ${schema}`])
    // Who may not make schemas may have been given one.
    const { rows } = await client.query<{ found: string | null }>('SELECT to_regnamespace($1) AS found', [
      schema,
    ])
    if (rows[0]!.found === null) await client.query(`CREATE SCHEMA ${schema}`)
    await client.query(
      `CREATE TABLE IF NOT EXISTS migration (
         step integer PRIMARY KEY, name text NOT NULL, works_since integer NOT NULL,
         applied_at timestamptz NOT NULL DEFAULT now())`,
    )
    const pending = MIGRATIONS.slice(await appliedSteps(client))
    for (const step of pending) await apply(client, step)
    return pending.map(({ name }) => name)
  })
}

async function apply(client: Client, { name, sql, worksSince }: Migration): Promise<void> {
  const step = MIGRATIONS.findIndex((migration) => migration.name === name) + 1
  await client.query('BEGIN')
  await client.query(sql)
  await client.query('INSERT INTO migration (step, name, works_since) VALUES ($1, $2, $3)', [
    step,
    name,
    worksSince,
  ])
  await client.query('COMMIT')
}

async function appliedSteps(client: Client): Promise<number> {
  const { rows: found } = await client.query<{ found: string | null }>(
    "SELECT to_regclass('migration') AS found",
  )
  if (found[0]!.found === null) return 0
  const { rows } = await client.query<{ applied: number; works_since: number }>(
    'SELECT coalesce(max(step), 0) AS applied, coalesce(max(works_since), 0) AS works_since FROM migration',
  )
  const { applied, works_since: worksSince } = rows[0]!
  if (worksSince > MIGRATIONS.length) {
    throw new PosthornError('data_unreadable', `The database is of a newer Posthorn (schema ${applied})`, {
      hint: `This one knows schemas up to ${MIGRATIONS.length}: upgrade it`,
    })
  }
  return applied
}

/** A session of its own, because the lock is the session's: it ends with it, however that ends. */
async function withClient<T>(database: Database, work: (client: Client) => Promise<T>): Promise<T> {
  const client = database.client()
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } catch (cause) {
    if (cause instanceof PosthornError) throw cause
    throw new PosthornError('data_unreadable', `Cannot open the database: ${(cause as Error).message}`, {
      hint: 'It must be reachable under the URL given, and its role must be allowed to create a schema there',
      cause,
    })
  } finally {
    await client.end().catch(() => {})
  }
}
