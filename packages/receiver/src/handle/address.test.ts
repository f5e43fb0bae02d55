import { isIP } from 'node:net'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { isInRange, parseAddress, parseRange } from './address.ts'

const isIn = (address: string, range: string) => isInRange(parseAddress(address)!, parseRange(range))

test('what is an address here is one to Node, and the other way round', () => {
  const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/))
  fc.assert(
    fc.property(text, (address) => {
      expect(parseAddress(address) !== null).toBe(isIP(address) !== 0)
    }),
  )
})

test.each([
  ['192.0.2.255', '192.0.2.0/24', true],
  ['192.0.3.0', '192.0.2.0/24', false],
  ['192.0.2.3', '192.0.2.0/30', true],
  ['192.0.2.4', '192.0.2.0/30', false],
  ['198.51.100.7', '0.0.0.0/0', true],
  ['2001:db8:ffff::1', '2001:db8::/32', true],
  ['2001:db9::1', '2001:db8::/32', false],
  ['::ffff:192.0.2.1', '192.0.2.0/24', true],
  ['192.0.2.1', '::ffff:192.0.2.0/120', true],
  ['fe80::1%eth0', 'fe80::/10', true],
  ['::1', '127.0.0.1', false],
  ['192.0.2.1', '192.0.2.1', true],
])('%s in %s: %s', (address, range, expected) => {
  expect(isIn(address, range)).toBe(expected)
})

test.each([
  '',
  '192.0.2.0/33',
  '2001:db8::/129',
  '192.0.2.0/',
  '192.0.2/24',
  '010.0.0.1',
  '::ffff:192.0.2.0/95',
  'x',
])('a range that is none is refused: %j', (text) => {
  expect(() => parseRange(text)).toThrow(RangeError)
})
