/** Reads the JSON Web Tokens of a self-hosted Svix, for those who come from there. @module */

import { createHmac, timingSafeEqual } from 'node:crypto'

import { PosthornError } from '../../domain/errors.ts'

/** What such a token says. */
export interface JwtClaims {
  /** `null` for the whole organisation. */
  readonly applicationId: string | null
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/** Who signs them there. */
const ISSUER = 'svix-server'

/** Clocks of two machines may differ by this: milliseconds. */
const LEEWAY_MS = 60_000

/** Tells whether a bearer token has the form of a JWT: three parts, of which the first is a JSON object. */
export function isJwt(text: string): boolean {
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(text)
}

/**
 * Verifies a token and returns what it says.
 *
 * Strict, as a bearer token has to be: HS256 alone, whatever the header claims (RFC 8725, section 3.1); a signature compared
 * in constant time; an expiry that is there; claims of the types that they must have.
 *
 * @param secrets - Any of them may have signed it. So a secret that leaked is replaced without a pause, and ends all that it signed
 *   when it is taken away: nothing is asked of a store for that.
 * @param now - Epoch milliseconds.
 * @throws {PosthornError} `unauthorized`.
 */
export function verifyJwt(text: string, secrets: readonly string[], now: number): JwtClaims {
  if (!isJwt(text)) throw refusal('it does not have the form of one')
  const [head, body, signature] = text.split('.') as [string, string, string]
  const header = partOf(head)
  if (header['alg'] !== 'HS256') throw refusal('it is not signed by HS256')
  if ('crit' in header) throw refusal('it has critical extensions, which are not understood')
  const given = Buffer.from(signature, 'base64url')
  const isSigned = secrets.some((secret) => {
    const expected = createHmac('sha256', secret).update(`${head}.${body}`).digest()
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  // The second comparison refuses a signature that is written in another way than the one.
  if (!isSigned || given.toString('base64url') !== signature) throw refusal('its signature is not right')

  const { iss, sub, exp, nbf, iat } = partOf(body)
  if (iss !== ISSUER) throw refusal(`it was not issued by ${ISSUER}`)
  if (!isInstant(exp)) throw refusal('it does not say when it expires')
  if (exp * 1_000 <= now) throw refusal('it has expired')
  for (const from of [nbf, iat]) {
    if (from !== undefined && !isInstant(from)) throw refusal('an instant in it is not a number')
  }
  if (isInstant(nbf) && nbf * 1_000 > now + LEEWAY_MS) throw refusal('it is not valid yet')
  if (typeof sub !== 'string' || !/^(org|app)_[0-9A-Za-z]+$/.test(sub)) {
    throw refusal('its subject is neither an organisation nor an application')
  }
  return { applicationId: sub.startsWith('app_') ? sub : null, expiresAt: exp * 1_000 }
}

function partOf(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Not JSON: refused below, as what is JSON and no object.
  }
  throw refusal('it cannot be read')
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

function refusal(why: string): PosthornError {
  return new PosthornError('unauthorized', `This JWT is refused: ${why}`, {
    hint: 'Sign it by HS256 with the secret in POSTHORN_JWT_SECRET',
  })
}
