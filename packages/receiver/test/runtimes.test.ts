/** How much of the package a consumer gets, and that it runs where there is no Node. @module */

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

import * as providers from '../src/providers.ts'
import { HAS_BROWSER, launchBrowser } from './support/browser.ts'
import { bundle } from './support/bundle.ts'

const MAX_GZIP_BYTES = 5_000

/** Signs and verifies with HMAC, long and short, with ed25519 and with a provider, and tampers. Returns the outcomes. */
const EXERCISE = `
  import { verify, signHeaders, generateSecret, generateKeyPair, standardWebhooks } from '@posthorn/receiver'
  import { github, stripe, sendgrid, twilio } from '@posthorn/receiver/providers'
  import { signTestEvent } from '@posthorn/receiver/testing'
  export async function exercise() {
    const outcomes = []
    const note = (result) => outcomes.push(result.ok ? 'ok' : result.code)
    const timestamp = Math.floor(Date.now() / 1000)
    const secret = generateSecret()
    const pair = await generateKeyPair()
    for (const [signWith, secrets] of [[secret, secret], [pair.privateKey, pair.publicKey]]) {
      for (const body of ['{"a":"é📯"}', 'x'.repeat(10_000)]) {
        const headers = await signHeaders(signWith, { id: 'msg_1', timestamp, body })
        const scheme = standardWebhooks({ secrets })
        note(await verify(new Request('https://a.test/', { method: 'POST', headers, body }), scheme))
        note(await verify({ headers, body: body + ' ' }, scheme))
      }
    }
    for (const scheme of [github({ secrets: 's' }), stripe({ secrets: 's' }), twilio({ secrets: 's' })]) {
      const signed = await signTestEvent(scheme, { body: 'a=1' })
      note(await verify(signed, scheme))
      note(await verify({ ...signed, body: 'a=2' }, scheme))
    }
    return outcomes
  }
`
const OUTCOMES = Array.from({ length: 14 }, (_, index) => (index % 2 === 0 ? 'ok' : 'signature_mismatch'))

test('what verifies Standard Webhooks is less than 5 kB, minified and gzipped', async () => {
  const { code } = await bundle("export { standardWebhooks, verify } from '@posthorn/receiver'")
  const bytes = gzipSync(code, { level: 9 }).length
  expect(bytes).toBeLessThan(MAX_GZIP_BYTES)
  // Less than this were no bundle of it.
  expect(bytes).toBeGreaterThan(2_000)
})

test('who imports one provider gets no other, and no signing', async () => {
  const { files, text } = await bundle("export { github } from '@posthorn/receiver/providers'")
  const own = files.filter((file) => file.startsWith('providers/'))
  expect(own).toEqual(
    expect.arrayContaining(['providers/github.ts', 'providers/hmac-scheme.ts', 'providers/fields.ts']),
  )
  const names = [
    'sns',
    'paypal',
    'twilio',
    'adyen',
    'sendgrid',
    'discord',
    'slack',
    'x509',
    'certificate-store',
  ]
  for (const name of names) expect(files).not.toContain(`providers/${name}.ts`)
  expect(files.filter((file) => /^(sign|ed25519|testing|standard-webhooks)\.ts$/.test(file))).toEqual([])
  expect(text).toContain('x-hub-signature-256')

  // Of a file that several providers share, too, the unused ones are left out.
  const payments = await bundle("export { stripe } from '@posthorn/receiver/providers'")
  expect(payments.text).toContain('stripe-signature')
  expect(payments.text).not.toMatch(/paddle-signature|x-square-hmacsha256/)
})

test('no provider brings another’s file along, but those that are shared', async () => {
  const whole = await bundle("export * from '@posthorn/receiver/providers'")
  const sizes: number[] = []
  for (const name of Object.keys(providers)) {
    const { code } = await bundle(`export { ${name} } from '@posthorn/receiver/providers'`)
    sizes.push(code.length)
  }
  expect(sizes.length).toBeGreaterThan(40)
  expect(Math.max(...sizes)).toBeLessThan(whole.code.length / 2)
})

test('no entry of the package imports anything of Node', async () => {
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  const entries = Object.keys((JSON.parse(manifest) as { exports: Record<string, unknown> }).exports)
  expect(entries.length).toBeGreaterThan(2)
  for (const entry of entries) {
    const { files } = await bundle(`export * from '@posthorn/receiver${entry.slice(1)}'`)
    expect({ entry, foreign: files.filter((file) => /node_modules|^\//.test(file)) }).toEqual({
      entry,
      foreign: [],
    })
  }
  await expect(bundle("export * from 'node:crypto'")).rejects.toThrow(/Could not resolve/)
})

test('a runtime that has the web’s standards and nothing of Node verifies', async () => {
  const { text } = await bundle(EXERCISE, 'posthorn')
  // Whatever is not listed here is not there: no process, no Buffer, no require, no setImmediate.
  const web = {
    crypto,
    TextEncoder,
    TextDecoder,
    URL,
    URLSearchParams,
    Headers,
    Request,
    Response,
    atob,
    btoa,
  }
  const standards = { ...web, Uint8Array, ArrayBuffer, fetch, AbortSignal }
  const outcomes: unknown = await runInNewContext(`${text}; posthorn.exercise()`, standards)
  expect([...(outcomes as string[])]).toEqual(OUTCOMES)
})

test.runIf(HAS_BROWSER)('Chromium verifies', async () => {
  const { text } = await bundle(EXERCISE, 'posthorn')
  // Web Crypto is there in secure contexts alone, and 127.0.0.1 is one.
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>receiver</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  const browser = await launchBrowser()
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${address.port}/`)
    await page.addScriptTag({ content: text })
    expect(await page.evaluate('posthorn.exercise()')).toEqual(OUTCOMES)
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
})
