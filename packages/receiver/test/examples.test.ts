import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { getRequestListener } from '@hono/node-server'
import { build } from 'esbuild'
import { expect, onTestFinished, test, vi } from 'vitest'

import { fakeSender } from '../src/testing.ts'
import { listen } from './support/http-server.ts'
import { SCHEME } from './support/signed.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const WEBHOOK_SECRET = 'whsec_cG9zdGhvcm4gcmVjZWl2ZXIgdGVzdCBrZXk='
const EVENT = { id: 'msg_1', body: { type: 'invoice.paid', data: { amount: 500 } } }

/** Starts an example and returns where it listens, and what it has said. */
async function start(file: string): Promise<{ readonly url: string; readonly said: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-example-'))
  const child = spawn(
    process.execPath,
    ['--no-warnings', '--conditions=@posthorn/source', join(ROOT, 'examples', file)],
    {
      cwd: folder,
      env: { PATH: process.env['PATH'], PORT: '0', WEBHOOK_SECRET },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const said: string[] = []
  const lines = createInterface({ input: child.stdout })
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${file} ended:\n${said.join('\n')}`)))
    lines.on('line', (line) => {
      said.push(line)
      const [, found] = /^listening on (\S+)$/.exec(line) ?? []
      if (found !== undefined) resolve(found.replace('[::1]', 'localhost'))
    })
  })
  return { url, said }
}

/** Sends duplicates, a forgery and an unknown type. */
async function sendAll(url: string) {
  const sender = fakeSender({ scheme: SCHEME, to: url, retryAfterMs: [] })
  const first = await sender.send(EVENT)
  const again = await sender.sendDuplicates(EVENT, 3)
  const unknown = await sender.send({ body: { type: 'invoice.lost' } })
  const forged = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  return [first, ...again, unknown].map(({ statuses }) => statuses[0]).concat(forged.status)
}

test.each([
  ['express/server.ts', 'handled msg_1 500'],
  ['fastify/server.ts', 'handled msg_1'],
  ['hono/server.ts', 'handled msg_1 500'],
  ['lambda/local.ts', 'handled msg_1'],
])('%s handles an event once', async (file, line) => {
  const { url, said } = await start(file)
  expect(await sendAll(url)).toEqual([200, 200, 200, 200, 200, 400])
  await expect.poll(() => said.slice(1)).toEqual([line])
})

test('node-http stores events, answers 202, and handles each once', async () => {
  const { url, said } = await start('node-http/server.ts')
  expect(await sendAll(url)).toEqual([202, 200, 200, 200, 200, 400])
  await expect.poll(() => said.slice(1)).toEqual(['handled msg_1'])
})

test('the rest of the Express app has its parser', async () => {
  const { url } = await start('express/server.ts')
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(new URL('/echo', url), { method: 'POST', headers, body: '{"a":1}' })
  expect(await response.json()).toEqual({ a: 1 })
})

// Next.js itself is not installed, as its build takes longer than these tests: the handlers that its files export run in a
// real server here, and ran in Next.js 16.4.6 by hand on 2026-11-24.
test('both routers of the Next.js example handle an event once', async () => {
  vi.stubEnv('WEBHOOK_SECRET', WEBHOOK_SECRET)
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  onTestFinished(() => void vi.unstubAllEnvs())
  onTestFinished(() => log.mockRestore())
  const { POST } = await import('../../../examples/next/app/webhooks/route.ts')
  const { default: api, config } = await import('../../../examples/next/pages/api/webhooks.ts')
  expect(config).toEqual({ api: { bodyParser: false } })
  const listener = getRequestListener(POST)
  const app = `${await listen(createServer((request, response) => void listener(request, response)))}/webhooks`
  const pages = `${await listen((request, response) => void api(request, response))}/api/webhooks`
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  expect(await sendAll(app)).toEqual([200, 200, 200, 200, 200, 400])
  expect(await sendAll(pages)).toEqual([200, 200, 200, 200, 200, 400])
  // One receiver serves both, so the second time they were all duplicates.
  expect(log.mock.calls).toEqual([['handled', 'msg_1']])
})

// workerd is not installed: 300 MB. This is its bundle, for a platform without Node.js; it ran in workerd (miniflare
// 4.20260730.0) by hand on 2026-11-24.
test('the worker’s bundle needs no Node.js and handles an event once', async () => {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'examples/workers/worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    conditions: ['@posthorn/source'],
  })
  const code = `${outputFiles[0]!.text}\n//# sourceURL=worker.js`
  const { default: worker } = (await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`
  )) as {
    default: {
      fetch(
        request: Request,
        env: object,
        context: { waitUntil(promise: Promise<unknown>): void },
      ): Promise<Response>
    }
  }
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  onTestFinished(() => log.mockRestore())
  const env = { WEBHOOK_SECRET }
  const to = async (request: Request) => worker.fetch(request, env, { waitUntil: () => undefined })
  const deliveries = await fakeSender({ scheme: SCHEME, to, retryAfterMs: [0] }).sendDuplicates(EVENT, 3)
  expect(deliveries.every(({ outcome }) => outcome === 'delivered')).toBe(true)
  expect(log.mock.calls).toEqual([['handled', 'msg_1']])
})

test('the examples of tests pass with node:test', async () => {
  const file = join(ROOT, 'examples/testing/node.test.ts')
  const child = spawn(process.execPath, ['--conditions=@posthorn/source', '--test', file], {
    // Under vitest, node:test would take itself for a child of another run.
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  for await (const chunk of child.stdout) output += String(chunk)
  expect(output).toMatch(/pass 1\b/)
  expect(output).toMatch(/fail 0\b/)
})
