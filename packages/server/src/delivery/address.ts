/** Tells which network addresses a delivery may go to. @module */

import { BlockList, isIP } from 'node:net'

/** What kind of place an address is. Only `public` is reached without the operator's word. */
export type AddressClass =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'shared (carrier-grade NAT)'
  | 'multicast'
  | 'documentation'
  | 'benchmarking'
  | 'reserved'
  | 'translated (IPv4 in IPv6)'

/**
 * The special ranges. Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and successors);
 * 168.63.129.16 is the host's own service on Azure machines.
 */
const RANGES: readonly (readonly [range: string, AddressClass])[] = [
  ['0.0.0.0/8', 'reserved'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared (carrier-grade NAT)'],
  ['127.0.0.0/8', 'loopback'],
  ['168.63.129.16/32', 'link-local'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.31.196.0/24', 'reserved'],
  ['192.52.193.0/24', 'reserved'],
  ['192.88.99.0/24', 'reserved'],
  ['192.168.0.0/16', 'private'],
  ['192.175.48.0/24', 'reserved'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],

  // Written out where they lie outside 2000::/3, and are refused already, so that a refusal says what they are.
  ['::1/128', 'loopback'],
  ['64:ff9b::/96', 'translated (IPv4 in IPv6)'],
  ['64:ff9b:1::/48', 'translated (IPv4 in IPv6)'],
  ['100::/64', 'reserved'],
  // Teredo, whose addresses hold an IPv4 address, is told apart from the rest of 2001::/23 (RFC 4380).
  ['2001::/32', 'translated (IPv4 in IPv6)'],
  ['2001::/23', 'reserved'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', 'translated (IPv4 in IPv6)'],
  ['2620:4f:8000::/48', 'reserved'],
  ['3fff::/20', 'documentation'],
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'],
  ['ff00::/8', 'multicast'],
]

const LISTS = RANGES.map(([range, kind]) => {
  const [network, bits] = range.split('/') as [string, string]
  const list = new BlockList()
  list.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4')
  return { list, kind, family: isIP(network) }
})

/** IPv6 that is routed on the internet at all. Everything outside is refused, also what no registry names yet. */
const GLOBAL_V6 = new BlockList()
GLOBAL_V6.addSubnet('2000::', 3, 'ipv6')

/**
 * Returns the class of an IP address, or `null` where the text is no IP address.
 *
 * @param address - IPv4 or IPv6 text, as a socket or a resolver gives it. A zone (`fe80::1%eth0`) is ignored.
 */
export function classOf(address: string): AddressClass | null {
  const plain = plainAddress(address)
  const family = isIP(plain)
  if (family === 0) return null
  const name = family === 6 ? 'ipv6' : 'ipv4'
  const special = LISTS.find((entry) => entry.family === family && entry.list.check(plain, name))
  if (special !== undefined) return special.kind
  return family === 4 || GLOBAL_V6.check(plain, 'ipv6') ? 'public' : 'reserved'
}

/** Addresses by range. */
export interface AddressList {
  /** As they were written. */
  readonly ranges: readonly string[]
  contains(address: string): boolean
}

/**
 * Reads a list of ranges, such as `10.0.0.0/8, fd00::/8, 192.0.2.7`; `null` where it is none.
 *
 * An IPv4 range also holds its addresses as they are written in IPv6 (`::ffff:10.0.0.1`).
 */
export function parseAddressList(text: string): AddressList | null {
  const list = new BlockList()
  const ranges = text.split(',').map((part) => part.trim())
  for (const range of ranges) {
    const [network = '', bits, ...rest] = range.split('/')
    const family = isIP(network)
    const width = family === 6 ? 128 : 32
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
    if (family === 0 || rest.length > 0 || !(prefix <= width)) return null
    list.addSubnet(network, prefix, family === 6 ? 'ipv6' : 'ipv4')
  }
  return {
    ranges,
    contains(address) {
      const plain = plainAddress(address)
      const family = isIP(plain)
      return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4')
    },
  }
}

/** Which addresses the operator allows. What is denied is never reached; what is allowed always; else public ones. */
export interface AddressPolicy {
  /** Allows receivers on this machine: for development and tests. */
  readonly allowLoopback: boolean
  readonly allow?: AddressList | null
  readonly deny?: AddressList | null
}

/** Returns why the policy refuses the address, or `null` where it may be reached. */
export function refusalOf(address: string, { allowLoopback, allow, deny }: AddressPolicy): string | null {
  const kind = classOf(address)
  if (kind === null) return `${address} is not an IP address`
  if (deny?.contains(address) === true) return `${address} is denied by the operator`
  if (allow?.contains(address) === true) return null
  if (kind === 'public' || (kind === 'loopback' && allowLoopback)) return null
  return `${address} is a ${kind} address`
}

/** Returns an address without its zone, and an IPv4 address that is written in IPv6 as IPv4. */
export function plainAddress(address: string): string {
  const plain = address.split('%')[0]!
  return (isIP(plain) === 6 ? mappedV4(plain) : null) ?? plain
}

/** Returns the IPv4 address inside `::ffff:a.b.c.d`, in whichever way it is written, or `null`. */
function mappedV4(address: string): string | null {
  // The URL parser writes any IPv6 text in its one canonical form.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)
  if (match === null) return null
  const [high, low] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
