/**
 * Mistakes that verifiers have made, each as a request that one of them let through. Others of the list are where they
 * belong: bare and empty signatures, stale and future times, a tolerance of 0 and several signatures in
 * providers.test.ts, parsed bodies in input.test.ts, forwarded hosts in schemes.test.ts.
 *
 * @module
 */

import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'

import { verify, type Scheme, type WebhookInput } from '../../src/index.ts'
import { hmacScheme } from '../../src/providers.ts'
import { signTestEvent } from '../../src/testing.ts'
import { editSignature, ROWS, signRow, type Row } from './rows.ts'

const NOW = 1_790_000_000_000
const BODY = Buffer.from('{"a": 1.0, "b": "$& é 📯"}')
const BARE = /[A-Za-z0-9+/]{20,}={0,2}$/

async function code(input: WebhookInput, scheme: Scheme): Promise<string> {
  const result = await verify(input, scheme, { now: () => NOW })
  return result.ok ? 'accepted' : result.code
}

const signed = (row: Row, scheme: Scheme) => signRow(row, scheme, BODY, NOW)
const replaceBare = (text: string, other: (bare: string) => string) => text.replace(BARE, other)
const isHex = (bare: string) => /^[0-9a-f]+$/.test(bare)
const encode = (bytes: Buffer, like: string) => bytes.toString(isHex(like) ? 'hex' : 'base64')
const bytesOf = (bare: string) => Buffer.from(bare, isHex(bare) ? 'hex' : 'base64')

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64 that decodes to the same bytes: the last letter has bits that a lenient decoder drops. */
const looseBits = (bare: string) =>
  bare.replace(/([A-Za-z0-9+/])(=+)$/, (_all, letter: string, padding: string) => {
    return `${ALPHABET[ALPHABET.indexOf(letter) + 1]}${padding}`
  })

/** Whether the signature is of the body alone, so that a test can make one by another algorithm. */
const signsBodyAlone = async (row: Row) => {
  const scheme = row.make({ secrets: row.secrets[0] })
  const request = await signed(row, scheme)
  const text = 'header' in row.signature ? (request.headers[row.signature.header] ?? '') : ''
  const bare = BARE.exec(text)?.[0] ?? ''
  const hashes = ['sha256', 'sha1']
  return hashes.some((hash) =>
    bytesOf(bare).equals(createHmac(hash, row.secrets[0]).update(request.body).digest()),
  )
}
const BODY_ALONE = (
  await Promise.all(ROWS.map(async (row) => ((await signsBodyAlone(row)) ? [row] : [])))
).flat()

test('enough schemes sign the body alone for the next tests to mean something', () => {
  expect(BODY_ALONE.length).toBeGreaterThan(15)
})

describe.for(BODY_ALONE)('$name', (row) => {
  test('a signature by another algorithm, by no key or by a public one is refused, at the right length too', async () => {
    const [secret] = row.secrets
    const scheme = row.make({ secrets: secret })
    const request = await signed(row, scheme)
    const forgeries = (length: number) => [
      ...['md5', 'sha1', 'sha256', 'sha384', 'sha512'].flatMap((hash) => [
        createHash(hash).update(request.body).digest(),
        createHash(hash).update(secret).update(request.body).digest(),
        createHmac(hash, '').update(request.body).digest(),
        createHmac(hash, 'undefined').update(request.body).digest(),
        ...(hash === (length === 20 ? 'sha1' : 'sha256')
          ? []
          : [createHmac(hash, secret).update(request.body).digest()]),
      ]),
      Buffer.alloc(length),
    ]
    const { length } = bytesOf(signatureOf(row, request))
    for (const [index, forgery] of forgeries(length).entries()) {
      for (const bytes of [forgery, Buffer.concat([forgery, Buffer.alloc(length)]).subarray(0, length)]) {
        const edited = editSignature(row, request, (text) => replaceBare(text, (bare) => encode(bytes, bare)))
        expect({ index, code: await code(edited, scheme) }).not.toEqual({ index, code: 'accepted' })
      }
    }
  })
})

function signatureOf(row: Row, request: Awaited<ReturnType<typeof signed>>): string {
  const text = 'header' in row.signature ? (request.headers[row.signature.header] ?? '') : ''
  return BARE.exec(text)?.[0] ?? ''
}

describe.for(ROWS.filter((row) => row.covers !== 'nothing'))('$name', (row) => {
  test('lenient decoders read several texts as one signature: ours has one', async () => {
    const scheme = row.make({ secrets: row.secrets[0] })
    const request = await signed(row, scheme)
    const spellings: ((bare: string) => string)[] = [
      (bare) => (isHex(bare) ? bare.toUpperCase() : looseBits(bare)),
      (bare) => (isHex(bare) ? `0x${bare}` : bare.replace(/=*$/, '=='.repeat(2))),
      (bare) => (isHex(bare) ? `${bare}zz` : bare.replace(/.{4}$/, (end) => `\n${end}`)),
      (bare) => (isHex(bare) ? bare.replace(/..$/, (end) => ` ${end}`) : `${bare}!`),
      (bare) => bytesOf(bare).toString('base64url') + (isHex(bare) ? '' : '='),
    ]
    for (const [index, spell] of spellings.entries()) {
      let isChanged = false
      const edited = editSignature(row, request, (text) => {
        const after = replaceBare(text, spell)
        isChanged = after !== text
        return after
      })
      // Where all digits are decimal, capitals change nothing.
      const isForged = isChanged && (await code(edited, scheme)) === 'accepted'
      expect({ index, isForged }).toEqual({ index, isForged: false })
    }
  })

  test('what JSON.parse and JSON.stringify make of a body is not what was signed', async () => {
    if (row.covers !== 'body' || row.wrap !== undefined) return
    const scheme = row.make({ secrets: row.secrets[0] })
    for (const text of [
      '{"a":1.0}',
      '{"a":12345678901234567890}',
      '{"a":"\\u00e9"}',
      '{ "a": 1 }',
      '{"a":1,"a":2}',
    ]) {
      const request = await signRow(row, scheme, Buffer.from(text), NOW)
      const body = JSON.stringify(JSON.parse(text))
      expect(await code(request, scheme)).toBe('accepted')
      expect(await code({ ...request, body }, scheme)).not.toBe('accepted')
      const parsed = { ...request, body: JSON.parse(text) as string }
      expect(await code(parsed, scheme)).toBe('parsed_body')
    }
  })
})

test('a body is no template: what it holds is put nowhere but where it stands', async () => {
  const scheme = hmacScheme(
    {
      signature: { header: 'x-s', encoding: 'hex' },
      timestamp: { header: 'x-t', unit: 'seconds', toleranceSeconds: 60 },
      signed: ({ timestamp, body }) => ['v0:', timestamp, ':', body],
    },
    { secrets: 'secret' },
  )
  const seconds = String(NOW / 1_000)
  for (const body of ['$&', "$`$'$$", '{timestamp}', '{{body}}', '%s', '\\1', '${1+1}', 'v0:1:']) {
    const request = await signTestEvent(scheme, { body, timestamp: new Date(NOW) })
    const expected = createHmac('sha256', 'secret').update(`v0:${seconds}:`).update(body).digest('hex')
    expect({ body, signature: request.headers['x-s'] }).toEqual({ body, signature: expected })
    expect(await code(request, scheme)).toBe('accepted')
  }
})
