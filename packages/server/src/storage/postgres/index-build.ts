/**
 * Indexes on tables that are in use. `CREATE INDEX` would keep all writes waiting until it is done, and the one that does
 * not, `CONCURRENTLY`, is not for tables in partitions. So:
 *
 *     empty index of the parent ──▶ for each partition: built concurrently ──▶ attached ──▶ … ──▶ the parent's is valid
 *
 * A partition that is made after the first step has its index from birth. What an interrupted build leaves behind is found
 * and gone on with.
 *
 * @module
 */

import type { Client } from 'pg'

import { isMissingTable } from './faults.ts'
import { inTurns } from './lock-turns.ts'
import type { NewIndex } from './migrations.ts'

/** Builds an index, or the rest of it. @throws {PosthornError} `data_in_use`. */
export async function buildIndex(client: Client, index: NewIndex, patienceMs: number): Promise<void> {
  const { name, table, on } = index
  const turns = (work: () => Promise<void>) => inTurns(client, `The index ${name}`, patienceMs, work)
  if (!(await isPartitioned(client, table))) return buildOne(client, name, table, on)
  await turns(async () => {
    await client.query(`CREATE INDEX IF NOT EXISTS ${name} ON ONLY ${table} ${on}`)
  })
  for (const partition of await partitionsWithout(client, index)) {
    const own = `${name}${partition.slice(table.length)}`
    try {
      await buildOne(client, own, partition, on)
      await turns(async () => {
        await client.query(`ALTER INDEX ${name} ATTACH PARTITION ${own}`)
      })
    } catch (error) {
      if (!isMissingTable(error)) throw error
    }
  }
}

async function buildOne(client: Client, name: string, table: string, on: string): Promise<void> {
  const { rows } = await client.query<{ is_valid: boolean }>(
    'SELECT indisvalid AS is_valid FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  )
  if (rows[0]?.is_valid === true) return
  if (rows.length > 0) await client.query(`DROP INDEX CONCURRENTLY ${name}`)
  await client.query(`CREATE INDEX CONCURRENTLY ${name} ON ${table} ${on}`)
}

async function isPartitioned(client: Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ kind: string }>(
    'SELECT relkind AS kind FROM pg_class WHERE oid = $1::regclass',
    [table],
  )
  return rows[0]!.kind === 'p'
}

async function partitionsWithout(client: Client, { name, table }: NewIndex): Promise<string[]> {
  const { rows } = await client.query<{ partition: string }>(
    `SELECT c.relname AS partition FROM pg_inherits p JOIN pg_class c ON c.oid = p.inhrelid
     WHERE p.inhparent = $1::regclass AND NOT EXISTS (
       SELECT 1 FROM pg_inherits a JOIN pg_index i ON i.indexrelid = a.inhrelid
       WHERE a.inhparent = $2::regclass AND i.indrelid = c.oid)
     ORDER BY c.relname`,
    [table, name],
  )
  return rows.map(({ partition }) => partition)
}
