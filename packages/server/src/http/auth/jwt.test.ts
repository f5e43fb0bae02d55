import { createHmac } from 'node:crypto'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { isJwt, verifyJwt } from './jwt.ts'

const SECRET = 'a secret of the tests that is long enough'
const NOW = 1_790_000_000_000
const NOW_S = NOW / 1_000

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

function sign(
  claims: object,
  options: { header?: object; secret?: string; algorithm?: string } = {},
): string {
  const text = `${part(options.header ?? { typ: 'JWT', alg: 'HS256' })}.${part(claims)}`
  const signature = createHmac(options.algorithm ?? 'sha256', options.secret ?? SECRET).update(text)
  return `${text}.${signature.digest('base64url')}`
}

const CLAIMS = {
  iss: 'svix-server',
  sub: 'org_23rb8YdGqMT0qIzpgGwdXfHirMu',
  exp: NOW_S + 60,
  nbf: NOW_S,
  iat: NOW_S,
}

test('a token as svix-server makes it opens the organisation, or the application that it names', () => {
  expect(verifyJwt(sign(CLAIMS), [SECRET], NOW)).toEqual({ applicationId: null, expiresAt: NOW + 60_000 })
  const ofApplication = sign({ ...CLAIMS, sub: 'app_1', org: CLAIMS.sub })
  expect(verifyJwt(ofApplication, [SECRET], NOW)).toMatchObject({ applicationId: 'app_1' })
})

test('while a secret is replaced, both sign; when it is taken away, all that it signed is refused', () => {
  const [old, now] = ['the secret of before, which has leaked', SECRET]
  const tokens = [sign(CLAIMS, { secret: old }), sign(CLAIMS, { secret: now })]
  for (const text of tokens) expect(verifyJwt(text, [now, old], NOW)).toMatchObject({ applicationId: null })
  expect(() => verifyJwt(tokens[0]!, [now], NOW)).toThrow(expect.objectContaining({ code: 'unauthorized' }))
  expect(verifyJwt(tokens[1]!, [now], NOW)).toMatchObject({ applicationId: null })
})

test.for([
  ['signed with another secret', sign(CLAIMS, { secret: 'another' })],
  ['signed by SHA-512 and said so', sign(CLAIMS, { header: { alg: 'HS512' }, algorithm: 'sha512' })],
  ['signed by nothing', `${part({ alg: 'none' })}.${part(CLAIMS)}.AA`],
  ['with a header of another algorithm', sign(CLAIMS, { header: { alg: 'RS256' } })],
  ['with an extension that must be understood', sign(CLAIMS, { header: { alg: 'HS256', crit: ['b64'] } })],
  ['of another issuer', sign({ ...CLAIMS, iss: 'someone' })],
  ['without an expiry', sign({ ...CLAIMS, exp: undefined })],
  ['with an expiry in words', sign({ ...CLAIMS, exp: '9999999999' })],
  ['that expires now', sign({ ...CLAIMS, exp: NOW_S })],
  ['that is valid in two minutes', sign({ ...CLAIMS, nbf: NOW_S + 120 })],
  ['without a subject', sign({ ...CLAIMS, sub: undefined })],
  ['of a user', sign({ ...CLAIMS, sub: 'user_1' })],
  ['that is no JSON', `eyJ.${Buffer.from('{').toString('base64url')}.AA`],
] as const)('a token %s is refused', ([, text]) => {
  expect(() => verifyJwt(text, [SECRET], NOW)).toThrow(expect.objectContaining({ code: 'unauthorized' }))
})

test('a token with any one character changed is refused', () => {
  const text = sign(CLAIMS)
  const place = fc.integer({ min: 0, max: text.length - 1 })
  fc.assert(
    fc.property(place, fc.constantFrom('A', 'b', '0', '-', '_', '.'), (at, character) => {
      fc.pre(text[at] !== character)
      const changed = text.slice(0, at) + character + text.slice(at + 1)
      expect(() => verifyJwt(changed, [SECRET], NOW)).toThrow(
        expect.objectContaining({ code: 'unauthorized' }),
      )
    }),
  )
})

test('a token of our own is not taken for a JWT', () => {
  expect(isJwt(sign(CLAIMS))).toBe(true)
  expect(isJwt('pht_0123456789abcdefghij')).toBe(false)
  expect(isJwt('a.b.c')).toBe(false)
})
