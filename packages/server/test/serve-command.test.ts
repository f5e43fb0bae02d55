import { execFile } from 'node:child_process'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { apiOf } from './support/api.ts'
import { runCommand, startCommand, startPosthorn } from './support/process.ts'
import { TOKEN } from './support/server.ts'

const run = promisify(execFile)

test('the first start makes a key for its owner alone and prints a line that works when pasted', async () => {
  const data = await temporaryFolder()
  const first = startCommand(['serve', '--port', '0', '--data', data])
  const line = await first.line('curl -X POST')
  expect(first.lines.join('\n')).toContain(join(data, 'encryption.key'))
  expect((await stat(join(data, 'encryption.key'))).mode & 0o777).toBe(0o600)

  const { stdout } = await run('sh', ['-c', line])
  expect(JSON.parse(stdout)).toMatchObject({ uid: 'demo', name: 'Demo' })
  const again = await run('sh', ['-c', line])
  expect(JSON.parse(again.stdout)).toMatchObject({ id: (JSON.parse(stdout) as { id: string }).id })

  const token = /Bearer (\S+)"/.exec(line)![1]!
  expect(await first.kill('SIGTERM')).toBe(0)
  const second = startCommand(['serve', '--port', '0', '--data', data])
  const { url } = JSON.parse(await second.line('Posthorn is listening')) as { url: string }
  expect(await apiOf(url, token).call('GET', '/app/demo')).toMatchObject({ status: 200 })
  expect(await second.kill('SIGTERM')).toBe(0)
  expect(second.lines.join('\n')).not.toMatch(/first start|Token|curl/)
  expect(second.lines.every((text) => text.startsWith('{'))).toBe(true)
})

test('a token that the operator brings is used and not printed', async () => {
  const posthorn = await startPosthorn(await temporaryFolder())
  expect(await posthorn.api.call('GET', '/app')).toMatchObject({ status: 200 })
  await posthorn.kill('SIGTERM')
  expect(posthorn.lines.join('\n')).toContain('POSTHORN_BOOTSTRAP_TOKEN')
  expect(posthorn.lines.join('\n')).not.toContain(TOKEN)
})

test('a second server on the same folder is refused, and the first goes on', async () => {
  const data = await temporaryFolder()
  const posthorn = await startPosthorn(data)
  const second = await runCommand(['serve', '--port', '0', '--data', data])
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('Another Posthorn is running on') })
  expect(second.stderr).toContain('--data')
  expect(second.stderr).not.toContain('    at ')
  expect(await posthorn.api.call('GET', '/app')).toMatchObject({ status: 200 })
})

test('a port that is taken is refused with its number', async () => {
  const posthorn = await startPosthorn(await temporaryFolder())
  const { port } = new URL(posthorn.url)
  const second = await runCommand(['serve', '--port', port, '--data', await temporaryFolder()])
  expect(second.code).toBe(1)
  expect(second.stderr).toContain(port)
  expect(second.stderr).not.toContain('    at ')
})

test('a database whose key is gone is refused, and no other key is made', async () => {
  const data = await temporaryFolder()
  await writeFile(join(data, 'posthorn.db'), '')
  const { code, stderr } = await runCommand(['serve', '--port', '0', '--data', data])
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('encryption.key is missing'),
  })
  await expect(stat(join(data, 'encryption.key'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('options come from a file, and a flag goes before it', async () => {
  const folder = await temporaryFolder()
  const config = join(folder, 'posthorn.json')
  const data = join(folder, 'deep', 'data')
  await writeFile(config, JSON.stringify({ data, port: 1, dev: true, 'retry-schedule': ['1s', '2s'] }))
  const posthorn = startCommand(['serve', '--config', config, '--port', '0'])
  expect(JSON.parse(await posthorn.line('Posthorn is listening'))).toMatchObject({ data })
  // Two time-outs of 15 s, and two waits no shorter than that with a tenth more: told before anything is sent.
  expect(JSON.parse(await posthorn.line('is tried again'))).toMatchObject({ retries: 2, longest: '1m 3s' })
})

test.for([
  [['--port', '65536'], '--port: "65536"', '0 to 65535'],
  [['--port', 'http'], '--port: "http"', 'whole number'],
  [['--host', 'a b'], '--host: "a b"', '127.0.0.1'],
  [['--data', ' '], '--data: " "', 'folder'],
  [['--database', 'postgres://x'], '--database: "postgres://x"', 'sqlite'],
  [['--attempt-timeout', '5'], '--attempt-timeout: "5"', '100ms to 2m'],
  [['--attempt-timeout', '1h'], '--attempt-timeout: "1h"', '100ms to 2m'],
  [['--retry-schedule', '5s,soon'], '--retry-schedule: "5s,soon"', '5s,5m'],
  [['--retry-schedule', ''], '--retry-schedule: ""', 'none'],
  [['--log-level', 'loud'], '--log-level: "loud"', 'info'],
  [['--config', '/nowhere.json'], '/nowhere.json', 'JSON object'],
  [['--no-such-option'], '--no-such-option', '--help'],
  [['surplus'], 'argument', '--help'],
] as const)('serve %j is refused by name', async ([flags, named, hint]) => {
  const data = join(await temporaryFolder(), 'never-made')
  const { code, stderr, stdout } = await runCommand(['serve', '--data', data, ...flags])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain(named)
  expect(stderr).toContain(hint)
  expect(stderr).not.toContain('    at ')
  await expect(stat(data)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a bad value in the environment is refused by its name there, and a secret one is not shown', async () => {
  const data = join(await temporaryFolder(), 'never-made')
  const port = await runCommand(['serve', '--data', data], { env: { POSTHORN_PORT: 'x' } })
  expect(port).toMatchObject({ code: 1, stderr: expect.stringContaining('POSTHORN_PORT: "x"') })
  const token = await runCommand(['serve', '--data', data], { env: { POSTHORN_BOOTSTRAP_TOKEN: 'hunter2' } })
  expect(token).toMatchObject({ code: 1, stderr: expect.stringContaining('POSTHORN_BOOTSTRAP_TOKEN') })
  expect(token.stderr).not.toContain('hunter2')
})

test.for([
  ['{"port":"x"}', '"port" in'],
  ['{"prot":8071}', '"prot" in'],
  ['{"bootstrap-token":"0123456789abcdef"}', '"bootstrap-token" in'],
  ['{"port":', 'Cannot read'],
  ['[]', 'not a JSON object'],
] as const)('the file %s is refused', async ([text, named]) => {
  const config = join(await temporaryFolder(), 'posthorn.json')
  await writeFile(config, text)
  const { code, stderr } = await runCommand(['serve', '--config', config])
  expect(code).toBe(1)
  expect(stderr).toContain(named)
  expect(stderr).toContain(config)
})
