import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { apiOf } from './support/api.ts'
import { runCommand, startPosthorn } from './support/process.ts'

test('a token made beside the running server works at once, is listed without its text, and can be revoked', async () => {
  const data = await temporaryFolder()
  const posthorn = await startPosthorn(data)
  const made = await runCommand(['token', 'create', '--data', data, '--name', 'ci'])
  const token = made.stdout.trim()
  expect(token).toMatch(/^pht_[0-9A-Za-z]{40}$/)
  expect(made.stderr).toContain('only time')
  expect(await apiOf(posthorn.url, token).call('GET', '/app')).toMatchObject({ status: 200 })

  const list = await runCommand(['token', 'list', '--data', data])
  expect(list.stdout).toMatch(
    /^tok_\w+ {2}\S+… {2}organisation {2}\S+Z {2}expires never {2}used never {2}active {2}ci$/m,
  )
  expect(list.stdout).not.toContain(token)

  const revoked = await runCommand(['token', 'revoke', token.slice(0, 12), '--data', data])
  expect(revoked).toMatchObject({ code: 0, stdout: expect.stringContaining('(ci)') })
  const { data: log } = await posthorn.api.ask<{ data: { resources: object }[] }>('GET', '/audit-log')
  const id = /^tok_\w+/m.exec(revoked.stdout.replace('Revoked ', ''))![0]
  const byCommand = { actor: 'cli', tokenId: null, appId: null, resources: { id } }
  expect(log).toMatchObject([
    { ...byCommand, method: 'DELETE', route: '/auth/api-token/:token_id', status: 204 },
    { ...byCommand, method: 'POST', route: '/auth/api-token', status: 201 },
  ])

  const after = await runCommand(['token', 'list', '--data', data])
  expect(after.stdout).toMatch(/^tok_\w+ .* revoked \S+Z {2}ci$/m)
})

test('a read-only token that expires reads and does not write, and is listed as what it is', async () => {
  const data = await temporaryFolder()
  const posthorn = await startPosthorn(data)
  const app = await posthorn.api.makeApplication({ uid: 'mine' })
  const options = ['--application', 'mine', '--read-only', '--expires', '30d', '--name', 'reports']
  const made = await runCommand(['token', 'create', '--data', data, ...options])
  const own = apiOf(posthorn.url, made.stdout.trim())
  expect(await own.call('GET', '/app/mine/endpoint')).toMatchObject({ status: 200 })
  expect(await own.call('POST', '/app/mine/endpoint', { url: 'https://example.com/' })).toMatchObject({
    status: 403,
    body: { code: 'forbidden' },
  })
  await posthorn.kill('SIGTERM')

  const list = await runCommand(['token', 'list', '--data', data])
  const line = list.stdout.split('\n').find((text) => text.endsWith('reports'))
  expect(line).toMatch(
    new RegExp(`… {2}${app} read-only {2}\\S+Z {2}expires \\S+Z {2}used \\S+Z {2}active {2}reports$`),
  )
})

test('an expiry that is no duration is refused', async () => {
  const data = await temporaryFolder()
  const made = await runCommand(['token', 'create', '--data', data, '--expires', 'soon'])
  expect(made).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--expires') })
})

test('tokens can be made before the first start of a server', async () => {
  const data = await temporaryFolder()
  const made = await runCommand(['token', 'create', '--data', data])
  expect(made.code).toBe(0)
  const posthorn = await startPosthorn(data)
  expect(await apiOf(posthorn.url, made.stdout.trim()).call('GET', '/app')).toMatchObject({ status: 200 })
  const bootstrapped = /organisation: (pht_\w+)/.exec(made.stderr)![1]!
  expect(await apiOf(posthorn.url, bootstrapped).call('GET', '/app')).toMatchObject({ status: 200 })
})

test('a token that is not there and an application that is not there are refused', async () => {
  const data = await temporaryFolder()
  const revoked = await runCommand(['token', 'revoke', 'tok_nobody', '--data', data])
  expect(revoked).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('tok_nobody') })
  const made = await runCommand(['token', 'create', '--application', 'nobody', '--data', data])
  expect(made).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('application nobody') })
  const list = await runCommand(['token', 'list', '--data', data, '--no-such-option'])
  expect(list).toMatchObject({ code: 1, stderr: expect.stringContaining('--help') })
})
