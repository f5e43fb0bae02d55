/** The options of a receiver. @module */

import type { InboxOptions } from '../inbox/inbox.ts'
import type { InboxStore } from '../inbox/inbox-store.ts'
import type { Handshake, Scheme } from '../scheme.ts'
import type { AllowEntry } from './allow-list.ts'
import type { Report } from './answers.ts'
import type { DedupeStore } from './dedupe-store.ts'
import type { Handlers } from './handlers.ts'
import type { RateLimit } from './rate-limit.ts'

/** Makes a scheme from secrets: `github`, `stripe`, `standardWebhooks` … */
export type SchemeMaker = (options: { readonly secrets: string | readonly string[] }) => Scheme

/** Whose webhooks are received: one sender's, or those of several that share a URL. */
export type SchemeOptions =
  | { readonly scheme: Scheme; readonly schemes?: never; readonly secrets?: never }
  | { readonly scheme: SchemeMaker; readonly secrets: string | readonly string[]; readonly schemes?: never }
  /** By a name of yours, which handlers get as `context.source`. The first that verifies a request has it. */
  | { readonly schemes: Readonly<Record<string, Scheme>>; readonly scheme?: never; readonly secrets?: never }

/** What a receiver does beside verifying. */
export interface HandleOptions<Datas, Tx> {
  /** Handlers by event type; `*` for all others. */
  readonly on: Handlers<Datas, Tx>
  /**
   * Where handled events are remembered. Without one, and without an inbox, each duplicate runs the handler again.
   */
  readonly store?: DedupeStore<Tx>
  /** Stores events and answers 202; the handlers run from the store. In the place of `store`. */
  readonly inbox?: InboxOptions & { readonly store: InboxStore<Tx> }
  /** The addresses that may send. Default: any. */
  readonly allow?: readonly AllowEntry[]
  /** The proxies whose `X-Forwarded-For` is believed: ranges or addresses. Default: none. */
  readonly trustedProxies?: readonly string[]
  /** How many requests each address may send. Default: no limit. */
  readonly limit?: RateLimit
  /** The longest body, in bytes. Default 1 MiB. */
  readonly maxBodyBytes?: number
  /** How long a handler may take, in milliseconds. Default 9 000. */
  readonly deadlineMs?: number
  /** How long a run keeps its event from others, in milliseconds. Default `deadlineMs` and 30 000. */
  readonly leaseMs?: number
  /** How long handled events are remembered, in milliseconds. Default 31 days. */
  readonly windowMs?: number
  /** What to answer to an authentic payload that its schema refuses: `retry` (500) or `refuse` (422). Default `retry`. */
  readonly invalidPayload?: 'retry' | 'refuse'
  /**
   * Does what a handshake asks for beside its answer: fetch `confirmUrl` (SNS; the default does), keep
   * `verificationToken` (Notion). The answer waits for it; when it rejects, it is 500.
   */
  readonly onHandshake?: (handshake: Handshake) => Promise<void> | void
  /** Learns what became of each request. Default: refusals and failures are written to the console. */
  readonly report?: (report: Report) => void
  /** Returns the time in epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/** Options of `createReceiver`. */
export type ReceiverOptions<Datas, Tx> = SchemeOptions & HandleOptions<Datas, Tx>

/** What the platform knows of a request. Adapters fill it in. */
export interface ReceiveContext {
  /** The address of the connection's peer. */
  readonly remoteAddress?: string | null
  /** Keeps a worker alive until a handler that outlived its deadline is over. */
  readonly waitUntil?: (promise: Promise<unknown>) => void
  /** What to do in this framework when the body was parsed before it came here. */
  readonly bodyHint?: string
}

/** The defaults, each with its reason. */
export const DEFAULTS = {
  maxBodyBytes: 1_048_576,
  // GitHub gives an answer 10 s, Adyen too. Others less: Shopify 5 s, Slack 3 s. Then set it, or take an inbox.
  deadlineMs: 9_000,
  leaseSlackMs: 30_000,
  // Adyen tries for 30 days (docs.adyen.com, "Troubleshoot webhooks"), the longest of the providers here; Standard
  // Webhooks' example schedule ends after 76 h.
  windowMs: 2_678_400_000,
} as const satisfies Record<string, number>

/**
 * Returns `value`, if it is a number that an option may have.
 *
 * @throws {RangeError} It is negative or not finite.
 */
export function checkDuration(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value
  throw new RangeError(`bad ${name} ${value}: a finite number, 0 or more`)
}
