import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'

import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import { openMoveSource } from '../../src/databases-to-move.ts'
import { firstIdAt } from '../../src/domain/id.ts'
import type { StoreOptions } from '../../src/open-store.ts'
import { temporaryFolder } from '../storage/temporary-folder.ts'
import { eventually } from '../support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { runCommand } from '../support/process.ts'
import { everythingIn, fillSqlite } from './moved-rows.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const KEY = new Uint8Array(randomBytes(32))
const KEY_TEXT = Buffer.from(KEY).toString('base64')
const MESSAGES = 5_000
const NOW = 1_790_000_000_000

/** Messages of one application, each with a delivery that waits and an attempt. */
function fill(path: string): void {
  const id = (i: number) => `${firstIdAt('message', NOW + i * 60_000)}${String(i).padStart(19, '0')}`
  const indexes = Array.from({ length: MESSAGES }, (_, i) => i)
  const none = {
    token: [],
    login_key: [],
    endpoint: [],
    endpoint_history: [],
    endpoint_line: [],
    event_type: [],
  }
  fillSqlite(path, KEY, {
    ...none,
    signing_key: [],
    task: [],
    answer: [],
    audit: [],
    message_key: [],
    organisation: [['org_1', NOW]],
    application: [['app_1', 'org_1', null, 'A', null, null, '{}', NOW, NOW, null]],
    message: indexes.map((i) => [
      'app_1',
      id(i),
      'a.b',
      `e${i}`,
      null,
      ['t'],
      Buffer.from(`{"n":${i}}`),
      'application/json',
      null,
      NOW,
      null,
      null,
    ]),
    delivery: indexes.map((i) => [
      'app_1',
      id(i),
      'ep_1',
      'a.b',
      1,
      1,
      1,
      NOW + i,
      null,
      null,
      null,
      null,
      null,
      null,
    ]),
    attempt: indexes.map((i) => [
      'app_1',
      id(i),
      `atmpt_${i}`,
      'ep_1',
      'https://a.example',
      false,
      500,
      '',
      1,
      'bad_response',
      'scheduled',
      NOW,
    ]),
  })
}

/** Returns how many chunks are on disk; `null` before there is one. */
async function chunksIn({ data, database = null, databaseSchema }: StoreOptions): Promise<number | null> {
  if (database === null) {
    const found = new DatabaseSync(join(data, 'posthorn.db'))
    try {
      return found.prepare('SELECT chunk FROM import_state').get()!['chunk'] as number
    } finally {
      found.close()
    }
  }
  const client = new Client({ connectionString: database.href })
  await client.connect()
  try {
    const { rows } = await client.query<{ chunk: string }>(`SELECT chunk FROM ${databaseSchema}.import_state`)
    return Number(rows[0]!.chunk)
  } finally {
    await client.end()
  }
}

test.for(['SQLite', 'PostgreSQL'] as const)(
  'an import into %s that is killed twice has everything once',
  { timeout: 180_000 },
  async (kind) => {
    const from = await temporaryFolder()
    fill(join(from, 'posthorn.db'))
    const env = { POSTHORN_ENCRYPTION_KEY: KEY_TEXT }
    const file = join(from, 'a.export')
    expect(await runCommand(['export', file, '--data', from], { env })).toMatchObject({ code: 0 })
    const lines = readFileSync(file, 'utf8').split(/(?<=\n)/)

    const data = await temporaryFolder()
    let options: StoreOptions = { data, encryptionKeys: [KEY] }
    const flags = ['--data', data]
    if (kind === 'PostgreSQL') {
      const { url } = await sharedPostgres()
      const databaseSchema = newSchemaName()
      onTestFinished(() => dropSchema(url, databaseSchema))
      options = { ...options, database: new URL(url), databaseSchema }
      flags.push('--database', url, '--database-schema', databaseSchema)
    }

    for (const share of [0.3, 0.8]) {
      const child = spawn(
        process.execPath,
        ['--conditions=@posthorn/source', MAIN, 'import', '-', ...flags],
        {
          env: { PATH: process.env['PATH'], ...env },
          stdio: ['pipe', 'ignore', 'ignore'],
        },
      )
      const exited = once(child, 'exit')
      onTestFinished(() => void child.kill('SIGKILL'))
      child.stdin.on('error', () => {})
      // All up to the middle of a chunk, and then nothing: the process waits for more when it is killed.
      const given = lines.slice(0, Math.floor(lines.length * share)).join('')
      const whole = given.split('{"sha256":').length - 1
      child.stdin.write(given)
      await eventually(
        () => chunksIn(options).catch(() => null),
        (chunks) => expect(chunks).toBe(whole),
      )
      child.kill('SIGKILL')
      expect(await exited).toEqual([null, 'SIGKILL'])
    }
    expect(await runCommand(['token', 'list', ...flags], { env })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not finished'),
    })

    // What was cut off is no export; the whole one is gone on with.
    const cut = join(data, 'cut.export')
    writeFileSync(cut, lines.slice(0, -1).join(''))
    expect(await runCommand(['import', cut, ...flags], { env })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cut off'),
    })
    expect(await runCommand(['import', file, ...flags], { env })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Going on after chunk'),
      stdout: expect.stringContaining(`message 5,000, delivery 5,000, attempt 5,000`),
    })
    const source = await openMoveSource({ data: from, encryptionKeys: [KEY] })
    expect(await everythingIn(await openMoveSource(options), KEY)).toEqual(await everythingIn(source, KEY))
  },
)
