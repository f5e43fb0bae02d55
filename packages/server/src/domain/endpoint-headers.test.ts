import { expect, test } from 'vitest'

import { faultOfHeaders, isSensitive, mergeHeaders } from './endpoint-headers.ts'

test('ordinary headers are taken, as many and as large as the limits allow', () => {
  expect(faultOfHeaders({})).toBeNull()
  expect(faultOfHeaders({ 'X-Tenant': 'acme', Authorization: 'Bearer abc', 'x-empty': '' })).toBeNull()
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x-${i}`, 'v']))
  expect(faultOfHeaders(many)).toBeNull()
  expect(faultOfHeaders({ ...many, 'x-50': 'v' })).toMatchObject({ name: null })
  expect(faultOfHeaders({ 'x-large': 'v'.repeat(4_096 - 7) })).toBeNull()
  expect(faultOfHeaders({ 'x-large': 'v'.repeat(4_096 - 6) })).toMatchObject({ name: null })
})

test.each([
  ['no name', '', 'v'],
  ['a space in a name', 'x y', 'v'],
  ['a colon in a name', 'x:', 'v'],
  ['a line in a name', 'x\r\ny', 'v'],
  ['a line in a value', 'x', 'v\r\nhost: evil'],
  ['a bare line feed', 'x', 'v\n'],
  ['a NUL', 'x', '\0'],
  ['a tab', 'x', 'a\tb'],
  ['a letter beyond ASCII', 'x', 'Müller'],
  ['a space before the value', 'x', ' v'],
  ['a space after the value', 'x', 'v '],
  ['Host', 'Host', 'evil.example'],
  ['Content-Length', 'Content-Length', '0'],
  ['Transfer-Encoding', 'transfer-encoding', 'chunked'],
  ['Connection', 'connection', 'close'],
  ['Content-Type', 'Content-Type', 'text/plain'],
  ['webhook-id', 'webhook-id', 'msg_1'],
  ['Webhook-Signature', 'Webhook-Signature', 'v1,x'],
  ['svix-id', 'svix-id', 'msg_1'],
  ['Proxy-Authorization', 'Proxy-Authorization', 'x'],
  ['Expect', 'Expect', '100-continue'],
])('%s is refused, and the fault names the header', (_, name, value) => {
  expect(faultOfHeaders({ 'x-fine': 'v', [name]: value })).toMatchObject({ name })
})

test('of two names that differ in case the second is refused', () => {
  expect(faultOfHeaders({ 'X-A': '1', 'x-a': '2' })).toMatchObject({ name: 'x-a' })
})

test('a change sets and removes whatever the case of a name, and leaves the others', () => {
  const headers = { 'X-One': '1', 'X-Two': '2', 'X-Three': '3' }
  const changes = { set: { 'x-one': 'new', 'x-four': '4' }, remove: ['X-TWO', 'x-unknown'] }
  expect(mergeHeaders(headers, changes)).toEqual({ 'x-one': 'new', 'x-four': '4', 'X-Three': '3' })
})

test.each([
  'Authorization',
  'x-api-key',
  'COOKIE',
  'X-Auth-Token',
  'client_secret',
  'X-ApiKey',
  'x-accesstoken',
])('%s is never shown', (name) => expect(isSensitive(name)).toBe(true))

test.each(['X-Tenant', 'X-Region', 'X-Monkey-Business', 'Accept-Language'])('%s is shown', (name) =>
  expect(isSensitive(name)).toBe(false),
)
