/** IP addresses and ranges of them, compared as bits. @module */

/** A range of addresses: those of `bytes.length`, 4 or 16, whose first `prefix` bits are the same. */
export interface AddressRange {
  readonly bytes: readonly number[]
  readonly prefix: number
}

/**
 * Returns the bytes of an IPv4 or IPv6 address, or `null`. An IPv4 address in IPv6's clothes (`::ffff:192.0.2.1`)
 * is the IPv4 address: a dual-stack socket names its peers so. A zone (`%eth0`) is cut off.
 */
export function parseAddress(text: string): readonly number[] | null {
  if (!text.includes(':')) return parseV4(text)
  const bytes = parseV6(text.replace(/%.*$/, ''))
  const isMapped = bytes?.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 255)) === true
  return isMapped ? bytes.slice(12) : bytes
}

/**
 * Returns the range of `192.0.2.0/24` or of a single address.
 *
 * @throws {RangeError} The text is neither.
 */
export function parseRange(text: string): AddressRange {
  const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const bytes = parseAddress(address)
  if (bytes === null)
    throw new RangeError(`bad address range ${text}: 192.0.2.0/24, 2001:db8::/32 or an address`)
  // The length of `::ffff:192.0.2.0/120` counts from the front of the IPv6 address.
  const cut = bytes.length === 4 && address.includes(':') ? 96 : 0
  const prefix = length === undefined ? bytes.length * 8 : Number(length) - cut
  if (prefix < 0 || prefix > bytes.length * 8) throw new RangeError(`bad address range ${text}: bad length`)
  return { bytes, prefix }
}

/** Tells whether an address, as `parseAddress` returned it, is in `range`. */
export function isInRange(address: readonly number[], range: AddressRange): boolean {
  if (address.length !== range.bytes.length) return false
  return address.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, range.prefix - 8 * i))
    return (byte ^ (range.bytes[i] ?? 0)) >> (8 - bits) === 0
  })
}

function parseV4(text: string): number[] | null {
  const parts = text.split('.')
  // No leading zero: some readers take `010` for 8.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return null
  const bytes = parts.map(Number)
  return bytes.every((byte) => byte < 256) ? bytes : null
}

function parseV6(text: string): number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map((half) => (half === '' ? [] : groupBytes(half)))
  if (head === null || head === undefined || tail === null) return null
  if (tail === undefined) return head.length === 16 ? head : null
  const missing = 16 - head.length - tail.length
  return missing < 2 ? null : [...head, ...Array<number>(missing).fill(0), ...tail]
}

function groupBytes(text: string): number[] | null {
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [i, group] of groups.entries()) {
    const v4 = i === groups.length - 1 && group.includes('.') ? parseV4(group) : null
    if (v4 !== null) bytes.push(...v4)
    else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    } else return null
  }
  return bytes
}
