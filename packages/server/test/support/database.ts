/** The database that a test's servers use: the project of the run says which. @module */

import { createHash } from 'node:crypto'

import { onTestFinished } from 'vitest'

import { openStore } from '../../src/open-store.ts'
import { resolveOptions } from '../../src/options/resolve.ts'
import { environmentName } from '../../src/options/spec.ts'
import type { Store } from '../../src/storage/store.ts'
import { dropSchema, sharedPostgres } from './postgres.ts'

/** Whether this run is on PostgreSQL: see the projects in `vitest.config.ts`. */
export const isOnPostgres = process.env['POSTHORN_TEST_DATABASE'] === 'postgres'

/** Connections of a server in a test: many servers share one PostgreSQL. */
const POOL = 4

/** Silence after which a node is dead, the least that may be: a test waits for it. */
const NODE_TIMEOUT = '3s'

const known = new Map<string, Readonly<Record<string, string>>>()

/**
 * Returns the options of the database that belongs to this folder, by their long names; none on the embedded one. The end of
 * the test removes it, after what the test registered later.
 */
export async function databaseFlags(data: string): Promise<Readonly<Record<string, string>>> {
  if (!isOnPostgres) return {}
  const before = known.get(data)
  if (before !== undefined) return before
  const { url } = await sharedPostgres()
  const schema = `test_${createHash('sha256').update(data).digest('hex').slice(0, 12)}`
  const flags = {
    database: url,
    'database-schema': schema,
    'database-pool': String(POOL),
    'node-timeout': NODE_TIMEOUT,
  }
  known.set(data, flags)
  try {
    onTestFinished(async () => {
      known.delete(data)
      await dropSchema(url, schema)
    })
  } catch {
    // A server for all tests of a file: its schema stays until PostgreSQL itself goes.
  }
  return flags
}

/** The same as the environment of a command with these arguments: the folder is its `--data`. */
export async function databaseEnvironment(args: readonly string[]): Promise<Record<string, string>> {
  const at = args.indexOf('--data')
  const flags = at === -1 ? {} : await databaseFlags(args[at + 1]!)
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [environmentName(name), value]))
}

/** Opens the database of this folder beside a server, as the commands do. The caller stops it. */
export async function openTestStore(data: string): Promise<Store> {
  const options = resolveOptions({ flags: { data, ...(await databaseFlags(data)) } })
  const { store } = openStore(options, { isExclusive: false })
  await store.start()
  return store
}
