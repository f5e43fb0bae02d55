import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { generateKeyPair } from './ed25519.ts'
import { VERIFICATION_HINTS, WebhookVerificationError } from './error.ts'
import type { Scheme, VerifyResult } from './scheme.ts'
import { generateSecret } from './secret.ts'
import { signHeaders } from './sign.ts'
import { standardWebhooks } from './standard-webhooks.ts'
import { verify, verifyOrThrow, type VerifyOptions } from './verify.ts'

const SECONDS = 1_790_000_000
const now = () => SECONDS * 1_000
const SECRET = generateSecret()
const PAIR = await generateKeyPair()

const messages = fc.record({
  id: fc.stringMatching(/^[\w-]{1,20}$/),
  timestamp: fc.integer({ min: SECONDS - 300, max: SECONDS + 300 }),
  body: fc.uint8Array({ maxLength: 200 }),
})
const keys = fc.constantFrom(
  { signWith: SECRET, verifyWith: SECRET },
  { signWith: PAIR.privateKey, verifyWith: PAIR.publicKey },
)

/** A change to one byte or character, an addition or a removal at `at`. */
const edits = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('flip', 'insert', 'remove', 'append', 'truncate'),
  bits: fc.integer({ min: 1, max: 255 }),
})
type Edit = typeof edits extends fc.Arbitrary<infer T> ? T : never

function editBytes(bytes: Uint8Array, { at, kind, bits }: Edit): Uint8Array {
  const copy = [...bytes]
  const index = at % Math.max(1, copy.length)
  if (kind === 'flip' && copy.length > 0) copy[index] = copy[index]! ^ bits
  if (kind === 'insert') copy.splice(index, 0, bits)
  if (kind === 'remove') copy.splice(index, 1)
  if (kind === 'append') copy.push(bits)
  if (kind === 'truncate') copy.length = index
  return Uint8Array.from(copy)
}

const editText = (text: string, edit: Edit) =>
  Buffer.from(editBytes(Buffer.from(text), edit)).toString('latin1')

test('what was signed is verified, and its bytes come back', async () => {
  await fc.assert(
    fc.asyncProperty(messages, keys, async (message, { signWith, verifyWith }) => {
      const headers = await signHeaders(signWith, message)
      const scheme = standardWebhooks({ secrets: verifyWith })
      const event = await verifyOrThrow({ headers, body: message.body }, scheme, { now })
      expect(event.id).toBe(message.id)
      expect(event.timestamp.getTime()).toBe(message.timestamp * 1_000)
      expect(event.body).toEqual(new Uint8Array(message.body))
    }),
  )
})

test('no change to the body, the id, the timestamp or the signature is ever verified', async () => {
  const parts = fc.constantFrom('body', 'webhook-id', 'webhook-timestamp', 'webhook-signature')
  await fc.assert(
    fc.asyncProperty(messages, keys, parts, edits, async (message, key, part, edit) => {
      const headers: Record<string, string> = await signHeaders(key.signWith, message)
      const before = part === 'body' ? Buffer.from(message.body).toString('latin1') : headers[part]!
      const body = part === 'body' ? editBytes(message.body, edit) : message.body
      if (part !== 'body') headers[part] = editText(headers[part]!, edit)
      const after = part === 'body' ? Buffer.from(body).toString('latin1') : headers[part]!
      // Spaces around a signature are the list's, not the signature's.
      fc.pre(before !== after.replace(/^ +| +$/g, ''))

      const scheme = standardWebhooks({ secrets: key.verifyWith, toleranceSeconds: 1e10 })
      const result = await verify({ headers, body }, scheme, { now })
      expect(result.ok, `${part}: ${before} → ${after}`).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

test('verify never throws, whatever it is given, and never accepts it', async () => {
  const scheme = standardWebhooks({ secrets: [SECRET, PAIR.publicKey] })
  // As a caller without types has it. A method, because its parameters may be widened.
  const untyped: { verify(input: unknown, ...rest: [Scheme, VerifyOptions]): Promise<VerifyResult> } = {
    verify,
  }
  const anything = fc.anything({
    withNullPrototype: true,
    withTypedArray: true,
    withMap: true,
    withDate: true,
  })
  const arrayBuffer = fc.func(anything).map(
    (f) =>
      (...args: unknown[]) =>
        Promise.resolve(f(...args)),
  )
  const headers = fc.oneof(
    anything,
    fc.dictionary(
      fc.constantFrom(
        'webhook-id',
        'Webhook-Timestamp',
        'webhook-signature',
        'svix-id',
        'content-length',
        'get',
      ),
      fc.oneof(anything, fc.string({ unit: 'binary' }), fc.constant(String(SECONDS)), fc.constant('v1,')),
    ),
  )
  const inputs = fc.oneof(
    anything,
    fc.record(
      { headers, body: anything, rawBody: anything, arrayBuffer, bodyUsed: fc.boolean() },
      { requiredKeys: ['headers'] },
    ),
  )
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      const result = await untyped.verify(input, scheme, { now })
      expect(result).toMatchObject({ ok: false, code: expect.any(String), hint: expect.any(String) })
    }),
    { numRuns: 1_000 },
  )
})

test('verify never throws for any text in the three headers', async () => {
  const scheme = standardWebhooks({ secrets: [SECRET, PAIR.publicKey] })
  const text = fc.string({ unit: 'binary', maxLength: 100 })
  const base64 = fc.base64String({ maxLength: 100 })
  const signatures = fc.array(
    fc.oneof(
      text,
      fc.tuple(fc.constantFrom('v1', 'v1a', 'v2'), base64).map(([version, b]) => `${version},${b}`),
      fc.uint8Array({ minLength: 64, maxLength: 64 }).map((b) => `v1a,${Buffer.from(b).toString('base64')}`),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => `v1,${Buffer.from(b).toString('base64')}`),
    ),
    { maxLength: 60 },
  )
  const arbitraryHeaders = fc.record({
    'webhook-id': fc.oneof(text, fc.constant('msg_1')),
    'webhook-timestamp': fc.oneof(text, fc.constant(String(SECONDS))),
    'webhook-signature': signatures.map((list) => list.join(' ')),
  })
  await fc.assert(
    fc.asyncProperty(arbitraryHeaders, async (headers) => {
      expect((await verify({ headers, body: 'x' }, scheme, { now })).ok).toBe(false)
    }),
    { numRuns: 300 },
  )
})

test('a body that is not what was signed in its text alone is refused: re-serialised JSON', async () => {
  const scheme = standardWebhooks({ secrets: SECRET })
  for (const body of ['{"a":1.0}', '{"a":12345678901234567890}', '{"a":"\\u00e9"}', '{ "a": 1 }']) {
    const headers = await signHeaders(SECRET, { id: 'msg_1', timestamp: SECONDS, body })
    expect(await verify({ headers, body }, scheme, { now })).toMatchObject({ ok: true })
    const reserialised = JSON.stringify(JSON.parse(body))
    expect(await verify({ headers, body: reserialised }, scheme, { now })).toMatchObject({
      code: 'signature_mismatch',
    })
  }
})

test('verifyOrThrow throws what verify returns', async () => {
  const scheme = standardWebhooks({ secrets: SECRET })
  const input = { headers: {}, body: '' }
  const result = await verify(input, scheme)
  expect(result).toEqual({ ok: false, code: 'missing_id', hint: expect.stringContaining('webhook-id') })
  await expect(verifyOrThrow(input, scheme)).rejects.toThrow(WebhookVerificationError)
  await expect(verifyOrThrow(input, scheme)).rejects.toMatchObject({
    name: 'WebhookVerificationError',
    code: 'missing_id',
    hint: VERIFICATION_HINTS.missing_id,
  })
})

test('the event holds the bytes that were verified, whatever the caller then does to its buffer', async () => {
  const body = Buffer.from('pay 1')
  const headers = await signHeaders(SECRET, { id: 'msg_1', timestamp: SECONDS, body })
  const event = await verifyOrThrow({ headers, body }, standardWebhooks({ secrets: SECRET }), { now })
  body.write('pay 9')
  expect(event.text()).toBe('pay 1')
})

test('a body that is not UTF-8 is verified as bytes, and refused as text', async () => {
  const body = Uint8Array.of(0x7b, 0xff, 0x7d)
  const headers = await signHeaders(SECRET, { id: 'msg_1', timestamp: SECONDS, body })
  const event = await verifyOrThrow({ headers, body }, standardWebhooks({ secrets: SECRET }), { now })
  expect(event.body).toEqual(body)
  expect(() => event.text()).toThrow(TypeError)
  expect(() => event.json()).toThrow(TypeError)
})

test('a clock or a limit that is no number is refused, as every comparison with it would pass', async () => {
  const scheme = standardWebhooks({ secrets: SECRET })
  const input = { headers: await signHeaders(SECRET, { id: 'a', timestamp: 1, body: '' }), body: '' }
  await expect(verify(input, scheme, { now: () => NaN })).rejects.toThrow(/bad now/)
  for (const maxBodyBytes of [NaN, -1, 1.5, Infinity]) {
    await expect(verify(input, scheme, { maxBodyBytes })).rejects.toThrow(/bad maxBodyBytes/)
  }
})

test('without a clock of its own, verify takes the present', async () => {
  const scheme = standardWebhooks({ secrets: SECRET })
  const seconds = Math.floor(Date.now() / 1_000)
  for (const [timestamp, ok] of [
    [seconds, true],
    [seconds - 3_600, false],
  ] as const) {
    const headers = await signHeaders(SECRET, { id: 'msg_1', timestamp, body: '' })
    expect((await verify({ headers, body: '' }, scheme)).ok).toBe(ok)
  }
})
