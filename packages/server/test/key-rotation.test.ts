import { createCipheriv, randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { expect, test } from 'vitest'

import { claimKeys, openStore } from '../src/open-store.ts'
import { newSigningKey } from '../src/domain/signing-key.ts'
import { type RotationDeps, rotateEncryptionKey } from '../src/key-rotation.ts'
import { writeKeyFile } from '../src/keys.ts'
import { resolveOptions } from '../src/options/resolve.ts'
import { keyIdOf, parseKeys, showKeys } from '../src/storage/key-ring.ts'
import type { Store } from '../src/storage/store.ts'
import { NOW, newApplication, newEndpoint } from './storage/fixtures.ts'
import { temporaryFolder } from './storage/temporary-folder.ts'
import { runCommand, startCommand, startPosthorn } from './support/process.ts'
import { startReceiver } from './support/receiver.ts'
import { TOKEN } from './support/server.ts'

const keysIn = (data: string) => parseKeys(readFileSync(join(data, 'encryption.key'), 'utf8'))!
const optionsFor = (data: string, key?: string) =>
  resolveOptions({ flags: { data }, environment: key === undefined ? {} : { POSTHORN_ENCRYPTION_KEY: key } })

/** Ids of the keys that sealed values in the database begin with. */
function sealersIn(data: string): Set<string> {
  const database = new DatabaseSync(join(data, 'posthorn.db'))
  try {
    const columns = ['secret', 'headers', 'old_secrets', 'auth'].map(
      (column) => `SELECT ${column} AS sealed FROM endpoint`,
    )
    const rows = database
      .prepare(
        [...columns, 'SELECT content FROM answer', 'SELECT private_key FROM signing_key'].join(' UNION ALL '),
      )
      .all()
    return new Set(
      rows
        .filter(({ sealed }) => sealed !== null)
        .map(({ sealed }) => Buffer.from((sealed as Uint8Array).subarray(1, 5)).toString('hex')),
    )
  } finally {
    database.close()
  }
}

async function withStore<T>(data: string, work: (store: Store) => Promise<T>): Promise<T> {
  const { store } = openStore(optionsFor(data), { isExclusive: false })
  await store.start()
  try {
    return await work(store)
  } finally {
    await store.stop()
  }
}

const NEW_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** Fills a new database with one of everything that is sealed, many times over; returns what reads it all. */
async function fill(data: string, endpoints: number) {
  const { id: applicationId, ...rest } = newApplication()
  const made = Array.from({ length: endpoints }, (_, i) =>
    newEndpoint({
      applicationId,
      headers: i % 2 === 0 ? { 'x-token': `t${i}` } : {},
      auth: i % 3 === 0 ? { type: 'basic', username: 'u', password: `p${i}` } : null,
    }),
  )
  const signing = newSigningKey(NOW)
  await withStore(data, async (store) => {
    await store.createApplication({ id: applicationId, ...rest })
    await Promise.all(made.map((endpoint) => store.createEndpoint(endpoint)))
    const rotation = { secret: NEW_SECRET, graceMs: 1e12 }
    await store.rotateEndpointSecret(applicationId, made[0]!.id, rotation, NOW)
    await store.deleteEndpoint(applicationId, made[1]!.id, NOW)
    await store.saveAnswer({ key: 'k', body: 'b', status: 201, content: 'secret', createdAt: NOW })
    await store.createSigningKey(signing)
  })
  return () =>
    withStore(data, async (store) => ({
      endpoints: await store.listEndpoints(applicationId, { limit: 10_000, order: 'ascending', after: null }),
      answer: await store.findAnswer('k', 0),
      signing: await store.listSigningKeys(),
    }))
}

/** Rotates once, and is cut off before the call of the store with this number. */
async function rotate(data: string, cutAt = Infinity, key?: string): Promise<void> {
  const { store, keys } = openStore(optionsFor(data, key), { isExclusive: false })
  await store.start()
  let calls = 0
  const cut =
    <A extends unknown[], R>(call: (...args: A) => R) =>
    (...args: A): R => {
      if (calls++ === cutAt) throw new Error('cut off')
      return call(...args)
    }
  const deps: RotationDeps = {
    store: {
      listEncryptionKeys: cut(() => store.listEncryptionKeys()),
      offerEncryptionKey: cut((id) => store.offerEncryptionKey(id)),
      sealWith: cut((id) => store.sealWith(id)),
      resealSecrets: cut((after) => store.resealSecrets(after, 3)),
      forgetEncryptionKeys: cut(() => store.forgetEncryptionKeys()),
    },
    keys: keys.keys,
    writeKeys: keys.file === null ? null : cut((next) => writeKeyFile(keys.file!, next)),
    clock: () => 0,
    sleep: async () => {},
    say: () => {},
  }
  try {
    await rotateEncryptionKey(deps)
  } finally {
    await store.stop()
  }
}

test('a rotation seals everything with a new key, and nothing else needs the old one', async () => {
  const data = await temporaryFolder()
  const read = await fill(data, 10)
  const before = await read()
  const [old] = keysIn(data)
  await rotate(data)

  const keys = keysIn(data)
  expect(keys).toHaveLength(1)
  expect(keys[0]).not.toEqual(old)
  expect(sealersIn(data)).toEqual(new Set([keyIdOf(keys[0]!)]))
  expect(await read()).toEqual(before)
  expect(statSync(join(data, 'encryption.key')).mode & 0o777).toBe(0o600)

  writeFileSync(join(data, 'encryption.key'), showKeys([old!]))
  await expect(read()).rejects.toMatchObject({
    code: 'bad_key',
    message: expect.stringContaining(keyIdOf(keys[0]!)),
  })
})

test('cut off before any of its steps, everything opens, and the next run finishes', async () => {
  const data = await temporaryFolder()
  const read = await fill(data, 4)
  const before = await read()
  let cuts = 0
  for (let isCut = true; isCut;) {
    const made = keysIn(data)
    isCut = await rotate(data, cuts).then(
      () => false,
      (error: Error) => error.message === 'cut off',
    )
    expect(await read(), `cut at ${cuts}`).toEqual(before)
    if (isCut) {
      cuts += 1
      await rotate(data)
    }
    expect(keysIn(data), `cut at ${cuts}`).toHaveLength(1)
    expect(keysIn(data)).not.toEqual(made)
    expect(sealersIn(data)).toEqual(new Set([keyIdOf(keysIn(data)[0]!)]))
  }
  expect(cuts).toBeGreaterThan(8)
}, 120_000)

test('a database of before keys had ids opens, and is rotated', async () => {
  const data = await temporaryFolder()
  const read = await fill(data, 4)
  const before = await read()
  const [key] = keysIn(data)
  const database = new DatabaseSync(join(data, 'posthorn.db'))
  const seal = (secret: string) => {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key!, nonce)
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.of(1), nonce, cipher.getAuthTag(), text])
  }
  for (const { id, secret } of before.endpoints) {
    database.prepare('UPDATE endpoint SET secret = ? WHERE id = ?').run(seal(secret), id)
  }
  database.exec('DELETE FROM encryption_key')
  database.close()

  expect(await read()).toEqual(before)
  await rotate(data)
  expect(await read()).toEqual(before)
  expect(sealersIn(data)).toEqual(new Set([keyIdOf(keysIn(data)[0]!)]))
})

test('kill -9 in the middle, beside a server that goes on sending and sealing, loses nothing', async () => {
  const data = await temporaryFolder()
  await fill(data, 3_000)
  const [old] = keysIn(data)
  const posthorn = await startPosthorn(data)
  const receiver = await startReceiver()
  const application = await posthorn.api.makeApplication()
  const endpoint = await posthorn.api.makeEndpoint(application, receiver.url)
  const secret = await posthorn.api.secretOf(application, endpoint)

  const cut = startCommand(['keys', 'rotate', '--data', data])
  await cut.errorLine('Sealed again: 301')
  expect(await cut.kill('SIGKILL')).toBe(null)
  expect(keysIn(data)).toHaveLength(2)
  expect(sealersIn(data).size).toBe(2)

  // The server has taken the new key: it opens what either has sealed, and seals with the new one.
  expect(await posthorn.api.secretOf(application, endpoint)).toBe(secret)
  const between = await posthorn.api.makeEndpoint(application, receiver.url, { secret: NEW_SECRET })
  const first = await posthorn.api.send(application)
  await receiver.waitFor((requests) => requests.filter(({ id }) => id === first).length === 2)

  const done = await runCommand(['keys', 'rotate', '--data', data])
  expect(done).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Going on'),
    stdout: expect.stringContaining(`nothing needs ${keyIdOf(old!)} any more`),
  })
  const [key] = keysIn(data)
  expect(keysIn(data)).toHaveLength(1)
  expect(sealersIn(data)).toEqual(new Set([keyIdOf(key!)]))
  const second = await posthorn.api.send(application)
  await receiver.waitFor((requests) => requests.filter(({ id }) => id === second).length === 2)

  expect(await posthorn.kill('SIGTERM')).toBe(0)
  const again = await startPosthorn(data)
  expect(await again.api.secretOf(application, between)).toBe(NEW_SECRET)
  const list = await runCommand(['keys', 'list', '--data', data])
  expect(list.stdout).toMatch(new RegExp(`^encryption {2}${keyIdOf(key!)} {2}seals$`, 'm'))
  expect(list.stdout).toMatch(/^signing {2}\S{43} {2}from \S+Z {2}until it is replaced {2}whpk_\S{44}$/m)
}, 120_000)

test('a server whose key is in the environment goes over to a new one at a restart, and the old one is given up', async () => {
  const data = await temporaryFolder()
  const [old, next] = [randomBytes(32), randomBytes(32)].map((key) => key.toString('base64'))
  const start = (key: string) => {
    const env = { POSTHORN_ENCRYPTION_KEY: key, POSTHORN_BOOTSTRAP_TOKEN: TOKEN }
    const server = startCommand(['serve', '--port', '0', '--data', data, '--dev'], { env })
    return server.line('Posthorn is listening').then(() => server)
  }
  const rotateWith = (key: string) =>
    runCommand(['keys', 'rotate', '--data', data], { env: { POSTHORN_ENCRYPTION_KEY: key } })

  const first = await start(old!)
  expect(() => keysIn(data)).toThrow('ENOENT')
  expect(await rotateWith(old!)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no key to change to'),
  })
  // The server that runs knows only the old key: nothing may be sealed with the new one.
  expect(await rotateWith(`${next},${old}`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not take the key'),
  })
  expect(await first.kill('SIGTERM')).toBe(0)

  const second = await start(`${next},${old}`)
  const done = await rotateWith(`${next},${old}`)
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('any more') })
  expect(await second.kill('SIGTERM')).toBe(0)
  await (await start(next!)).kill('SIGTERM')
  const refused = await runCommand(['serve', '--port', '0', '--data', data], {
    env: { POSTHORN_ENCRYPTION_KEY: old! },
  })
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('that key is missing') })
}, 120_000)

test('a key file elsewhere is made, read and rotated there; without it the database is not opened', async () => {
  const [data, elsewhere] = [await temporaryFolder(), await temporaryFolder()]
  const path = join(elsewhere, 'posthorn.key')
  const flags = ['--data', data, '--encryption-key-file', path]
  expect(await runCommand(['token', 'create', ...flags])).toMatchObject({ code: 0 })
  const [made] = parseKeys(readFileSync(path, 'utf8'))!
  expect(await runCommand(['keys', 'rotate', ...flags])).toMatchObject({ code: 0 })
  expect(parseKeys(readFileSync(path, 'utf8'))).not.toEqual([made])
  const nowhere = ['--data', elsewhere, '--encryption-key-file', join(elsewhere, 'missing', 'key')]
  expect(await runCommand(['keys', 'list', ...nowhere])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('cannot be made'),
  })
  const without = await runCommand(['keys', 'list', '--data', data])
  expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('is missing') })
})

test('two changes of keys at once are refused, and what is no key is too', async () => {
  const data = await temporaryFolder()
  await fill(data, 2)
  const release = await claimKeys(optionsFor(data))
  const args = ['keys', 'rotate', '--data', data]
  expect(await runCommand(args)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('being changed already'),
  })
  await release()
  expect(await runCommand(args)).toMatchObject({ code: 0 })

  const wrong = await runCommand(args, { env: { POSTHORN_ENCRYPTION_KEY: 'c2hvcnQ=' } })
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('POSTHORN_ENCRYPTION_KEY') })
  expect(wrong.stderr).not.toContain('c2hvcnQ=')
})
