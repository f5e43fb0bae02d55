import { expect, test } from 'vitest'

import { type AddressClass, classOf, parseAddressList, refusalOf } from './address.ts'

const TABLE: readonly (readonly [string, AddressClass | null])[] = [
  ['8.8.8.8', 'public'],
  ['1.1.1.1', 'public'],
  ['172.15.255.255', 'public'],
  ['172.32.0.0', 'public'],
  ['100.63.255.255', 'public'],
  ['2606:4700:4700::1111', 'public'],
  ['2a00:1450:4001::200e', 'public'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['0:0:0:0:0:ffff:7f00:0001', 'loopback'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['::ffff:10.0.0.1', 'private'],
  ['fd00::1', 'private'],
  ['fc00::1', 'private'],
  ['169.254.169.254', 'link-local'],
  ['168.63.129.16', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['100.64.0.1', 'shared (carrier-grade NAT)'],
  ['100.127.255.255', 'shared (carrier-grade NAT)'],
  ['224.0.0.1', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['0.0.0.0', 'reserved'],
  ['192.0.0.8', 'reserved'],
  ['192.0.2.1', 'documentation'],
  ['198.51.100.7', 'documentation'],
  ['203.0.113.9', 'documentation'],
  ['2001:db8::1', 'documentation'],
  ['3fff::1', 'documentation'],
  ['198.18.0.1', 'benchmarking'],
  ['64:ff9b::7f00:1', 'translated (IPv4 in IPv6)'],
  ['64:ff9b:1::1', 'translated (IPv4 in IPv6)'],
  ['2002:7f00:1::', 'translated (IPv4 in IPv6)'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'translated (IPv4 in IPv6)'],
  ['::', 'reserved'],
  ['::7f00:1', 'reserved'],
  ['4000::1', 'reserved'],
  ['5f00::1', 'reserved'],
  ['example.com', null],
  ['', null],
  ['1.2.3', null],
]

test.for(TABLE)('%s is %s', ([address, kind]) => {
  expect(classOf(address)).toBe(kind)
})

test('only public addresses are reached; loopback too where the operator says so', () => {
  const strict = { allowLoopback: false }
  const dev = { allowLoopback: true }
  for (const [address, kind] of TABLE) {
    expect(refusalOf(address, strict) === null).toBe(kind === 'public')
    expect(refusalOf(address, dev) === null).toBe(kind === 'public' || kind === 'loopback')
  }
})

test('a refusal names the address and what it is', () => {
  expect(refusalOf('169.254.169.254', { allowLoopback: true })).toBe(
    '169.254.169.254 is a link-local address',
  )
})

test('the operator allows ranges beyond public ones, and denies others: a denial counts more', () => {
  const policy = {
    allowLoopback: false,
    allow: parseAddressList('10.0.0.0/8, fd00::/8'),
    deny: parseAddressList('10.66.0.0/16,203.0.113.0/24,8.8.8.8,2606:4700::/32'),
  }
  for (const allowed of ['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1', '1.1.1.1']) {
    expect(refusalOf(allowed, policy)).toBeNull()
  }
  for (const denied of ['10.66.0.1', '::ffff:10.66.0.1', '8.8.8.8', '2606:4700:4700::1111']) {
    expect(refusalOf(denied, policy)).toBe(`${denied} is denied by the operator`)
  }
  expect(refusalOf('192.168.0.1', policy)).toBe('192.168.0.1 is a private address')
})

test.for([
  '',
  '10.0.0.0/33',
  '10.0.0/8',
  'fd00::/129',
  '10.0.0.0/8/8',
  '10.0.0.0/',
  '10.0.0.0/-1',
  'example.com',
  '10.0.0.0/8,',
])('%j is no list of addresses', (text) => {
  expect(parseAddressList(text)).toBeNull()
})
