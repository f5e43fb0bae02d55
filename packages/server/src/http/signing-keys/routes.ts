/** Serves the public halves of the server's signing keys, to whoever verifies what it sends. @module */

import { createHash } from 'node:crypto'

import type { PublicSigningKey } from '../../domain/signing-key.ts'
import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'

/** Where the keys are: beside the API, and by a name that no identity provider on the same host uses. */
export const SIGNING_KEYS_PATH = '/.well-known/webhook-keys.json'

/** Seconds for which the keys may be kept: less than any sensible grace period of a rotation. */
const MAX_AGE_SECONDS = 300

/** Adds `GET /.well-known/webhook-keys.json`: a JSON Web Key Set. It needs no token. */
export function signingKeyRoutes(server: Api, { signingKeys }: Pick<HttpDeps, 'signingKeys'>): void {
  server.get(SIGNING_KEYS_PATH, async (request, reply) => {
    const text = JSON.stringify({ keys: (await signingKeys()).map(jwkOf) })
    const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
    void reply.header('cache-control', `public, max-age=${MAX_AGE_SECONDS}`).header('etag', etag)
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    // As bytes: to a text a charset would be added, which this type has not.
    return reply.header('content-type', 'application/jwk-set+json').send(Buffer.from(text))
  })
}

/**
 * Returns a key as a JWK: `kid` is its thumbprint, `nbf` and `exp` tell in Unix seconds from when and until when it signs,
 * `whpk` is the same key as receivers of Standard Webhooks take it.
 *
 * Source: RFC 7517; RFC 8037, section 2; RFC 7638.
 */
function jwkOf({ id, publicKey, createdAt, expiresAt }: PublicSigningKey): object {
  return {
    kty: 'OKP',
    crv: 'Ed25519',
    x: Buffer.from(publicKey.slice('whpk_'.length), 'base64').toString('base64url'),
    kid: id,
    use: 'sig',
    alg: 'EdDSA',
    nbf: Math.floor(createdAt / 1_000),
    ...(expiresAt === null ? {} : { exp: Math.ceil(expiresAt / 1_000) }),
    whpk: publicKey,
  }
}
