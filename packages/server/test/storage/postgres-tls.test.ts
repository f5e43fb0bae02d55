import { chownSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { Database } from '../../src/storage/postgres/database.ts'
import { openRelayOutbox } from '../../src/storage/postgres/relay-outbox.ts'
import { applyMigrations } from '../../src/storage/postgres/migrate.ts'
import { relaySchema } from '../../src/storage/postgres/relay-schema.ts'
import { raw } from '../../src/storage/postgres/sql.ts'
import { makeAuthority } from '../support/certificates.ts'
import { PostgresServer } from '../support/postgres-server.ts'

/** PostgreSQL wants its key to be its own, and under root the tests run it as this user. */
const NOBODY = 65_534

let server: PostgresServer
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-tls-'))
  chmodSync(folder, 0o755)
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    if (process.getuid?.() === 0) chownSync(join(folder, name), NOBODY, NOBODY)
  }
  const authority = makeAuthority()
  const issued = authority.issue({ names: ['localhost'] })
  write('ca.pem', authority.certificate)
  write('other.pem', makeAuthority('Somebody else').certificate)
  write('server.pem', issued.certificate)
  write('server.key', issued.key)
  server = await PostgresServer.create({
    settings: {
      ssl: 'on',
      ssl_cert_file: join(folder, 'server.pem'),
      ssl_key_file: join(folder, 'server.key'),
    },
  })
}, 60_000)

afterAll(async () => {
  await server?.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** The server's URL by one of its names; `CA` and `OTHER` stand for files of authorities. */
function urlOf(host: 'localhost' | '127.0.0.1', query: string): string {
  const search = query.replace('CA', join(folder, 'ca.pem')).replace('OTHER', join(folder, 'other.pem'))
  return `${server.url.replace('127.0.0.1', host)}?${search}`
}

/** Connects, and returns whether that was by TLS; or what was said instead. */
async function connect(url: string): Promise<string> {
  let database: Database | undefined
  try {
    const use = { poolSize: 1, batchConnections: 1, statementTimeoutMs: 30_000, patienceMs: 0 }
    database = new Database({ url, schema: 'by_tls', ...use })
    await applyMigrations(database)
    const row = await database.row(raw('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'))
    return row!['ssl'] === true ? 'encrypted' : 'plain'
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as { hint?: string }).hint}`
  } finally {
    await database?.stop()
  }
}

const UNTRUSTED = /^data_unreadable: The certificate of the database is not trusted here/

test.each([
  ['localhost', 'sslmode=disable', /^plain$/],
  ['localhost', 'sslmode=require', /^encrypted$/],
  ['localhost', 'sslmode=require&sslrootcert=OTHER', UNTRUSTED],
  ['localhost', 'sslmode=verify-full&sslrootcert=CA', /^encrypted$/],
  ['localhost', 'sslmode=verify-full&sslrootcert=OTHER', UNTRUSTED],
  ['localhost', 'sslmode=verify-full', UNTRUSTED],
  ['127.0.0.1', 'sslmode=verify-full&sslrootcert=CA', UNTRUSTED],
  ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=CA', /^encrypted$/],
  ['localhost', 'sslmode=verify-ca', /^bad_config: .*sslmode=verify-full/],
  ['localhost', 'sslmode=prefer', /^bad_config: Give disable, require/],
  ['localhost', 'sslrootcert=/nowhere/ca.pem', /^bad_config: Give the path of a PEM file/],
] as const)('a database at %s with %s', async (host, query, expected) => {
  expect(await connect(urlOf(host, query))).toMatch(expected)
})

test('a relay reads its database by TLS, and trusts no other authority', async () => {
  const rights =
    'GRANT USAGE ON SCHEMA relayed TO posthorn; GRANT ALL ON ALL TABLES IN SCHEMA relayed TO posthorn'
  await server.query(`${relaySchema('relayed')}; ${rights}`, 'posthorn')
  const open = (query: string) =>
    openRelayOutbox({ url: urlOf('localhost', query), schema: 'relayed', onSend() {} })
  const outbox = await open('sslmode=verify-full&sslrootcert=CA')
  expect(await outbox.take('')).toEqual([])
  await outbox.close()
  await expect(open('sslmode=verify-full&sslrootcert=OTHER')).rejects.toThrow(/certificate/)
})
