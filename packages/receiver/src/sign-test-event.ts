/** Requests that verify, as a provider might have sent them. @module */

import { rawBytes, type RawBody } from './body.ts'
import { concatBytes } from './bytes.ts'
import type { Scheme } from './scheme.ts'
import { signHeaders } from './sign.ts'
import { testSignerOf, type TestEvent } from './test-signer.ts'

/** What to sign. */
export interface TestEventOptions {
  /** The body. Adyen's and Mailgun's signatures are put into it, so theirs is JSON without them. */
  readonly body: RawBody
  /** The id, for providers that send it in a header (or, Mailgun, as the token). Default: a random UUID. */
  readonly id?: string
  /** The event type, for providers that send it in a header. Default `test`. */
  readonly type?: string
  /** When it was signed. Default now. A provider whose time is in the body (Linear) has it from there. */
  readonly timestamp?: Date
  /** Default `POST`. */
  readonly method?: string
  /** The public URL, unless the scheme has one. Default `https://receiver.test/webhooks`. */
  readonly url?: string
}

/** A signed request, in a form that `verify` takes and that `new Request(url, …)` does too. */
export interface SignedTestEvent {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: Uint8Array<ArrayBuffer>
}

const DEFAULTS = { type: 'test', method: 'POST', url: 'https://receiver.test/webhooks' } as const

/**
 * Returns a request that the provider might have sent, signed with the first secret of `scheme`. For schemes that
 * verify with a shared secret or a token; PayPal, SNS, SendGrid, Discord and `whpk_` keys only ever verify.
 *
 * @throws {TypeError} The scheme cannot sign, or the body is not one that its provider sends.
 */
export async function signTestEvent(scheme: Scheme, options: TestEventOptions): Promise<SignedTestEvent> {
  const raw = rawBytes(options.body)
  if (raw === null) throw new TypeError('bad body: pass the bytes or the text that is sent')
  const { type, method, url } = { ...DEFAULTS, ...options }
  const event: TestEvent = {
    body: concatBytes([raw]),
    id: options.id ?? crypto.randomUUID(),
    type,
    method,
    url,
    timeMs: (options.timestamp ?? new Date()).getTime(),
  }

  const signer = testSignerOf(scheme)
  if (signer === undefined) {
    throw new TypeError('bad scheme: it verifies with a public key, and only the provider can sign for it')
  }
  if (typeof signer === 'function') return { method, url, body: event.body, ...(await signer(event)) }
  const secret = signer.find((text) => !text.startsWith('whpk_'))
  if (secret === undefined) throw new TypeError('bad scheme: it has public keys (whpk_) alone')
  const timestamp = Math.floor(event.timeMs / 1_000)
  const headers = await signHeaders(secret, { id: event.id, timestamp, body: event.body })
  return { method, url, body: event.body, headers: { ...headers } }
}
