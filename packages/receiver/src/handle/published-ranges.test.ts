import { expect, test } from 'vitest'

import { allowList } from './allow-list.ts'
import {
  atlassianRanges,
  githubRanges,
  paddleRanges,
  publishedRanges,
  stripeRanges,
  svixRanges,
} from './published-ranges.ts'

const HOUR_MS = 3_600_000

/** A list whose document the test sets, with a count of its reads. */
function source(document: unknown) {
  const state = { document, reads: 0 }
  const fetchJson = async () => {
    state.reads += 1
    if (state.document instanceof Error) throw state.document
    return state.document
  }
  const read = (json: unknown) => json as string[]
  return {
    state,
    list: publishedRanges({ url: 'https://provider.test', read }, { fetchJson, maxAgeMs: HOUR_MS }),
  }
}

test('a list is read once, however many requests wait for it', async () => {
  const { state, list } = source(['192.0.2.0/24'])
  const isAllowed = allowList([list, '203.0.113.9'])
  const verdicts = await Promise.all(
    ['192.0.2.1', '198.51.100.1', '203.0.113.9'].map(async (it) => isAllowed(it, 0)),
  )
  expect(verdicts).toEqual(['allowed', 'refused', 'allowed'])
  expect(state.reads).toBe(1)
})

test('an old list is read again behind the request, and the last good one goes on when that fails', async () => {
  const { state, list } = source(['192.0.2.0/24'])
  const isAllowed = allowList([list])
  expect(await isAllowed('192.0.2.1', 0)).toBe('allowed')
  state.document = new Error('the provider is down')
  expect(await isAllowed('192.0.2.1', HOUR_MS)).toBe('allowed')
  expect(await isAllowed('192.0.2.1', HOUR_MS + 59_999)).toBe('allowed')
  expect(state.reads).toBe(2)
  state.document = ['198.51.100.0/24']
  expect(await isAllowed('192.0.2.1', HOUR_MS + 60_000)).toBe('allowed')
  expect(state.reads).toBe(3)
  expect(await isAllowed('192.0.2.1', HOUR_MS + 60_001)).toBe('refused')
  expect(await isAllowed('198.51.100.1', HOUR_MS + 60_001)).toBe('allowed')
})

test.each([new Error('down'), [], ['not a range'], { a: 1 }])(
  'before the first good list, nobody knows: %o',
  async (bad) => {
    const { state, list } = source(bad)
    const isAllowed = allowList([list, '203.0.113.9'])
    expect(await isAllowed('192.0.2.1', 0)).toBe('unavailable')
    expect(await isAllowed('203.0.113.9', 0)).toBe('allowed')
    state.document = ['192.0.2.0/24']
    expect(await isAllowed('192.0.2.1', 59_999)).toBe('unavailable')
    expect(await isAllowed('192.0.2.1', 60_000)).toBe('allowed')
  },
)

test('the presets read their providers’ documents', async () => {
  const documents: Record<string, unknown> = {
    'https://api.github.com/meta': { hooks: ['192.0.2.0/24'], web: ['198.51.100.0/24'] },
    'https://stripe.com/files/ips/ips_webhooks.json': { WEBHOOKS: ['192.0.2.1'] },
    'https://docs.svix.com/webhook-ips.json': { us: ['192.0.2.1'], eu: ['192.0.2.2', '2001:db8::/56'] },
    'https://sandbox-api.paddle.com/ips': { data: { ipv4_cidrs: ['192.0.2.1/32'] } },
    'https://ip-ranges.atlassian.com/': {
      items: [
        { cidr: '192.0.2.0/28', product: ['jira', 'bitbucket'], direction: ['ingress', 'egress'] },
        { cidr: '192.0.2.16/28', product: ['bitbucket'], direction: ['ingress'] },
        { cidr: '192.0.2.32/28', product: ['jira'], direction: ['egress'] },
      ],
    },
  }
  const options = { fetchJson: async (url: string) => documents[url] }
  const count = async (list: ReturnType<typeof githubRanges>) => (await list.ranges(0))?.length
  expect(await count(githubRanges(options))).toBe(1)
  expect(await count(stripeRanges(options))).toBe(1)
  expect(await count(svixRanges(options))).toBe(3)
  expect(await count(paddleRanges({ ...options, environment: 'sandbox' }))).toBe(1)
  expect(await count(atlassianRanges({ ...options, product: 'bitbucket' }))).toBe(1)
})
