import { expect, test } from 'vitest'

import { parseRange } from './address.ts'
import { clientAddress } from './client-address.ts'

const PROXIES = ['10.0.0.0/8', '2001:db8::/32'].map(parseRange)

test('X-Forwarded-For of anyone but a trusted proxy is not read', () => {
  expect(clientAddress('203.0.113.9', '192.0.2.1', PROXIES)).toBe('203.0.113.9')
  expect(clientAddress('10.0.0.1', '192.0.2.1', [])).toBe('10.0.0.1')
})

test('it is read from its end, through as many trusted proxies as there are', () => {
  expect(clientAddress('10.0.0.1', '192.0.2.1', PROXIES)).toBe('192.0.2.1')
  expect(clientAddress('10.0.0.1', '1.1.1.1, 192.0.2.1', PROXIES)).toBe('192.0.2.1')
  expect(clientAddress('::ffff:10.0.0.1', '1.1.1.1,192.0.2.1, 2001:db8::9 ,10.2.3.4', PROXIES)).toBe(
    '192.0.2.1',
  )
})

test('where trusted proxies name nobody, the address is unknown', () => {
  expect(clientAddress('10.0.0.1', null, PROXIES)).toBeNull()
  expect(clientAddress('10.0.0.1', '10.0.0.2', PROXIES)).toBeNull()
  expect(clientAddress('10.0.0.1', '192.0.2.1, unknown', PROXIES)).toBeNull()
  expect(clientAddress(null, '192.0.2.1', PROXIES)).toBeNull()
})

test('a port behind an address is no part of it', () => {
  expect(clientAddress('10.0.0.1', '1.1.1.1, 192.0.2.1:4711', PROXIES)).toBe('192.0.2.1')
  expect(clientAddress('10.0.0.1', '[2001:db9::1]:4711, 10.0.0.2:80', PROXIES)).toBe('2001:db9::1')
  expect(clientAddress('10.0.0.1', '192.0.2.1:x', PROXIES)).toBeNull()
})
