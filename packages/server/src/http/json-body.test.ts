import { expect, test } from 'vitest'
import * as fc from 'fast-check'

import { memberBytes, parseJson } from './json-body.ts'

const payloadOf = (text: string) => {
  const bytes = memberBytes(Buffer.from(text), 'payload')
  return bytes === null ? null : Buffer.from(bytes).toString()
}

test('the bytes of a member are kept as they were written', () => {
  const payload = '{ "total": 1.0,\n "big":12345678901234567890, "e": "\\u00e9😀\\/" , "exp": 1E+2 }'
  expect(payloadOf(`{"eventType":"a","payload":${payload}}`)).toBe(payload)
  expect(payloadOf(`\n{ "payload" : ${payload} , "eventType":"a" } \n`)).toBe(payload)
})

test('brackets, quotes and the name itself inside strings do not mislead', () => {
  const payload = '{"a":"}]\\"payload\\": {","payload":{"x":[1,{"y":"\\\\"}]}}'
  expect(payloadOf(`{"note":"\\"payload\\":{}","payload":${payload},"z":[{"payload":1}]}`)).toBe(payload)
})

test('a name written with escapes is the same name, and the last of two counts', () => {
  expect(payloadOf('{"p\\u0061yload":{"a":1}}')).toBe('{"a":1}')
  expect(payloadOf('{"payload":{"a":1},"payload":{"a":2}}')).toBe('{"a":2}')
})

test('a member that is not there is null', () => {
  expect(payloadOf('{}')).toBeNull()
  expect(payloadOf('{"other":{"payload":1}}')).toBeNull()
})

test('for any object the bytes of a member parse to what the whole parses to', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.jsonValue(),
      fc.constantFrom(undefined, 2, '\t'),
      (others, payload, indent) => {
        const text = JSON.stringify({ ...others, payload }, null, indent)
        expect(JSON.parse(payloadOf(text)!)).toEqual(JSON.parse(text).payload)
      },
    ),
  )
})

test('the bytes have memory of their own', () => {
  const body = Buffer.from('{"payload":{"a":1}}')
  const bytes = memberBytes(body, 'payload')!
  expect(bytes.buffer.byteLength).toBe(bytes.byteLength)
  body.fill(0)
  expect(Buffer.from(bytes).toString()).toBe('{"a":1}')
})

test.for([
  ['', 'empty'],
  ['{', 'not JSON'],
  ['{"a":1,}', 'not JSON'],
  ["{'a':1}", 'not JSON'],
  ['\ufeff{}', 'not JSON'],
] as const)('%j is refused: %s', ([text, word]) => {
  expect(() => parseJson(Buffer.from(text))).toThrow(word)
})

test('bytes that are not UTF-8 are refused', () => {
  expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow('not UTF-8')
})
