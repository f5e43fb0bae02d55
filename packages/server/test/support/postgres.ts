/** The PostgreSQL that the test files of a run share; each test has a schema of its own in it. @module */

import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

import { Client } from 'pg'
import { inject } from 'vitest'

import type { SharedPostgres } from './postgres-setup.ts'

let asked: Promise<{ url: string; superuserUrl: string }> | null = null

/** Returns where the shared PostgreSQL is; starts it where this is the first to ask. */
export function sharedPostgres(): Promise<{ url: string; superuserUrl: string }> {
  asked ??= ask()
  return asked
}

async function ask(): Promise<{ url: string; superuserUrl: string }> {
  const said = JSON.parse(await text(connect(inject('postgresPort'), '127.0.0.1'))) as SharedPostgres
  if ('error' in said) throw new Error(said.error)
  return said
}

/** Returns a name for a schema that no other test has. */
export function newSchemaName(): string {
  return `test_${randomBytes(6).toString('hex')}`
}

/** Removes a schema with all that is in it. */
export async function dropSchema(url: string, schema: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  await client.end()
}
