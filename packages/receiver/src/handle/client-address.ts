/** Who sent a request, where proxies may stand between. @module */

import { isInRange, parseAddress, type AddressRange } from './address.ts'

/**
 * Returns the address of the sender: the connection's peer, or where that peer is a trusted proxy, the last
 * address of `X-Forwarded-For` that is not one too. `null`: unknown, or a trusted proxy named nobody.
 *
 * The header is read from its end, because everything before what a trusted proxy appended is the client's to
 * make up.
 */
export function clientAddress(
  remoteAddress: string | null,
  forwardedFor: string | null,
  trustedProxies: readonly AddressRange[],
): string | null {
  let current = remoteAddress
  const hops = forwardedFor?.split(',').map((hop) => withoutPort(hop.trim())) ?? []
  while (current !== null && isTrusted(current, trustedProxies)) {
    const next = hops.pop()
    current = next === undefined || parseAddress(next) === null ? null : next
  }
  return current
}

function isTrusted(address: string, trustedProxies: readonly AddressRange[]): boolean {
  const bytes = parseAddress(address)
  return bytes !== null && trustedProxies.some((range) => isInRange(bytes, range))
}

/** Some proxies, such as Azure's Application Gateway, write the port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  return hop.replace(/^\[(.+)\](?::\d+)?$|^([\d.]+):\d+$/, '$1$2')
}
