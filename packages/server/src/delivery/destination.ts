/** Tells whether a URL may be an endpoint, before anything is sent to it. @module */

import { type AddressPolicy, classOf, refusalOf } from './address.ts'

/** What the operator allows of an endpoint's URL. */
export interface DestinationPolicy extends AddressPolicy {
  /** Allows plain `http:` URLs. */
  readonly allowHttp: boolean
  /** The only ports that are allowed; `null` for all. */
  readonly ports?: readonly number[] | null
}

/**
 * Returns what is wrong with the URL as an endpoint, or `null` where it may be one.
 *
 * Looks at the URL after the WHATWG parser has normalised it, so that `http://0x7f.1/` is seen as 127.0.0.1. A name is
 * judged by the addresses it resolves to, at connect time and on each attempt; only names that are the local host by
 * definition (RFC 6761) are judged here.
 */
export function faultOfUrl(text: string, policy: DestinationPolicy): string | null {
  const url = URL.parse(text)
  if (url === null) return 'is not an absolute URL, such as https://example.com/webhooks'
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return `has the scheme ${url.protocol.slice(0, -1)}; an endpoint's is https`
  }
  if (url.protocol === 'http:' && !policy.allowHttp) return 'must be https: plain http is not allowed here'
  if (text !== text.trim()) return 'must not begin or end with white space'
  if (url.port === '0') return 'must not have the port 0'
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  if (policy.ports?.includes(port) === false) {
    return `must not have the port ${port}: allowed here are ${policy.ports.join(', ')}`
  }
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password'

  const host = plainHost(url.hostname)
  const address = isLocalName(host) ? '127.0.0.1' : host
  const refusal = classOf(address) === null ? null : refusalOf(address, policy)
  return refusal === null ? null : `is not allowed: ${refusal}`
}

/** Returns a URL's host name without the brackets of IPv6 and without a trailing dot, which resolvers ignore. */
export function plainHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}

function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}
