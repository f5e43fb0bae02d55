/** Each vendor's SDK and ours agree, both ways, on what is signed and on what is tampered with. @module */

import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { concatBytes } from '../../receiver/src/bytes.ts'
import { verify } from '../../receiver/src/index.ts'
import type { SignedTestEvent } from '../../receiver/src/testing.ts'
import { editSignature, signRow, type Row } from '../../receiver/test/providers/rows.ts'
import { VENDORS, type Vendor } from './vendors.ts'

// On the second, as Slack's SDK and ours round otherwise.
const NOW = 1_790_000_000_000
const BYTES = new TextEncoder()
const MAX_BODY_BYTES = 4 * 1_048_576

// The SDKs read the clock themselves.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }))
afterAll(() => void vi.useRealTimers())

const TEXTS = [
  "$& $1 $$ $` $'",
  '{"a": 1.0, "b": 12345678901234567890, "c": "\\u00e9"}',
  'é 📯\r\n',
  ' ',
  '\0',
]
const HUGE = JSON.stringify({ a: 'é📯$&'.repeat(130_000) })

/** Bodies of the kind that the SDK can be given. */
function bodiesFor(takes: Vendor['takes']): fc.Arbitrary<Uint8Array> {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...TEXTS), fc.json())
  const some = {
    json: fc.object().map((value) => JSON.stringify(value)),
    text: fc.oneof(text, fc.constant('')),
    filled: text.filter((body) => body !== ''),
    bytes: text,
  }[takes].map((body) => BYTES.encode(body))
  return takes === 'bytes' ? fc.oneof(some, fc.uint8Array({ maxLength: 200 })) : some
}

/** What a stranger could make of a request: other bodies, signatures of others, and none. */
function tampered(row: Row, request: SignedTestEvent, other: SignedTestEvent): SignedTestEvent[] {
  const signatures = [
    editSignature(row, request, () => ''),
    editSignature(row, request, (text) => text.slice(0, -4)),
    editSignature(row, request, () => 'x'),
  ]
  const bodies: Uint8Array<ArrayBuffer>[] = []
  if (row.covers === 'body') {
    const { body } = request
    bodies.push(concatBytes([body.subarray(0, 64), ' ', body.subarray(64)]))
    if (body.length > 0) bodies.push(body.slice(1))
    if (!Buffer.from(other.body).equals(body)) bodies.push(other.body)
  } else if (row.mutate !== undefined) {
    bodies.push(BYTES.encode(row.mutate(Buffer.from(request.body).toString())))
  }
  return [...signatures, ...bodies.map((body) => ({ ...request, body }))]
}

describe.for(VENDORS)('$sdk, $row.name', (vendor) => {
  const { row } = vendor
  const [secret, otherSecret] = row.secrets
  const scheme = row.make({ secrets: secret })
  const otherScheme = row.make({ secrets: otherSecret })

  async function ours(request: SignedTestEvent, by = scheme): Promise<boolean> {
    return (await verify(request, by, { now: () => NOW, maxBodyBytes: MAX_BODY_BYTES })).ok
  }

  /** The SDK's verdict. An exception is a refusal, and so is a value that says so. */
  async function theirs(request: SignedTestEvent, by: string = secret): Promise<boolean> {
    try {
      return (await vendor.accepts(request, by)) !== false
    } catch {
      return false
    }
  }

  const both = async (request: SignedTestEvent) => [await ours(request), await theirs(request)]
  const AGREED = [true, true]
  const REFUSED = [false, false]

  test('it verifies what ours signs, and ours verifies it too', async () => {
    await fc.assert(
      fc.asyncProperty(bodiesFor(vendor.takes), async (payload) => {
        expect(await both(await signRow(row, scheme, payload, NOW))).toEqual(AGREED)
      }),
      { numRuns: 25 },
    )
  })

  test.runIf('sign' in vendor)('what it signs, ours verifies', async () => {
    await fc.assert(
      fc.asyncProperty(bodiesFor(vendor.takes), async (payload) => {
        const signed = await signRow(row, scheme, payload, NOW)
        const headers = await vendor.sign?.({ body: signed.body, timeMs: NOW }, secret)
        expect(await both({ ...signed, headers: headers ?? {} })).toEqual(AGREED)
      }),
      { numRuns: 25 },
    )
  })

  test('a body of 1 MB is no different', async () => {
    const request = await signRow(row, scheme, BYTES.encode(HUGE), NOW)
    expect(request.body.length).toBeGreaterThan(1_000_000)
    expect(await both(request)).toEqual(AGREED)
    const [changed] = tampered(row, request, request).toReversed()
    expect(await both(changed!)).toEqual(REFUSED)
  })

  test('both refuse the same that was tampered with', async () => {
    await fc.assert(
      fc.asyncProperty(bodiesFor(vendor.takes), bodiesFor(vendor.takes), async (payload, another) => {
        const request = await signRow(row, scheme, payload, NOW)
        const other = await signRow(row, scheme, another, NOW)
        for (const [index, edited] of tampered(row, request, other).entries()) {
          expect({ index, edited, both: await both(edited) }).toEqual({ index, edited, both: REFUSED })
        }
        expect([await ours(request, otherScheme), await theirs(request, otherSecret)]).toEqual(REFUSED)
      }),
      { numRuns: 15 },
    )
  })

  test.runIf(row.tolerance !== null)(
    'both refuse a time of last week, unless the SDK has no tolerance',
    async () => {
      const request = await signRow(row, scheme, BYTES.encode('{}'), NOW - 604_800_000)
      expect(await both(request)).toEqual([false, vendor.refusesPast === false])
    },
  )

  test.runIf(row.tolerance !== null)('a time of next week: ours refuses it, the SDK as noted', async () => {
    const request = await signRow(row, scheme, BYTES.encode('{}'), NOW + 604_800_000)
    expect(await both(request)).toEqual([false, vendor.refusesFuture !== true])
  })
})
