/** The URL that a provider signed: the one it was configured with. @module */

import type { ReceivedWebhook } from '../scheme.ts'

/** Where the provider sends to. Nothing is ever taken from `Host` or `X-Forwarded-*` headers. */
export interface PublicUrlOptions {
  /** The exact URL that the provider was given. Use it when all events come to one. */
  readonly url?: string
  /** The public origin, such as `https://hooks.example.com`; path and query are then the request's. */
  readonly publicOrigin?: string
}

/**
 * Returns how to find the public URL of a request: `url`, else `publicOrigin` and the request's path and
 * query, else the absolute URL of the input. That last one has the host which the client named, and behind a
 * proxy it is not the public one: prefer an option.
 *
 * @throws {RangeError} `url` is not an absolute http(s) URL, or `publicOrigin` is more than an origin.
 */
export function publicUrl(options: PublicUrlOptions): (webhook: ReceivedWebhook) => string | null {
  const { url, publicOrigin } = options
  if (url !== undefined && !isAbsolute(url)) throw new RangeError(`bad url ${url}: an absolute http(s) URL`)
  if (
    publicOrigin !== undefined &&
    !(isAbsolute(publicOrigin) && new URL(publicOrigin).origin === publicOrigin)
  ) {
    throw new RangeError(`bad publicOrigin ${publicOrigin}: scheme and host only, no "/" at the end`)
  }
  return (webhook) => {
    if (url !== undefined) return url
    const received = webhook.url
    if (received === null) return null
    // By hand: `new URL` would normalise what was signed as it stands.
    if (publicOrigin !== undefined) return publicOrigin + received.replace(/^https?:\/\/[^/?#]*/i, '')
    return isAbsolute(received) ? received : null
  }
}

function isAbsolute(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url)
}
