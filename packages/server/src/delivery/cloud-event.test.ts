import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { newMessage } from '../../test/storage/fixtures.ts'
import { headerEncoded, sourceOf, structuredBatch, structuredEvent } from './cloud-event.ts'

const parsed = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>

// Source: the HTTP binding of CloudEvents 1.0.2, section 3.1.3.2, whose example is the first.
test.each([
  ['Euro € 😀', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
  ['100%', '100%25'],
  ['say "x"', 'say%20%22x%22'],
  ['a\tb\u007f', 'a%09b%7F'],
  ['https://a.example/b?c=d&e=ü', 'https://a.example/b?c=d&e=%C3%BC'],
])('%j goes in a header as %s', (text, encoded) => {
  expect(headerEncoded(text)).toBe(encoded)
})

test('what is encoded for a header is printable, and reads as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const encoded = headerEncoded(text)
      expect(encoded).toMatch(/^[\x21-\x7e]*$/)
      expect(decodeURIComponent(encoded)).toBe(text)
    }),
  )
})

test.each([
  [null, { id: 'app_1', uid: null }, '/app/app_1'],
  [null, { id: 'app_1', uid: 'acme' }, '/app/acme'],
  ['https://hooks.example.com', { id: 'app_1', uid: 'acme' }, 'https://hooks.example.com/app/acme'],
  [
    'https://bücher.example/a b',
    { id: 'app_1', uid: 'acme' },
    'https://xn--bcher-kva.example/a%20b/app/acme',
  ],
  ['https://hooks.example.com', null, 'https://hooks.example.com/operational-webhook'],
])('at %s the source of events of %j is %s', (publicUrl, application, source) => {
  expect(sourceOf(publicUrl, application)).toBe(source)
})

test('a JSON payload stands in its event as the bytes that it has, and what only says it is JSON does not', () => {
  const payload = new TextEncoder().encode('{"total": 1.0, "big": 12345678901234567890}')
  const event = structuredEvent(newMessage({ payload }), '/app/acme')
  expect(Buffer.from(event).includes(payload)).toBe(true)
  expect(parsed(event)['data']).toEqual(JSON.parse(new TextDecoder().decode(payload)))

  for (const text of ['{"a":', '', '\uFEFF{}', '1,"id":"forged"']) {
    const raw = parsed(structuredEvent(newMessage({ payload: new TextEncoder().encode(text) }), '/app/acme'))
    expect(raw).not.toHaveProperty('data')
    expect(Buffer.from(raw['data_base64'] as string, 'base64').toString()).toBe(text)
  }
})

test('whatever the payloads are, a batch is a JSON array of events that have them', () => {
  fc.assert(
    fc.property(fc.array(fc.json(), { minLength: 1, maxLength: 5 }), fc.uint8Array(), (texts, bytes) => {
      const payloads = texts.map((text) => newMessage({ payload: new TextEncoder().encode(text) }))
      const raw = newMessage({ payload: bytes, contentType: 'application/octet-stream' })
      const events = parsed(structuredBatch([...payloads, raw], '/app/acme')) as unknown as Record<
        string,
        unknown
      >[]
      expect(events.slice(0, -1).map(({ data }) => data)).toEqual(
        texts.map((text) => JSON.parse(text) as unknown),
      )
      expect(events.at(-1)).toMatchObject({
        id: raw.id,
        datacontenttype: 'application/octet-stream',
        data_base64: Buffer.from(bytes).toString('base64'),
      })
    }),
  )
})
