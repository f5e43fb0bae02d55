// Begins an event in the store that it is told and dies in the handler, as a process does that is killed.
//   node crash-in-handler.ts sqlite|postgres|transaction|redis <url or path> <key> <now> [schema.table]
import { DatabaseSync } from 'node:sqlite'

import { Redis } from 'ioredis'
import { Pool } from 'pg'

import type { DedupeStore } from '../../src/handle.ts'
import { postgresDedupe, postgresTransaction } from '../../src/postgres.ts'
import { redisDedupe } from '../../src/redis.ts'
import { sqliteDedupe } from '../../src/sqlite.ts'

const [kind = '', place = '', key = '', now = '', table = 'posthorn_dedupe'] = process.argv.slice(2)
const stores: Record<string, () => DedupeStore<unknown>> = {
  sqlite: () => sqliteDedupe(new DatabaseSync(place)),
  postgres: () => postgresDedupe(new Pool({ connectionString: place }), { table }),
  transaction: () => postgresTransaction(new Pool({ connectionString: place }), { table }),
  redis: () => redisDedupe(new Redis(place, { enableReadyCheck: false })),
}
const nowMs = Number(now)
const begun = await stores[kind]!().begin(key, {
  nowMs,
  leaseEndMs: nowMs + 1_000,
  windowEndMs: nowMs + 60_000,
})
if (begun.state !== 'begun') throw new Error(begun.state)
process.kill(process.pid, 'SIGKILL')
