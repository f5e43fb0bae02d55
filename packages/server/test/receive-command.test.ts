import { expect, test } from 'vitest'

import { generateSecret, signHeaders } from '@posthorn/receiver'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { eventually } from './support/eventually.ts'
import { type Command, runCommand, startCommand, startPosthorn } from './support/process.ts'

const BODY = '{"total":1.0}'

async function startReceive(...flags: readonly string[]): Promise<{ command: Command; url: string }> {
  const command = startCommand(['receive', '--port', '0', ...flags])
  const url = /http:\S+/.exec(await command.line('Receiving on'))![0]
  return { command, url }
}

/** Sends one webhook, signed with the secret; returns the status. */
async function deliver(url: string, secret: string, id = 'msg_1'): Promise<number> {
  const headers = await signHeaders(secret, { id, timestamp: Math.floor(Date.now() / 1_000), body: BODY })
  const response = await fetch(url, { method: 'POST', body: BODY, headers })
  return response.status
}

test('a webhook with the right secret is verified, printed and answered 204', async () => {
  const secret = generateSecret()
  const { command, url } = await startReceive('--secret', generateSecret(), '--secret', secret)
  expect(await deliver(url, secret)).toBe(204)
  expect(await command.line('verified')).toMatch(/✔ verified {2}msg_1 {2}POST \/ {2}answered 204/)
  expect(await command.line(BODY)).toContain(BODY)
})

test('a webhook with another secret is refused with 401 and printed as such', async () => {
  const { command, url } = await startReceive('--secret', generateSecret())
  expect(await deliver(url, generateSecret())).toBe(401)
  expect(await command.line('refused')).toContain('msg_1')
  expect((await fetch(url, { method: 'POST', body: BODY })).status).toBe(401)
})

test('without a secret everything is taken, and it says that nothing is verified', async () => {
  const { command, url } = await startReceive()
  await command.line('not verified')
  expect((await fetch(url, { method: 'POST', body: BODY })).status).toBe(204)
})

test('it fails as often as it is told, then answers with the status that it is told', async () => {
  const secret = generateSecret()
  const { url } = await startReceive('--secret', secret, '--fail', '2', '--status', '202')
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push(await deliver(url, secret))
  expect(statuses).toEqual([500, 500, 202, 202])
})

test('it never answers when it is told to stall', async () => {
  const secret = generateSecret()
  const { command, url } = await startReceive('--secret', secret, '--stall')
  const outcome = deliver(url, secret).catch(() => 'no answer')
  await command.line('never answered')
  await command.kill('SIGKILL')
  expect(await outcome).toBe('no answer')
})

test('it verifies what a server sends, through failures and retries', async () => {
  const posthorn = await startPosthorn(await temporaryFolder(), ['--retry-schedule', '50ms,50ms'])
  const secret = generateSecret()
  const { command, url } = await startReceive('--secret', secret, '--fail', '2')
  await posthorn.api.makeApplication({ uid: 'demo' })
  await posthorn.api.makeEndpoint('demo', url, { secret })
  const message = await posthorn.api.send('demo', { payload: { total: 1 } })

  expect(await command.line('answered 204')).toContain(`✔ verified  ${message}`)
  await eventually(
    () => posthorn.api.attemptsOf('demo', message),
    (attempts) =>
      expect(attempts.map(({ responseStatusCode }) => responseStatusCode)).toEqual([500, 500, 204]),
  )
})

test.for([
  [['--port', '70000'], '--port: "70000"'],
  [['--status', '99'], '--status: "99"'],
  [['--fail', '-1'], '--fail: "-1"'],
  [['--delay', 'soon'], '--delay: "soon"'],
  [['--secret', 'whsec_!'], '--secret:'],
] as const)('receive %j is refused by name', async ([flags, named]) => {
  const { code, stderr } = await runCommand(['receive', ...flags])
  expect(code).toBe(1)
  expect(stderr).toContain(named)
  expect(stderr).not.toContain('    at ')
})
