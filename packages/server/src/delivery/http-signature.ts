/** HTTP message signatures with Ed25519. Source: RFC 9421; digests by RFC 9530. @module */

import { type KeyObject, createHash, sign } from 'node:crypto'

/** Says to a receiver which of a request's signatures is a sender's of webhooks. */
const TAG = 'webhook'

/** A component that is signed, such as `@method` or `content-type`, and its value in this request. */
export type Component = readonly [name: string, value: string]

/** A key that signs, and the id that its public half is found by. */
export interface HttpSigningKey {
  readonly id: string
  readonly key: KeyObject
}

/** Returns what of a request is said by its method and URL. Its scheme is not: a proxy that ends TLS takes it away. */
export function targetComponents(method: string, url: URL): Component[] {
  return [
    ['@method', method],
    ['@authority', url.host],
    ['@path', url.pathname],
    // Without a query it is the "?" alone. Source: RFC 9421, section 2.2.7.
    ['@query', url.search === '' ? '?' : url.search],
  ]
}

/** Returns the digest of a body, as `content-digest` has it. */
export function contentDigest(body: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
}

/** Returns the parameters of a signature: the names of what it covers, and how it was made. */
export function signatureParams(components: readonly Component[], created: number, keyId: string): string {
  const names = components.map(([name]) => `"${name}"`).join(' ')
  return `(${names});created=${created};keyid="${keyId}";alg="ed25519";tag="${TAG}"`
}

/** Returns the text that is signed. Source: RFC 9421, section 2.5. */
export function signatureBase(components: readonly Component[], params: string): string {
  return [...components.map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${params}`].join(
    '\n',
  )
}

/**
 * Returns `signature-input` and `signature`, with one signature of each key: `sig1`, `sig2` and so on.
 *
 * @param created - Unix seconds.
 */
export function signatureHeaders(
  components: readonly Component[],
  created: number,
  keys: readonly HttpSigningKey[],
): Record<'signature-input' | 'signature', string> {
  const made = keys.map(({ id, key }, i) => {
    const params = signatureParams(components, created, id)
    const signature = sign(null, Buffer.from(signatureBase(components, params)), key).toString('base64')
    return { input: `sig${i + 1}=${params}`, signature: `sig${i + 1}=:${signature}:` }
  })
  return {
    'signature-input': made.map(({ input }) => input).join(', '),
    signature: made.map(({ signature }) => signature).join(', '),
  }
}
