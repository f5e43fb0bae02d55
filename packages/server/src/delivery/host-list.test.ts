import { expect, test } from 'vitest'

import { parseHostList, plainHost } from './host-list.ts'

/** Asks the list as the guard does: with a host that came out of a URL. */
const contains = (list: string, url: string) =>
  parseHostList(list)!.contains(plainHost(new URL(url).hostname))

test('a name stands for itself, in any case, alphabet and with a dot at its end', () => {
  for (const url of ['https://hooks.example/', 'https://HOOKS.example./x', 'https://ｈooks.example/']) {
    expect(contains('other.example, Hooks.Example', url)).toBe(true)
  }
  expect(contains('bücher.example', 'https://xn--bcher-kva.example/')).toBe(true)
  for (const url of ['https://a.hooks.example/', 'https://hooks.example.org/', 'https://xhooks.example/']) {
    expect(contains('hooks.example', url)).toBe(false)
  }
})

test('a star stands for every name below, and not for the name itself', () => {
  expect(contains('*.internal.example', 'https://a.internal.example/')).toBe(true)
  expect(contains('*.internal.example', 'https://a.b.internal.example./')).toBe(true)
  expect(contains('*.internal.example', 'https://internal.example/')).toBe(false)
  expect(contains('*.internal.example', 'https://xinternal.example/')).toBe(false)
})

test('an address is compared as what it is, however it is written', () => {
  expect(contains('192.0.2.7', 'https://0xc0.0.2.7/')).toBe(true)
  expect(contains('[2001:db8::1]', 'https://[2001:db8:0:0::1]/')).toBe(true)
})

test.for([
  '',
  ',',
  'a.example,',
  '*',
  '*.',
  'a.*.example',
  'https://a.example',
  'a.example:443',
  'a.example:',
  'user@a.example',
  'a.example/x',
  'a b.example',
  '256.0.0.1',
])('%j is no list of hosts', (text) => {
  expect(parseHostList(text)).toBeNull()
})
