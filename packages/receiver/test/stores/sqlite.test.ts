import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, test } from 'vitest'

import { sqliteDedupe, sqliteInbox } from '../../src/sqlite.ts'
import { crashIn } from './crash.ts'
import { dedupeContract, leaseContract, runOf } from './dedupe-contract.ts'
import { inboxContract } from './inbox-contract.ts'

async function open() {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-dedupe-'))
  const path = join(folder, 'dedupe.db')
  const database = new DatabaseSync(path)
  let nowMs = Date.now()
  return {
    database,
    store: sqliteDedupe(database),
    now: () => nowMs,
    advance: async (ms: number) => void (nowMs += ms),
    crash: async (key: string) => crashIn('sqlite', path, key, nowMs),
    close: async () => {
      database.close()
      rmSync(folder, { recursive: true })
    },
  }
}

describe('deduplication in SQLite', () => {
  dedupeContract(open)
  leaseContract(open)

  test('what is forgotten, and what is more than maxRows, is removed', async () => {
    const database = new DatabaseSync(':memory:')
    const store = sqliteDedupe(database, { maxRows: 3, table: 'marks' })
    const handle = async (key: string, nowMs: number) =>
      runOf(await store.begin(key, { nowMs, leaseEndMs: nowMs + 10, windowEndMs: nowMs + 90_000 })).commit()
    const keys = () =>
      database
        .prepare('SELECT key FROM marks ORDER BY id')
        .all()
        .map((row) => row['key'])

    for (const key of ['a', 'b', 'c', 'd', 'e']) await handle(key, 0)
    expect(keys()).toHaveLength(5)
    await handle('f', 60_000)
    expect(keys()).toEqual(['c', 'd', 'e', 'f'])
    await handle('g', 120_000)
    expect(keys()).toEqual(['f', 'g'])
  })

  test('a table’s name is a name', () => {
    expect(() => sqliteDedupe(new DatabaseSync(':memory:'), { table: 'a; DROP TABLE b' })).toThrow(RangeError)
  })
})

describe('the inbox in SQLite', () => {
  inboxContract(async () => {
    const database = new DatabaseSync(':memory:')
    return { store: sqliteInbox(database), close: async () => database.close() }
  })
})
