import { expect, test } from 'vitest'

import { destinationCheck, faultOfUrl } from './destination.ts'

const PRODUCTION = { allowLoopback: false, allowHttp: false }
const DEVELOPMENT = { allowLoopback: true, allowHttp: true }

test.for([
  'http://127.0.0.1:4000/',
  'http://localhost:4000/',
  'http://localhost./',
  'http://app.localhost/',
  'http://[::1]:4000/',
  'http://0x7f.1/',
  'http://2130706433/',
  'http://0177.0.0.1/',
  'http://127.1/',
  'http://①②⑦.0.0.1/',
  'http://[::ffff:127.0.0.1]/',
])('%s is this machine: allowed in development, refused without', (url) => {
  expect(faultOfUrl(url, DEVELOPMENT)).toBeNull()
  expect(faultOfUrl(url, { ...DEVELOPMENT, allowLoopback: false })).toContain('loopback')
})

test.for([
  'http://169.254.169.254/',
  'http://169.254.169.254./latest/meta-data',
  'https://10.0.0.1/',
  'http://192.168.0.1',
  'http://[fd00::1]/',
  'http://[::7f00:1]/',
  'http:\\\\169.254.169.254\\',
  'http://169。254。169。254/',
])('%s is refused even in development', (url) => {
  expect(faultOfUrl(url, DEVELOPMENT)).toMatch(/^is not allowed: /)
})

test('public names and addresses are allowed', () => {
  for (const url of ['https://example.com/hooks?x=1', 'https://8.8.8.8/', 'https://xn--bcher-kva.example/']) {
    expect(faultOfUrl(url, PRODUCTION)).toBeNull()
  }
})

test('what is no URL of an endpoint is refused with what would be right', () => {
  expect(faultOfUrl('example.com/hooks', PRODUCTION)).toContain('not an absolute URL')
  expect(faultOfUrl('', PRODUCTION)).toContain('not an absolute URL')
  expect(faultOfUrl('ftp://example.com/', PRODUCTION)).toContain('scheme ftp')
  expect(faultOfUrl('file:///etc/passwd', PRODUCTION)).toContain('scheme file')
  expect(faultOfUrl('http://example.com/', PRODUCTION)).toContain('must be https')
  expect(faultOfUrl(' https://example.com/', PRODUCTION)).toContain('white space')
  expect(faultOfUrl('https://example.com:0/', PRODUCTION)).toContain('port 0')
  expect(faultOfUrl('https://user:pass@example.com/', PRODUCTION)).toContain('user name or password')
})

test('with an allow-list of ports others are refused, also the one that a scheme implies', () => {
  const policy = { ...PRODUCTION, allowHttp: true, ports: [443, 8443] }
  expect(faultOfUrl('https://example.com/', policy)).toBeNull()
  expect(faultOfUrl('https://example.com:8443/', policy)).toBeNull()
  expect(faultOfUrl('https://example.com:22/', policy)).toContain('allowed here are 443, 8443')
  expect(faultOfUrl('http://example.com/', policy)).toContain('port 80')
})

test('the check of the client remembers origins, and nothing that is no part of one', () => {
  const faultOf = destinationCheck({ ...PRODUCTION, ports: [443] })
  for (let turn = 0; turn < 2; turn++) {
    expect(faultOf(new URL('https://example.com/a'))).toBeNull()
    expect(faultOf(new URL('https://user@example.com/a'))).toContain('user name or password')
    expect(faultOf(new URL('https://example.com:8443/'))).toContain('port 8443')
    expect(faultOf(new URL('http://example.com/'))).toContain('must be https')
    expect(faultOf(new URL('https://10.0.0.1/'))).toContain('private')
    // Their origins are all the same text: null.
    expect(faultOf(new URL('ftp2://example.com/'))).toContain('scheme ftp2')
    expect(faultOf(new URL('data:x'))).toContain('scheme data')
  }
})
