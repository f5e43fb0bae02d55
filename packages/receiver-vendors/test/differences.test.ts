/** Where an SDK and ours differ on purpose, so that a change of either is noticed; and what is compared at all. @module */

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

import { verify } from '../../receiver/src/index.ts'
import { shopify } from '../../receiver/src/providers.ts'
import { signTestEvent } from '../../receiver/src/testing.ts'
import { editSignature, ROWS, signRow } from '../../receiver/test/providers/rows.ts'
import { shopifyAccepts, VENDORS } from './vendors.ts'

const now = () => Date.now()
const BODY = new TextEncoder().encode('{"a":1}')
const hexOf = (text: string) => /[0-9a-f]{64}$/.exec(text)?.[0] ?? ''

/** What ours and the SDK say of a signature that `edit` made of a good one. */
async function verdicts(sdk: string, edit: (text: string) => string): Promise<boolean[]> {
  const vendor = VENDORS.find((candidate) => candidate.sdk === sdk)
  if (vendor === undefined) throw new Error(`${sdk} is not compared`)
  const [secret] = vendor.row.secrets
  const scheme = vendor.row.make({ secrets: secret })
  const request = editSignature(vendor.row, await signRow(vendor.row, scheme, BODY, now()), edit)
  const ours = await verify(request, scheme, { now })
  const theirs = async () => (await vendor.accepts(request, secret)) !== false
  return [ours.ok, await theirs().catch(() => false)]
}

test('a signature has one spelling with ours: capitals in hexadecimal pass Notion’s SDK', async () => {
  const capitals = (text: string) => text.replace(hexOf(text), (hex) => hex.toUpperCase())
  expect(await verdicts('@notionhq/client', capitals)).toEqual([false, true])
  expect(await verdicts('@octokit/webhooks-methods', capitals)).toEqual([false, false])
  expect(await verdicts('stripe', capitals)).toEqual([false, false])
})

test('ours tries every signature of a rotation: two SDKs look at one', async () => {
  const wrong = '0'.repeat(64)
  const before = (prefix: string, separator: string) => (text: string) =>
    text.replace(prefix, () => `${prefix}${wrong}${separator}${prefix}`)
  const after = (prefix: string, separator: string) => (text: string) =>
    `${text}${separator}${prefix}${wrong}`
  expect(await verdicts('@paddle/paddle-node-sdk', after('h1=', ';'))).toEqual([true, false])
  expect(await verdicts('@workos-inc/node', before('v1=', ','))).toEqual([true, false])
  for (const edit of [before('v1=', ','), after('v1=', ',')]) {
    expect(await verdicts('stripe', edit)).toEqual([true, true])
    expect(await verdicts('@mux/mux-node', edit)).toEqual([true, true])
  }
})

test('Shopify’s SDK and ours take an event by its own headers, and prefer them', async () => {
  const scheme = shopify({ secrets: 'secret' })
  const { headers, ...request } = await signTestEvent(scheme, { body: '{"a":1}' })
  const signature = headers['x-shopify-hmac-sha256'] ?? ''
  const event = {
    'shopify-hmac-sha256': signature,
    'shopify-topic': 'products/update',
    'shopify-shop-domain': 'shop.myshopify.com',
    'shopify-api-version': '2026-07',
    'shopify-webhook-id': 'id-1',
  }
  for (const [some, isGood] of [
    [event, true],
    [{ ...event, ...headers }, true],
    [{ ...event, ...headers, 'shopify-hmac-sha256': Buffer.alloc(32).toString('base64') }, false],
  ] as const) {
    const received = { ...request, headers: some }
    const ours = (await verify(received, scheme)).ok
    expect({ some, ours, theirs: await shopifyAccepts(received, 'secret') }).toMatchObject({
      ours: isGood,
      theirs: isGood,
    })
  }
})

test('every row that names a package is compared with it', () => {
  const named = ROWS.flatMap(({ name, sdk }) => (sdk === undefined ? [] : `${name}: ${sdk}`))
  const compared = VENDORS.map(({ row, sdk }) => `${row.name}: ${sdk}`)
  expect(compared.toSorted()).toEqual([...named, 'standardWebhooks: openai'].toSorted())
})

test('the README marks what an SDK has confirmed, and no other', async () => {
  const readme = await readFile(new URL('../../receiver/README.md', import.meta.url), 'utf8')
  const marked = [...readme.matchAll(/^\| (`.*?) +\|.*\| [^|]*SDK[^|]*\|$/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  // It verifies nothing: no SDK has the like.
  const expected = [...VENDORS.map(({ row }) => row.name), 'notionSetup']
  expect(new Set(marked)).toEqual(new Set(expected))
})
