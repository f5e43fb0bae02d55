/** What every provider's scheme must do, over the table of all of them. @module */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { verify, type Scheme, type WebhookInput } from '../../src/index.ts'
import * as providers from '../../src/providers.ts'
import { editSignature, payloads, ROWS, signRow, type Row } from './rows.ts'

const NOW = 1_790_000_000_000
const PAYLOAD = new TextEncoder().encode('{"a": 1.0, "b": "$& é 📯"}')

const at = (nowMs: number) => ({ now: () => nowMs })
/** The signature at the end of a header's text, without what stands before it. */
const bare = (text: string) => /[A-Za-z0-9+/]{20,}={0,2}$/.exec(text)?.[0] ?? text

/** What must never count as a signature: nothing, nothing after the prefix, and half of one. */
const CUT: readonly ((text: string) => string)[] = [
  () => '',
  (text) => text.slice(0, -bare(text).length),
  (text) => text.slice(0, -2),
]

async function code(input: WebhookInput, scheme: Scheme, nowMs = NOW): Promise<string> {
  const result = await verify(input, scheme, at(nowMs))
  return result.ok ? 'accepted' : result.code
}

const makeRow = (row: Row) => row.make({ secrets: row.secrets[0] })
const isSigned = (row: Row) => row.covers !== 'nothing'

test('every exported scheme has a row', () => {
  const names = Object.keys(providers).filter(
    (name) => !['hmacScheme', 'tokenScheme', 'notionSetup'].includes(name),
  )
  expect(ROWS.map((row) => row.name).toSorted()).toEqual([...names, 'standardWebhooks'].toSorted())
})

describe.for(ROWS)('$name', (row) => {
  test('what is signed verifies, whatever the body, and comes back as it was sent', async () => {
    const scheme = makeRow(row)
    await fc.assert(
      fc.asyncProperty(payloads, async (payload) => {
        const request = await signRow(row, scheme, payload, NOW)
        const result = await verify(request, scheme, at(NOW))
        if (!result.ok) throw new Error(result.code)
        const { event } = result
        expect(Buffer.from(event.body)).toEqual(Buffer.from(request.body))
        expect(event.dedupeId).toMatch(/./)
        expect(event.type === null || event.type !== '').toBe(true)
        expect(Math.abs(event.timestamp.getTime() - NOW)).toBeLessThan(1_000)
      }),
      { numRuns: 25 },
    )
  })

  test('a mutated body never verifies', async () => {
    const scheme = makeRow(row)
    await fc.assert(
      fc.asyncProperty(payloads, fc.nat(), fc.integer({ min: 1, max: 255 }), async (payload, index, bits) => {
        const request = await signRow(row, scheme, payload, NOW)
        const body = Uint8Array.from(request.body)
        const mutated: Uint8Array[] = []
        if (row.covers === 'body') {
          mutated.push(Uint8Array.of(...body, bits), Uint8Array.of(bits, ...body))
          if (body.length > 0) {
            const flipped = Uint8Array.from(body)
            flipped[index % body.length]! ^= bits
            mutated.push(flipped, body.subarray(1))
          }
        }
        mutated.push(Buffer.from(row.mutate?.(Buffer.from(body).toString()) ?? [...body, 0]))
        for (const other of mutated) expect(Buffer.from(other).equals(body)).toBe(false)
        if (!isSigned(row)) return
        for (const other of mutated)
          expect(await code({ ...request, body: other }, scheme)).not.toBe('accepted')
      }),
      { numRuns: 10 },
    )
  })

  test('a signature with one character changed never verifies', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const character = fc.oneof(
      fc.string({ minLength: 1, maxLength: 1 }),
      fc.constantFrom(',', ';', ' ', '=', '0', 'A'),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(), character, async (nth, other) => {
        const edited = editSignature(row, request, (text) => {
          const index = nth % text.length
          return text.slice(0, index) + (text[index] === other ? '~' : other) + text.slice(index + 1)
        })
        expect(await code(edited, scheme)).not.toBe('accepted')
      }),
      { numRuns: 30 },
    )
  })

  test('a signature that is absent, empty, bare, cut short or of another prefix or length is refused', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const outcome = (edit: (text: string) => string | undefined) =>
      code(editSignature(row, request, edit), scheme)

    expect(await outcome((text) => text)).toBe('accepted')
    expect(await outcome(() => undefined)).toBe('missing_signature')
    for (const edit of isSigned(row) ? CUT : []) {
      expect(await outcome(edit)).toMatch(/^(malformed|missing)_signature$/)
    }
    const edits: ((text: string) => string)[] = [
      ...CUT,
      () => ' ',
      (text) => text.slice(0, -1),
      (text) => `${text}=`,
      (text) => `${text}A`,
      (text) => `x${text}`,
      (text) => text.replace(bare(text), (found) => found + found),
      (text) => text.replace(bare(text), () => '0'.repeat(40)),
      (text) => text.replace(bare(text), () => Buffer.alloc(32).toString('base64')),
      (text) => text.replace(bare(text), () => Buffer.alloc(64).toString('hex')),
    ]
    if (isSigned(row)) {
      // A second spelling of the same bytes, in hexadecimal or in base64.
      edits.push((text) =>
        text.replace(bare(text), (found) => (/[a-f]/.test(found) ? found.toUpperCase() : '')),
      )
    }
    for (const [index, edit] of edits.entries()) {
      expect({ index, code: await outcome(edit) }).not.toEqual({ index, code: 'accepted' })
    }
  })

  test('another secret is refused, and during a rotation either verifies', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const other = row.make({ secrets: row.secrets[1] })
    expect(await code(request, other)).toMatch(/signature_mismatch|unexpected_source/)
    for (const secrets of [row.secrets, row.secrets.toReversed()]) {
      expect(await code(request, row.make({ secrets }))).toBe('accepted')
    }
  })

  test('a secret that is missing or empty or has white space around it is refused', () => {
    for (const secrets of [[], '', [''], [row.secrets[0], ''], ` ${row.secrets[0]}`, `${row.secrets[0]}\n`]) {
      expect(() => row.make({ secrets })).toThrow(/secret_|bad topicArn/)
    }
  })

  test('nothing throws and nothing is accepted, for any headers and any body', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const names = Object.keys(request.headers)
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom(
        '',
        '1790000000',
        '2026-09-21T14:13:20Z',
        'v1=',
        't=1790000000,v1=',
        ...Object.values(request.headers),
      ),
    )
    const headers = fc.dictionary(fc.constantFrom(...names, 'x-any'), value)
    const json = fc.json().map((text) => Buffer.from(text))
    const bodies = fc.oneof(fc.uint8Array({ maxLength: 60 }), json)
    const target = fc.option(fc.oneof(fc.webUrl(), fc.string({ unit: 'binary' })), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(
        headers,
        bodies,
        target,
        fc.constantFrom('GET', 'POST'),
        async (some, body, url, method) => {
          const input = { method, headers: some, body, ...(url === undefined ? {} : { url }) }
          const outcome = await verify(input, scheme, at(NOW))
          expect(outcome.ok && isSigned(row)).toBe(false)
          await scheme.handshake?.(
            { method, url: url ?? null, header: (name) => some[name] ?? null, body },
            NOW,
          )
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe.for(ROWS.filter((row) => row.prefix !== undefined))('$name', (row) => {
  test('a signature of another version or algorithm is not looked at', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const { prefix = '' } = row
    for (const other of ['', 'sha512=', 'sha1x=', 'v9=', 'v9,', prefix.toUpperCase()]) {
      const edited = editSignature(row, request, (text) => text.replace(prefix, other))
      expect({ other, code: await code(edited, scheme) }).toEqual({ other, code: 'no_known_version' })
    }
  })
})

describe.for(ROWS.filter((row) => row.list !== undefined))('$name', (row) => {
  test('any of several signatures may match, up to a bound', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const { list = '', prefix = '' } = row
    const wrong = (text: string) => prefix + bare(text).replace(/^../, (two) => (two === '00' ? '11' : '00'))
    for (const edit of [
      (text: string) => `${text}${list}${wrong(text)}`,
      (text: string) => text.replace(prefix, () => `${wrong(text)}${list}${prefix}`),
    ]) {
      expect(await code(editSignature(row, request, edit), scheme)).toBe('accepted')
    }
    const onlyWrong = editSignature(row, request, (text) =>
      text.replace(prefix + bare(text), () => wrong(text)),
    )
    expect(await code(onlyWrong, scheme)).toBe('signature_mismatch')
    const many = editSignature(row, request, (text) => Array.from({ length: 101 }, () => text).join(list))
    expect(await code(many, scheme)).toBe('too_many_signatures')
  })
})

describe.for(ROWS.filter((row) => row.list === undefined))('$name', (row) => {
  test('a signature that was sent twice is refused', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const twice = editSignature(row, request, (text) => `${text}, ${text}`)
    expect(await code(twice, scheme)).not.toBe('accepted')
  })
})

describe.for(ROWS.filter((row) => row.tolerance !== null))('$name', (row) => {
  test('a time is stale beyond the tolerance, in the past and in the future', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    const toleranceMs = (row.tolerance ?? 0) * 1_000
    expect(await code(request, scheme, NOW + toleranceMs)).toBe('accepted')
    expect(await code(request, scheme, NOW - toleranceMs)).toBe('accepted')
    expect(await code(request, scheme, NOW + toleranceMs + 1_000)).toBe('timestamp_too_old')
    expect(await code(request, scheme, NOW - toleranceMs - 1_000)).toBe('timestamp_too_new')
  })

  test('a tolerance of 0 admits the current second only, and one that is no number is refused', async () => {
    const request = await signRow(row, makeRow(row), PAYLOAD, NOW)
    const strict = row.make({ secrets: row.secrets[0], toleranceSeconds: 0 })
    expect(await code(request, strict, NOW + 999)).toBe('accepted')
    expect(await code(request, strict, NOW + 1_000)).toBe('timestamp_too_old')
    for (const toleranceSeconds of [-1, NaN, Infinity]) {
      expect(() => row.make({ secrets: row.secrets[0], toleranceSeconds })).toThrow(/bad toleranceSeconds/)
    }
  })
})

describe.for(ROWS.filter((row) => row.tolerance === null))('$name', (row) => {
  test('without a tolerance, it verifies years later', async () => {
    const scheme = makeRow(row)
    const request = await signRow(row, scheme, PAYLOAD, NOW)
    expect(await code(request, scheme, NOW + 86_400_000_000)).toBe('accepted')
  })
})
