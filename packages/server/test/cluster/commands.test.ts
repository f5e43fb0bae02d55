import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { expect, onTestFinished, test, vi } from 'vitest'

import { temporaryFolder } from '../storage/temporary-folder.ts'
import { apiOf } from '../support/api.ts'
import type { ShownCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { type CommandOptions, runCommand, startCommand } from '../support/process.ts'
import { startReceiver } from '../support/receiver.ts'
import { TOKEN } from '../support/server.ts'

// Each of these starts several processes.
vi.setConfig({ testTimeout: 120_000 })

/** An empty schema, and the environment of commands that use it. */
async function newDatabase() {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  const env = {
    POSTHORN_DATABASE: url,
    POSTHORN_DATABASE_SCHEMA: schema,
    POSTHORN_NODE_TIMEOUT: '3s',
    POSTHORN_BOOTSTRAP_TOKEN: TOKEN,
  }
  return { url, env }
}

async function serve(args: readonly string[], { env = {} }: CommandOptions) {
  const command = startCommand(['serve', '--port', '0', '--dev', ...args], { env })
  const { url } = JSON.parse(await command.line('Posthorn is listening')) as { url: string }
  return { command, api: apiOf(url, TOKEN) }
}

test('a migration is planned, made once, and then there is nothing to do', async () => {
  const { env } = await newDatabase()
  const plan = await runCommand(['migrate', '--plan'], { env })
  expect(plan).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^0 steps are done; to be done: first/),
  })
  expect(await runCommand(['migrate'], { env })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Done: first/),
  })
  expect(await runCommand(['migrate'], { env })).toMatchObject({
    code: 0,
    stdout: 'Nothing was to be done\n',
  })
  expect((await runCommand(['migrate', '--plan'], { env })).stdout).toContain('nothing is to be done')
  expect(await runCommand(['migrate'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--database postgres://'),
  })
})

test('a database that cannot be reached is refused with where it is and a hint, and its password is not shown', async () => {
  const data = await temporaryFolder()
  const env = { POSTHORN_DATABASE: 'postgres://posthorn:hunter2@127.0.0.1:1/posthorn' }
  const { code, stderr } = await runCommand(['serve', '--port', '0', '--data', data], { env })
  expect(code).toBe(1)
  expect(stderr).toContain('127.0.0.1:1')
  expect(stderr).toContain('must be reachable')
  expect(stderr).not.toContain('hunter2')
})

test('every node needs the same key: another is refused, and one that was made for want of one is not kept', async () => {
  const { env } = await newDatabase()
  const [first, second] = [await temporaryFolder(), await temporaryFolder()]
  await serve(['--data', first], { env })
  expect(existsSync(join(first, 'encryption.key'))).toBe(true)

  const without = await runCommand(['serve', '--port', '0', '--data', second], { env })
  expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('POSTHORN_ENCRYPTION_KEY') })
  expect(existsSync(join(second, 'encryption.key'))).toBe(false)
  const other = { ...env, POSTHORN_ENCRYPTION_KEY: randomBytes(32).toString('base64') }
  expect(await runCommand(['serve', '--port', '0', '--data', second], { env: other })).toMatchObject({
    code: 1,
  })

  await serve(['--data', second, '--encryption-key-file', join(first, 'encryption.key')], { env })
})

test('tokens are made and revoked, and the keys replaced, beside a server that runs', async () => {
  const { env } = await newDatabase()
  const data = await temporaryFolder()
  const { api } = await serve(['--data', data], { env })
  const application = await api.makeApplication()
  const receiver = await startReceiver()
  await api.makeEndpoint(application, receiver.url)

  const { stdout: token } = await runCommand(['token', 'create', '--data', data], { env })
  const other = apiOf(api.url, token.trim())
  expect(await other.call('GET', '/app')).toMatchObject({ status: 200 })
  const before = (await runCommand(['keys', 'list', '--data', data], { env })).stdout
  expect(await runCommand(['keys', 'rotate', '--data', data], { env })).toMatchObject({ code: 0 })
  const after = (await runCommand(['keys', 'list', '--data', data], { env })).stdout
  expect(after.split('\n')[0]).toMatch(/^encryption .* seals$/)
  expect(after.split('\n')[0]).not.toBe(before.split('\n')[0])
  const sent = await api.send(application)
  await receiver.waitFor((requests) => requests.some(({ id }) => id === sent))

  await runCommand(['token', 'revoke', token.slice(0, 12), '--data', data], { env })
  await eventually(
    () => other.call('GET', '/app'),
    ({ status }) => expect(status).toBe(401),
  )
})

test('workers share the port, one that dies is replaced, and all stop in order', async () => {
  const { env } = await newDatabase()
  const data = await temporaryFolder()
  const { command, api } = await serve(['--data', data, '--workers', '3'], { env })
  const pidsOf = async () => (await api.ask<ShownCluster>('GET', '/cluster')).nodes.map(({ pid }) => pid!)
  const pids = await eventually(pidsOf, (seen) => {
    expect(new Set(seen).size).toBe(3)
    expect(seen).not.toContain(null)
  })
  expect(pids).not.toContain(command.pid)

  process.kill(pids[1]!, 'SIGKILL')
  const replaced = await eventually(pidsOf, (seen) => {
    expect(seen).toHaveLength(3)
    expect(seen).not.toContain(pids[1])
    expect(seen).not.toContain(null)
  })
  expect(replaced).toEqual(expect.arrayContaining([pids[0], pids[2]]))
  const application = await api.makeApplication()
  const receiver = await startReceiver()
  await api.makeEndpoint(application, receiver.url)
  await Promise.all(Array.from({ length: 30 }, () => api.send(application)))
  await receiver.waitFor(() => receiver.ids().size === 30)

  expect(await command.kill('SIGTERM')).toBe(0)
  // Who stops in order leaves no lease behind.
  const next = await serve(['--data', data], { env })
  expect((await next.api.ask<ShownCluster>('GET', '/cluster')).nodes).toHaveLength(1)
})

test('the embedded database refuses more than one worker', async () => {
  const data = await temporaryFolder()
  expect(await runCommand(['serve', '--data', data, '--workers', '2'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--database postgres://'),
  })
})
