/** WebSub subscribers: HMAC of the body, with the hash that was agreed on. @module */

import type { HmacHash } from '../hmac.ts'
import { type Scheme } from '../scheme.ts'
import { queryOfGet, textAnswer, withHandshake } from './handshake.ts'
import { hmacScheme } from './hmac-scheme.ts'
import { refuseAs } from './refusal.ts'
import type { SecretOptions } from './shared-secret.ts'

/** Options of `webSub`. */
export interface WebSubOptions extends SecretOptions {
  /** The topic URLs that you subscribed to: the handshake confirms no others. */
  readonly topics: string | readonly string[]
  /** The hash that your hub signs with. Default SHA-256. The request does not choose it. */
  readonly hash?: HmacHash
}

const DEFAULTS = { hash: 'SHA-256' } as const satisfies Partial<WebSubOptions>

const PREFIXES = {
  'SHA-1': 'sha1=',
  'SHA-256': 'sha256=',
  'SHA-384': 'sha384=',
  'SHA-512': 'sha512=',
} as const satisfies Record<HmacHash, string>

/**
 * Verifies what a hub delivers for a subscription that has a secret. There is no id, type or time. Its handshake
 * confirms a subscription, or its end, to one of `topics`.
 *
 * Source: WebSub (W3C Recommendation), sections 5.3 and 8.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function webSub(options: WebSubOptions): Scheme {
  const topics = new Set([options.topics].flat())
  const hash = options.hash ?? DEFAULTS.hash
  const scheme = hmacScheme(
    {
      hash,
      signature: { header: 'x-hub-signature', prefix: PREFIXES[hash], encoding: 'hex' },
      signed: ({ body }) => [body],
    },
    options,
  )
  return withHandshake(scheme, async (webhook) => {
    const query = queryOfGet(webhook)
    const mode = query?.get('hub.mode')
    if (query === null || (mode !== 'subscribe' && mode !== 'unsubscribe')) return null
    if (!topics.has(query.get('hub.topic') ?? '')) return refuseAs('unexpected_source')
    return textAnswer(query.get('hub.challenge') ?? '')
  })
}
