/**
 * Brings the schema up to date, with any number of nodes that start at once, while nodes of an older version run.
 *
 *     plan:  steps done ──▶ names of those to do
 *     apply: nothing to do ─────────────────────────────────────────────▶ done, without a lock
 *            else ──▶ the one lock ──▶ each step in its turn ─────────▶ done
 *                                        └─ no lock on a table in time: undone, and tried again
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'

import type { Client } from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import type { Database } from './database.ts'
import { buildIndex } from './index-build.ts'
import { LOCK_PATIENCE_MS, inTurns } from './lock-turns.ts'
import { MIGRATIONS, type Migration } from './migrations.ts'
import { openingHint } from './tls.ts'

/** From one look whether another process still migrates to the next. */
const ASK_AGAIN_MS = 200

/** What is to be done to a schema. */
export interface MigrationPlan {
  /** Steps that were done. */
  readonly applied: number
  /** Names of those that are to be done, in order. */
  readonly pending: readonly string[]
}

/** A node that has beaten within so many seconds may live. */
const ALIVE_S = 60

/** How a schema is brought up to date. */
export interface MigrateOptions {
  /** All steps, in order; by default those of this Posthorn. */
  readonly steps?: readonly Migration[]
  /** For how long locks are tried for that others do not give up, in milliseconds. */
  readonly lockPatienceMs?: number
}

/**
 * Returns what {@link applyMigrations} would do, and changes nothing.
 *
 * @throws {PosthornError} `data_unreadable`: not accessible, or of a newer Posthorn that this one does not work with.
 */
export function planMigrations(
  database: Database,
  { steps = MIGRATIONS }: MigrateOptions = {},
): Promise<MigrationPlan> {
  return withClient(database, async (client) => {
    const applied = await appliedSteps(client, steps)
    return { applied, pending: steps.slice(applied).map(({ name }) => name) }
  })
}

/**
 * Does the steps that are missing, under a lock that one process has at a time; returns their names. Nodes that run go on
 * meanwhile: no step keeps them waiting for a lock for longer than a moment.
 *
 * @throws {PosthornError} `data_unreadable`; `data_in_use`: others have had the tables of a step, or nodes run that would not
 *   work with it.
 */
export function applyMigrations(
  database: Database,
  { steps = MIGRATIONS, lockPatienceMs = LOCK_PATIENCE_MS }: MigrateOptions = {},
): Promise<string[]> {
  const { schema } = database.options
  return withClient(database, async (client) => {
    // Most starts find nothing to do, and then need no lock.
    if ((await appliedSteps(client, steps)) >= steps.length) return []
    await becomeTheOne(client, schema)
    await makeSchema(client, schema)
    const applied = await appliedSteps(client, steps)
    const pending = steps.slice(applied)
    for (const [i, step] of pending.entries()) await apply(client, applied + i + 1, step, lockPatienceMs)
    return pending.map(({ name }) => name)
  })
}

/** Asks for rights only where something is missing: who may not make schemas may have been given one. */
async function makeSchema(client: Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ has_schema: boolean; has_table: boolean }>(
    "SELECT to_regnamespace($1) IS NOT NULL AS has_schema, to_regclass('migration') IS NOT NULL AS has_table",
    [schema],
  )
  const { has_schema: hasSchema, has_table: hasTable } = rows[0]!
  if (!hasSchema) await client.query(`CREATE SCHEMA ${schema}`)
  if (hasTable) return
  await client.query(
    `CREATE TABLE migration (
       step integer PRIMARY KEY, name text NOT NULL, works_since integer NOT NULL,
       applied_at timestamptz NOT NULL DEFAULT now())`,
  )
}

/** Waits in looks, not in the lock: who builds an index waits for all statements that began before, and this would be one. */
async function becomeTheOne(client: Client, schema: string): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ is_ours: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS is_ours',
      [`posthorn migration ${schema}`],
    )
    if (rows[0]!.is_ours) return
    await pause(ASK_AGAIN_MS)
  }
}

async function apply(client: Client, place: number, step: Migration, patienceMs: number): Promise<void> {
  const { name, worksSince } = step
  try {
    if (worksSince > 0) await requireNoneBefore(client, step)
    if ('index' in step) await buildIndex(client, step.index, patienceMs)
    await inTurns(client, `The step "${name}" of the schema`, patienceMs, async () => {
      if ('sql' in step) await client.query(step.sql)
      await client.query('INSERT INTO migration (step, name, works_since) VALUES ($1, $2, $3)', [
        place,
        name,
        worksSince,
      ])
    })
  } catch (cause) {
    if (cause instanceof PosthornError) throw cause
    throw new PosthornError('data_unreadable', `The step "${name}" failed: ${(cause as Error).message}`, {
      hint: 'Nothing of it was kept. Run "posthorn migrate" with a role that owns the tables; nodes that run go on meanwhile',
      cause,
    })
  }
}

/** A node that beats has told what schema it knows; one that has not is of a time when none was told. */
async function requireNoneBefore(client: Client, { name, worksSince }: Migration): Promise<void> {
  const { rows } = await client.query<{ lease: string; version: string | null; host: string | null }>(
    `SELECT lease, state ->> 'version' AS version, state ->> 'host' AS host FROM node
     WHERE beaten_at > clock_timestamp() - make_interval(secs => $1)
       AND coalesce((state ->> 'schema')::integer, 0) < $2 ORDER BY lease`,
    [ALIVE_S, worksSince],
  )
  if (rows.length === 0) return
  const nodes = rows.map(
    ({ lease, version, host }) => `${lease} (${version ?? 'starting'}, ${host ?? 'unknown host'})`,
  )
  throw new PosthornError(
    'data_in_use',
    `Nodes run that would not work with the step "${name}": ${nodes.join(', ')}`,
    {
      hint: 'Upgrade them first, to the version before this one; or stop them',
    },
  )
}

async function appliedSteps(client: Client, steps: readonly Migration[]): Promise<number> {
  const { rows: found } = await client.query<{ found: string | null }>(
    "SELECT to_regclass('migration') AS found",
  )
  if (found[0]!.found === null) return 0
  const { rows } = await client.query<{ applied: number; works_since: number }>(
    'SELECT coalesce(max(step), 0) AS applied, coalesce(max(works_since), 0) AS works_since FROM migration',
  )
  const { applied, works_since: worksSince } = rows[0]!
  if (worksSince > steps.length) {
    throw new PosthornError('data_unreadable', `The database is of a newer Posthorn (schema ${applied})`, {
      hint: `This one knows schemas up to ${steps.length}, and that one works with Posthorns of ${worksSince} or more: upgrade it`,
    })
  }
  return applied
}

/** A session of its own, because the lock is the session's: it ends with it, however that ends. */
async function withClient<T>(database: Database, work: (client: Client) => Promise<T>): Promise<T> {
  const client = database.client({ isPatient: true })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } catch (cause) {
    if (cause instanceof PosthornError) throw cause
    throw new PosthornError('data_unreadable', `Cannot open the database: ${(cause as Error).message}`, {
      hint: openingHint(cause),
      cause,
    })
  } finally {
    await client.end().catch(() => {})
  }
}
