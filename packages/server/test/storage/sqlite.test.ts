import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { expect, onTestFinished, test } from 'vitest'

import { SqliteStore, type SqliteStoreOptions } from '../../src/storage/sqlite/sqlite-store.ts'
import { storeConformance } from './conformance.ts'
import type { OpenedStore } from './opened-store.ts'
import { NOW, WHOLE, newApplication, newEndpoint, newMessage, newScene, newToken, upTo } from './fixtures.ts'
import { temporaryFolder } from './temporary-folder.ts'

storeConformance('SQLite', async (): Promise<OpenedStore> => {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-'))
  const encryptionKey = randomBytes(32)
  const start = async () => {
    const store = new SqliteStore({ path: join(folder, 'posthorn.db'), encryptionKey, isExclusive: true })
    await store.start()
    return store
  }
  let store = await start()
  return {
    store,
    async reopen() {
      await store.stop()
      store = await start()
      return store
    },
    async close() {
      await store.stop()
      await rm(folder, { recursive: true })
    },
  }
})

const KEY = randomBytes(32)

/** Makes a store, to be stopped when the test has ended. It has not been started. */
function newStore(path: string, options: Partial<SqliteStoreOptions> = {}): SqliteStore {
  const store = new SqliteStore({ path, encryptionKey: KEY, isExclusive: true, ...options })
  onTestFinished(() => store.stop())
  return store
}

async function startStore(path: string, options: Partial<SqliteStoreOptions> = {}): Promise<SqliteStore> {
  const store = newStore(path, options)
  await store.start()
  return store
}

async function newPath(): Promise<string> {
  return join(await temporaryFolder(), 'posthorn.db')
}

test('a second server on the same data is refused, until the first has stopped', async () => {
  const path = await newPath()
  const first = await startStore(path)
  await expect(newStore(path).start()).rejects.toMatchObject({ code: 'data_in_use' })

  const application = newApplication()
  await first.createApplication(application)
  await first.stop()
  const second = await startStore(path)
  expect(await second.findApplication(application.organisationId, application.id)).toEqual(application)
})

test('a tool beside the server reads and writes its data, and the server is told that anything may differ', async () => {
  const path = await newPath()
  const server = await startStore(path)
  const told = new Promise<string | null>((resolve) => server.onChange(resolve))
  const tool = await startStore(path, { isExclusive: false })

  const application = newApplication()
  await server.createApplication(application)
  expect(await tool.findApplication(application.organisationId, application.id)).toEqual(application)

  const token = newToken()
  await tool.createToken(token)
  expect(await told).toBeNull()
  expect(await server.findToken(token.hash)).toEqual(token)
})

test('a tool beside the server cannot join as a node, and so cannot free what the server holds', async () => {
  const path = await newPath()
  const server = await startStore(path)
  const { lease, send, delivery } = await newScene(server)
  const message = await send({}, { lease })

  const tool = await startStore(path, { isExclusive: false })
  await expect(tool.joinAsNode(NOW)).rejects.toBeInstanceOf(Error)
  expect(await delivery(message)).toMatchObject({ status: 'sending' })
})

test.each([
  [
    'that is no database',
    (path: string) => writeFileSync(path, 'no database, but long enough to look like one'),
  ],
  [
    'of a newer Posthorn',
    (path: string) => {
      const database = new DatabaseSync(path)
      database.exec('PRAGMA journal_mode = WAL; PRAGMA user_version = 1000')
      database.close()
    },
  ],
])('a file %s is refused, left as it is, and not held', async (_, make) => {
  const path = await newPath()
  make(path)
  const before = await readFile(path)
  await expect(newStore(path).start()).rejects.toMatchObject({ code: 'data_unreadable' })
  expect(await readFile(path)).toEqual(before)

  await rm(path)
  await startStore(path)
})

test.each([true, false])('a folder that does not exist is refused (exclusive: %s)', async (isExclusive) => {
  const path = join(await temporaryFolder(), 'missing', 'posthorn.db')
  await expect(newStore(path, { isExclusive }).start()).rejects.toMatchObject({ code: 'data_unreadable' })
})

test('a key of the wrong length is refused at the start', async () => {
  const path = await newPath()
  const store = newStore(path, { encryptionKey: randomBytes(16) })
  await expect(store.start()).rejects.toMatchObject({ code: 'bad_key' })
})

test('a wrong key is refused at the start, and the right one still opens', async () => {
  const path = await newPath()
  const store = await startStore(path)
  const endpoint = newEndpoint()
  await store.createEndpoint(endpoint)
  await store.stop()

  await expect(startStore(path, { encryptionKey: randomBytes(32) })).rejects.toMatchObject({
    code: 'bad_key',
  })

  const owner = await startStore(path)
  expect(await owner.findEndpoint(endpoint.applicationId, endpoint.id)).toEqual(endpoint)
})

test('a secret is in no file of the folder in plain text', async () => {
  const folder = await temporaryFolder()
  const store = await startStore(join(folder, 'posthorn.db'))
  const endpoint = newEndpoint({ description: 'in plain text' })
  await store.createEndpoint(endpoint)
  await store.stop()

  const files = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file))))
  const bytes = Buffer.concat(files)
  expect(bytes.includes(endpoint.description)).toBe(true)
  expect(bytes.includes(endpoint.secret)).toBe(false)
  expect(bytes.includes(endpoint.secret.slice('whsec_'.length))).toBe(false)
})

test('a full queue refuses messages, which are not kept, but no result of an attempt', async () => {
  const store = await startStore(await newPath(), { queue: { maxQueued: 3 } })
  const { application, lease, send, trySend, record, delivery } = await newScene(store)
  const held = await send({}, { lease })

  const messages = Array.from({ length: 10 }, () => newMessage({ applicationId: application.id }))
  const sent = Promise.allSettled(messages.map((message) => trySend(message)))
  expect(await record(held, { kind: 'success' })).toBe('recorded')

  const results = await sent
  const refused = results.filter((result) => result.status === 'rejected')
  expect(refused).toMatchObject(Array.from({ length: 7 }, () => ({ reason: { code: 'busy' } })))
  expect(await store.listMessages(application.id, WHOLE, {})).toHaveLength(1 + 3)
  expect(await delivery(held)).toMatchObject({ status: 'success' })
})

test('what was acknowledged before kill -9 is there after it, and can be claimed', async () => {
  const path = await newPath()
  const { applicationId, id: endpointId } = newEndpoint()
  const script = fileURLToPath(new URL('./accept-until-killed.ts', import.meta.url))
  const names = { path, key: KEY.toString('hex'), application: applicationId, endpoint: endpointId }
  const args = Object.entries(names).map(([name, value]) => `--${name}=${value}`)
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')

  const acknowledged: string[] = []
  for await (const line of createInterface(child.stdout)) {
    // Lines that were on their way when the process died come as well, and count.
    if (acknowledged.push(line) === 200) child.kill('SIGKILL')
  }
  expect(await exited).toEqual([null, 'SIGKILL'])

  const store = await startStore(path)
  const page = { limit: 100_000, order: 'ascending', after: null } as const
  const kept = new Set((await store.listMessages(applicationId, page, {})).map(({ id }) => id))
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([])

  const lease = await store.joinAsNode(NOW)
  const claim = {
    lease,
    applicationId,
    endpointId,
    limits: upTo(100_000),
    isOrdered: false,
    maxBytes: 1e9,
    now: NOW,
  }
  const claimed = new Set((await store.claimDeliveries(claim)).map(({ message }) => message.id))
  expect(claimed).toEqual(kept)
})
