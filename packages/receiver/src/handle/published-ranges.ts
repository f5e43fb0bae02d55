/** The address lists that providers publish, read as they are needed and kept. @module */

import { readStream } from '../body.ts'
import { jsonAt, parseJson } from '../providers/fields.ts'
import { parseRange, type AddressRange } from './address.ts'

/** A list of ranges that changes over time. */
export interface PublishedRanges {
  /** Returns the ranges as of `nowMs`, or `null` when no good list was ever read. */
  ranges(nowMs: number): Promise<readonly AddressRange[] | null>
}

/** Where a list is, and how to find the ranges in it. */
export interface PublishedList {
  readonly url: string
  /** Returns the ranges in the document. A list without any counts as a bad answer. */
  read(json: unknown): readonly string[]
}

/** Options of the presets and of `publishedRanges`. */
export interface PublishedRangesOptions {
  /** Returns the JSON document at a URL. Default: `fetch` without redirects, within 5 s, 4 MiB at most. */
  readonly fetchJson?: (url: string) => Promise<unknown>
  /** How long a list is good before it is read again, in milliseconds. Default 6 h. */
  readonly maxAgeMs?: number
}

const DEFAULTS = { maxAgeMs: 21_600_000 } as const satisfies PublishedRangesOptions

/** How long after a failure the next try is, in milliseconds. Requests do not wait for it where a list is there. */
const RETRY_MS = 60_000
const FETCH_TIMEOUT_MS = 5_000
const MAX_LIST_BYTES = 4_194_304

/**
 * Makes a list from a document that a provider publishes. The first request waits for it; later ones are
 * answered from memory while a stale list is read again behind them. When reading fails, the last good list
 * goes on.
 */
export function publishedRanges(list: PublishedList, options: PublishedRangesOptions = {}): PublishedRanges {
  const { fetchJson = fetchDocument, maxAgeMs = DEFAULTS.maxAgeMs } = options
  let good: readonly AddressRange[] | null = null
  let nextReadMs = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | null = null

  async function read(nowMs: number): Promise<void> {
    try {
      const ranges = list.read(await fetchJson(list.url)).map(parseRange)
      if (ranges.length === 0) throw new RangeError(`no ranges at ${list.url}`)
      good = ranges
      nextReadMs = nowMs + maxAgeMs
    } catch {
      nextReadMs = nowMs + RETRY_MS
    } finally {
      reading = null
    }
  }

  return {
    async ranges(nowMs) {
      if (nowMs >= nextReadMs) reading ??= read(nowMs)
      if (good === null) await reading
      return good
    },
  }
}

/**
 * GitHub's addresses for webhooks.
 *
 * Source: GitHub REST API, "Get GitHub meta information" (`hooks`).
 */
export function githubRanges(options?: PublishedRangesOptions): PublishedRanges {
  return publishedRanges(
    { url: 'https://api.github.com/meta', read: (json) => textsAt(json, 'hooks') },
    options,
  )
}

/**
 * Stripe's addresses for webhooks.
 *
 * Source: Stripe's documentation, "Domains and IP addresses" (`WEBHOOKS`).
 */
export function stripeRanges(options?: PublishedRangesOptions): PublishedRanges {
  const url = 'https://stripe.com/files/ips/ips_webhooks.json'
  return publishedRanges({ url, read: (json) => textsAt(json, 'WEBHOOKS') }, options)
}

/**
 * Svix's addresses in all regions: Clerk, Resend and others send from them too.
 *
 * Source: Svix's documentation, "Source IP addresses", https://docs.svix.com/webhook-ips.json
 */
export function svixRanges(options?: PublishedRangesOptions): PublishedRanges {
  const url = 'https://docs.svix.com/webhook-ips.json'
  return publishedRanges(
    { url, read: (json) => Object.keys(json ?? {}).flatMap((key) => textsAt(json, key)) },
    options,
  )
}

/**
 * Paddle's addresses for webhooks.
 *
 * Source: Paddle's API reference, "IP addresses" (`data.ipv4_cidrs`).
 */
export function paddleRanges(
  options: PublishedRangesOptions & { readonly environment?: 'live' | 'sandbox' } = {},
): PublishedRanges {
  const host = options.environment === 'sandbox' ? 'sandbox-api.paddle.com' : 'api.paddle.com'
  return publishedRanges(
    { url: `https://${host}/ips`, read: (json) => textsAt(json, 'data.ipv4_cidrs') },
    options,
  )
}

/**
 * The addresses from which an Atlassian product (`bitbucket`, `jira`) sends.
 *
 * Source: Atlassian's support documentation, "IP addresses and domains", https://ip-ranges.atlassian.com (`egress`).
 */
export function atlassianRanges(
  options: PublishedRangesOptions & { readonly product: string },
): PublishedRanges {
  const read = (json: unknown) =>
    itemsAt(json, 'items')
      .filter((item) => textsAt(item, 'product').includes(options.product))
      .filter((item) => textsAt(item, 'direction').includes('egress'))
      .map((item) => jsonAt(item, 'cidr'))
      .filter((cidr) => typeof cidr === 'string')
  return publishedRanges({ url: 'https://ip-ranges.atlassian.com/', read }, options)
}

function itemsAt(json: unknown, path: string): readonly unknown[] {
  const items = jsonAt(json, path)
  return Array.isArray(items) ? items : []
}

function textsAt(json: unknown, path: string): readonly string[] {
  return itemsAt(json, path).filter((item) => typeof item === 'string')
}

async function fetchDocument(url: string): Promise<unknown> {
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS)
  const response = await fetch(url, { redirect: 'error', signal, headers: { accept: 'application/json' } })
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
  const body = await readStream(response.body, MAX_LIST_BYTES, { cancel: true })
  if (typeof body === 'string') throw new Error(body)
  return parseJson(body)
}
