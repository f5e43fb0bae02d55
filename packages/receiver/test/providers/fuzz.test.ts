/** Whatever is changed in a request, it does not verify; and nothing that a sender can send makes anything throw. @module */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { answerHandshake, verify, type Scheme, type WebhookInput } from '../../src/index.ts'
import type { SignedTestEvent } from '../../src/testing.ts'
import { editSignature, payloads, ROWS, signRow, type Row } from './rows.ts'

const NOW = 1_790_000_000_000
const options = { now: () => NOW }
const RUNS = 60

/** One edit at a place: a flip, an insertion, a removal, a repetition, a cut, or an exchange of two halves. */
const edits = fc.record({
  kind: fc.constantFrom('flip', 'insert', 'remove', 'repeat', 'cut', 'swap'),
  at: fc.nat(),
  byte: fc.integer({ min: 1, max: 255 }),
})
type Edit = typeof edits extends fc.Arbitrary<infer T> ? T : never

function edited(bytes: Uint8Array, { kind, at, byte }: Edit): Uint8Array<ArrayBuffer> {
  const index = at % Math.max(1, bytes.length)
  const [head, tail] = [bytes.slice(0, index), bytes.slice(index)]
  const parts = {
    flip: [head, tail.map((value, place) => (place === 0 ? value ^ byte : value))],
    insert: [head, Uint8Array.of(byte), tail],
    remove: [head, tail.slice(1)],
    repeat: [head, tail, tail],
    cut: [head],
    swap: [tail, head],
  }[kind]
  return Uint8Array.from(Buffer.concat(parts))
}

const editedText = (text: string, edit: Edit) =>
  Buffer.from(edited(Buffer.from(text, 'latin1'), edit)).toString('latin1')

/** What is compared of a signature header: the items of a list in any order, or all of it. */
const itemsOf = (row: Row, text: string) =>
  row.list === undefined ? [text] : text.split(row.list).map((item) => item.trim())

/** A list may have further items and spaces around them: whoever adds those still needs the signature. */
function saysTheSame(row: Row, before: string, after: string): boolean {
  const items = itemsOf(row, after)
  return itemsOf(row, before).every((item) => items.includes(item))
}

async function accepted(input: WebhookInput, scheme: Scheme): Promise<boolean> {
  const result = await verify(input, scheme, options)
  expect(result.ok || (typeof result.code === 'string' && result.hint !== '')).toBe(true)
  return result.ok
}

/** The headers that are signed beside the signature: of the time, and of two the id. */
const SIGNED_HEADERS = /timestamp|-time$|^webhook-id$|transmission-id/

const headerEntries = ({ headers }: SignedTestEvent) => Object.entries(headers)

describe.for(ROWS)('$name', (row) => {
  const scheme = row.make({
    secrets: row.secrets[0],
    ...(row.tolerance === null ? {} : { toleranceSeconds: 1e9 }),
  })

  test('no mutated signature verifies', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, fc.array(edits, { minLength: 1, maxLength: 3 }), async (payload, list) => {
        const request = await signRow(row, scheme, payload, NOW)
        let [before, after] = ['', '']
        const mutated = editSignature(row, request, (text) => {
          ;[before, after] = [text, list.reduce(editedText, text)]
          return after
        })
        fc.pre(!saysTheSame(row, before, after))
        expect({ before, after, accepted: await accepted(mutated, scheme) }).toMatchObject({
          accepted: false,
        })
      }),
      { numRuns: RUNS },
    )
  })

  test.runIf(row.covers === 'body')('no mutated body verifies', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, fc.array(edits, { minLength: 1, maxLength: 3 }), async (payload, list) => {
        const request = await signRow(row, scheme, payload, NOW)
        const body = list.reduce<Uint8Array<ArrayBuffer>>(edited, request.body)
        fc.pre(!Buffer.from(body).equals(request.body))
        expect(await accepted({ ...request, body }, scheme)).toBe(false)
      }),
      { numRuns: RUNS },
    )
  })

  test('no mutated header that is signed verifies, and no other makes anything throw', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, edits, fc.nat(), async (payload, edit, nth) => {
        const request = await signRow(row, scheme, payload, NOW)
        const entries = headerEntries(request)
        const [name, before] = entries[nth % Math.max(1, entries.length)] ?? ['x-none', 'none']
        const after = editedText(before, edit)
        fc.pre(after !== before)
        const isAccepted = await accepted(
          { ...request, headers: { ...request.headers, [name]: after } },
          scheme,
        )
        const isForged = isAccepted && SIGNED_HEADERS.test(name)
        expect({ name, before, after, isForged }).toMatchObject({ isForged: false })
      }),
      { numRuns: RUNS },
    )
  })

  test('headers of any shape, repeated, huge or not UTF-8 are refused or read, and never throw', async () => {
    const request = await signRow(row, scheme, new TextEncoder().encode('{"a":"é"}'), NOW)
    const names = [...Object.keys(request.headers), 'content-length', 'x-none']
    const odd = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 50 }),
      fc.constantFrom('', '\0', '\r\n', '\xff\xfe', '\ud800', ',', ';', ' ', '=', 'NaN', '-0', '1e9', '９'),
      fc.constantFrom('x', ',', 'v1=,', 'v1,A ', '=', ';h1=', '0').map((text) => text.repeat(100_000)),
      fc.array(fc.oneof(fc.string(), fc.constant(undefined), fc.integer()), { maxLength: 4 }),
      fc.constantFrom(undefined, null, 0, true, {}, [], [[]], Symbol.iterator, () => 'x'),
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), odd), async (some) => {
        const headers = { ...request.headers, ...some } as Record<string, string>
        const isAccepted = await accepted({ ...request, headers }, scheme)
        // What is of the request is there still. A `content-length` beyond the bound is refused in any case.
        const isWhole = Object.keys(some).every((name) => name === 'x-none')
        expect(isAccepted || !isWhole).toBe(true)
        await answerHandshake({ ...request, headers }, scheme, options)
      }),
      { numRuns: RUNS },
    )
  })

  test('a header that was sent twice is not half of what was signed', async () => {
    const request = await signRow(row, scheme, new TextEncoder().encode('{"a":1}'), NOW)
    for (const [name, value] of headerEntries(request)) {
      for (const other of [value, 'x', '']) {
        const record = { ...request.headers, [name]: [other, value] }
        const spelled = { [name.toUpperCase()]: other, ...request.headers }
        const verdicts = [
          await accepted({ ...request, headers: record }, scheme),
          await accepted({ ...request, headers: spelled }, scheme),
        ]
        const isUnsigned =
          !SIGNED_HEADERS.test(name) && !('header' in row.signature && row.signature.header === name)
        // Two lists make one, with the signature in it.
        if (isUnsigned || row.list !== undefined) continue
        expect({ name, other, verdicts }).toEqual({ name, other, verdicts: [false, false] })
      }
    }
  })

  test('a body of any bytes is refused, unless nothing of it is signed', async () => {
    const request = await signRow(row, scheme, new TextEncoder().encode('{"a":1}'), NOW)
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(
        Uint8Array.of(0xff, 0xfe),
        Uint8Array.of(0xef, 0xbb, 0xbf),
        Uint8Array.of(0xed, 0xa0, 0x80),
      ),
      fc.json().map((text) => Uint8Array.from(Buffer.from(text))),
      fc
        .constantFrom('['.repeat(100_000), `{"a":${'{"a":'.repeat(50_000)}`)
        .map((text) => Uint8Array.from(Buffer.from(text))),
    )
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        fc.pre(!Buffer.from(body).equals(request.body))
        expect((await accepted({ ...request, body }, scheme)) && row.covers !== 'nothing').toBe(false)
        await answerHandshake({ ...request, body }, scheme, options)
      }),
      { numRuns: RUNS },
    )
  })
})
