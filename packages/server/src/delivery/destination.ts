/** Tells whether a URL may be an endpoint, before anything is sent to it. @module */

import { type AddressList, type AddressPolicy, classOf, refusalOf } from './address.ts'
import { type HostList, plainHost } from './host-list.ts'

/** What the operator allows of an endpoint's URL. */
export interface DestinationPolicy extends AddressPolicy {
  /** Allows plain `http:` URLs. */
  readonly allowHttp: boolean
  /** The only ports that are allowed; `null` for all. */
  readonly ports?: readonly number[] | null
  /** The only hosts that are allowed; `null` for all. */
  readonly hosts?: HostList | null
  /** Hosts that are never reached; counts more. */
  readonly denyHosts?: HostList | null
}

/** The options of the server that say where deliveries may go. */
export interface DestinationOptions {
  readonly dev: boolean
  readonly allowHttp: boolean
  readonly allowAddresses: AddressList | null
  readonly denyAddresses: AddressList | null
  readonly allowPorts: readonly number[] | null
  readonly allowHosts: HostList | null
  readonly denyHosts: HostList | null
}

/** Returns the policy that the options ask for. */
export function destinationPolicy(options: DestinationOptions): DestinationPolicy {
  return {
    allowLoopback: options.dev,
    allowHttp: options.dev || options.allowHttp,
    allow: options.allowAddresses,
    deny: options.denyAddresses,
    ports: options.allowPorts,
    hosts: options.allowHosts,
    denyHosts: options.denyHosts,
  }
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
  if (text !== text.trim()) return 'must not begin or end with white space'
  return faultOfDestination(url, policy)
}

/** Origins whose verdict is remembered. */
const MAX_ORIGINS = 10_000

/**
 * Returns the check of {@link faultOfUrl} for URLs that were parsed, for the client that asks on each attempt: an endpoint
 * may have been made under another policy. The verdict of an origin is remembered, as it takes longer than all the rest
 * of what is done for a request.
 */
export function destinationCheck(policy: DestinationPolicy): (url: URL) => string | null {
  const faults = new Map<string, string | null>()
  return (url) => {
    // Neither is part of the origin, which other schemes have none of.
    if (url.username !== '' || url.password !== '' || !/^https?:$/.test(url.protocol)) {
      return faultOfDestination(url, policy)
    }
    const { origin } = url
    const known = faults.get(origin)
    if (known !== undefined) return known
    const fault = faultOfDestination(url, policy)
    if (faults.size >= MAX_ORIGINS) faults.clear()
    faults.set(origin, fault)
    return fault
  }
}

function faultOfDestination(url: URL, policy: DestinationPolicy): string | null {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return `has the scheme ${url.protocol.slice(0, -1)}; an endpoint's is https`
  }
  if (url.protocol === 'http:' && !policy.allowHttp) return 'must be https: plain http is not allowed here'
  if (url.port === '0') return 'must not have the port 0'
  const port = portOf(url)
  if (policy.ports?.includes(port) === false) {
    return `must not have the port ${port}: allowed here are ${policy.ports.join(', ')}`
  }
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password'

  const host = plainHost(url.hostname)
  // Nothing is left of a host that was a dot alone, and a resolver may take that for this machine.
  if (host === '' || host.endsWith('.')) return 'has a host that is no name'
  if (policy.denyHosts?.contains(host) === true)
    return `is not allowed: the host ${host} is denied by the operator`
  if (policy.hosts?.contains(host) === false) {
    return `is not allowed: the host ${host} is none of those that the operator allows`
  }

  const address = isLocalName(host) ? '127.0.0.1' : host
  const refusal = classOf(address) === null ? null : refusalOf(address, policy)
  return refusal === null ? null : `is not allowed: ${refusal}`
}

/** Returns the port of a URL, also where it is the one that the scheme implies. */
export function portOf(url: Pick<URL, 'port' | 'protocol'>): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
}

function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}
