import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { expect, onTestFinished, test } from 'vitest'

import { temporaryFolder } from '../storage/temporary-folder.ts'
import { apiOf } from '../support/api.ts'
import { eventually } from '../support/eventually.ts'
import { startReceiver } from '../support/receiver.ts'
import { TOKEN } from '../support/server.ts'

const EXAMPLE = fileURLToPath(new URL('../../../../examples/embedded/server.ts', import.meta.url))

interface Host {
  readonly url: string
  /** All that it wrote but the line that says where it listens. */
  readonly said: readonly string[]
  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Starts the example app as it stands, on this folder. */
async function startHost(data: string): Promise<Host> {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=@posthorn/source', EXAMPLE], {
    env: { PATH: process.env['PATH'], PORT: '0', POSTHORN_DATA: data, POSTHORN_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const said: string[] = []
  createInterface({ input: child.stderr! }).on('line', (line) => said.push(line))
  const url = await new Promise<string>((resolve, reject) => {
    void exited.then(() => reject(new Error(`the example ended:\n${said.join('\n')}`)))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const found = /^listening on (\S+)$/.exec(line)?.[1]
      if (found === undefined) said.push(line)
      else resolve(found)
    })
  })
  return {
    url,
    said,
    async kill(signal) {
      child.kill(signal)
      const [code, by] = await exited
      return { code, signal: by }
    },
  }
}

async function order({ url }: Host, id: string): Promise<string> {
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id, total: 42 }),
  })
  expect(response.ok).toBe(true)
  return ((await response.json()) as { message: string }).message
}

test('what send has resolved for is delivered after kill -9 of the application', async () => {
  const data = await temporaryFolder()
  const receiver = await startReceiver({ answer: () => 'nothing' })
  const first = await startHost(data)
  const api = apiOf(`${first.url}/webhooks`, TOKEN)
  await api.makeEndpoint('acme', receiver.url)

  const acknowledged = new Set(
    await Promise.all(Array.from({ length: 50 }, (_, at) => order(first, `order-${at}`))),
  )
  expect(acknowledged.size).toBe(50)
  expect(await first.kill('SIGKILL')).toMatchObject({ signal: 'SIGKILL' })

  receiver.answerWith(() => ({}))
  const before = receiver.requests.length
  const second = await startHost(data)
  await receiver.waitFor((requests) => {
    const ids = new Set(requests.slice(before).map(({ id }) => id))
    return [...acknowledged].every((id) => ids.has(id))
  })
  // The key was kept in the transaction of the message, so an order that is sent again after the crash makes no second one.
  expect(acknowledged.has(await order(second, 'order-7'))).toBe(true)
}, 60_000)

test('after stop() nothing keeps the application from its end, and it has written nothing', async () => {
  const host = await startHost(await temporaryFolder())
  const receiver = await startReceiver()
  const api = apiOf(`${host.url}/webhooks`, TOKEN)
  await api.makeEndpoint('acme', receiver.url)
  const message = await order(host, 'order-1')
  await eventually(
    () => api.attemptsOf('acme', message),
    (attempts) => expect(attempts).toMatchObject([{ statusText: 'success' }]),
  )
  expect(await host.kill('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(host.said).toEqual([])
})
