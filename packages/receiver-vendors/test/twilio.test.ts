/** Twilio's SDK and ours read the URL alike, and agree on JSON. @module */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import twilio from 'twilio'

import { verify } from '../../receiver/src/index.ts'
import { twilio as twilioScheme } from '../../receiver/src/providers.ts'
import { signTestEvent } from '../../receiver/src/testing.ts'

const TOKEN = 'token'
const FORM = { Body: 'é $& 📯', From: '+1' }
const BODY = new URLSearchParams(FORM).toString()

const urls = fc
  .record({
    scheme: fc.constantFrom('http', 'https', 'HTTPS'),
    user: fc.constantFrom('', 'user:pass@'),
    host: fc.constantFrom('hooks.example.com', '[::1]', 'Hooks.Example.COM'),
    port: fc.constantFrom('', ':80', ':443', ':8443'),
    rest: fc.constantFrom(
      '',
      '/',
      '/in',
      "/it's?q='a'&b=%27",
      '/a b?c=d e',
      '/é?ü=$&',
      '/in?x=%2F&y=//',
      '?a@b:c',
    ),
  })
  .map(({ scheme, user, host, port, rest }) => `${scheme}://${user}${host}${port}${rest}`)

/** What a proxy or a console might make of a URL. */
const edits = fc.constantFrom(
  (url: string) => url,
  (url: string) => new URL(url).toString(),
  (url: string) => url.replace(/:\d+(?=[/?]|$)/, ''),
  (url: string) => url.replace(/(?<=[a-z\]])(?=[/?]|$)/i, ':443'),
  (url: string) => url.replace(/(?<=[a-z\]])(?=[/?]|$)/i, ':80'),
  (url: string) => (url.includes('?') ? `${url}&z` : url),
)

test('whatever way of writing the URL the SDK accepts as signed, ours accepts too, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(urls, edits, edits, async (url, first, second) => {
      const signedUrl = second(first(url))
      fc.pre(URL.canParse(signedUrl))
      const signature = twilio.getExpectedTwilioSignature(TOKEN, signedUrl, FORM)
      const headers = { 'x-twilio-signature': signature }
      const ours = await verify({ headers, body: BODY }, twilioScheme({ secrets: TOKEN, url }))
      expect(ours.ok).toBe(twilio.validateRequest(TOKEN, signature, url, FORM))
    }),
    { numRuns: 2_000 },
  )
})

test('each reading of the port is the SDK’s', async () => {
  const pairs = [
    ['https://a.test/x', 'https://a.test:443/x', true],
    ['http://a.test/x', 'http://a.test:80/x', true],
    ['https://a.test:8443/x', 'https://a.test/x', true],
    ["https://a.test/it's", "https://a.test:443/it's", true],
    ['https://a.test/x', 'https://b.test/x', false],
  ] as const
  for (const [url, signedUrl, isGood] of pairs) {
    const signature = twilio.getExpectedTwilioSignature(TOKEN, signedUrl, FORM)
    const input = { headers: { 'x-twilio-signature': signature }, body: BODY }
    const ours = await verify(input, twilioScheme({ secrets: TOKEN, url }))
    const theirs = twilio.validateRequest(TOKEN, signature, url, FORM)
    expect({ url, signedUrl, ours: ours.ok, theirs }).toEqual({
      url,
      signedUrl,
      ours: isGood,
      theirs: isGood,
    })
  }
})

test('a query that a back end wrote anew is the one reading of the SDK that ours does not share', async () => {
  const [url, signedUrl] = ['https://a.test/in?q=%27', "https://a.test/in?q='"]
  const signature = twilio.getExpectedTwilioSignature(TOKEN, signedUrl, FORM)
  const input = { headers: { 'x-twilio-signature': signature }, body: BODY }
  expect((await verify(input, twilioScheme({ secrets: TOKEN, url }))).ok).toBe(false)
  expect(twilio.validateRequest(TOKEN, signature, url, FORM)).toBe(true)
})

test('JSON, signed by its hash in the URL, is verified by both and refused by both when it was changed', async () => {
  const scheme = twilioScheme({ secrets: TOKEN, publicOrigin: 'https://hooks.example.com' })
  await fc.assert(
    fc.asyncProperty(fc.json(), async (body) => {
      const signed = await signTestEvent(scheme, { body, url: 'https://hooks.example.com/in?a=1' })
      const signature = signed.headers['x-twilio-signature'] ?? ''
      const theirs = (text: string) => twilio.validateRequestWithBody(TOKEN, signature, signed.url, text)
      const ours = async (text: string) => (await verify({ ...signed, body: text }, scheme)).ok
      expect([await ours(body), theirs(body)]).toEqual([true, true])
      expect([await ours(`${body} `), theirs(`${body} `)]).toEqual([false, false])
    }),
    { numRuns: 50 },
  )
})
