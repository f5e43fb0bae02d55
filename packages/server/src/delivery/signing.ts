/** Signs deliveries: by Standard Webhooks, and as HTTP messages. @module */

import { type KeyObject, createHmac, createPrivateKey, createSecretKey, sign } from 'node:crypto'

import { parseSecret, signedPrefix } from '@posthorn/receiver'

import type { Endpoint } from '../domain/endpoint.ts'
import type { SignatureKind } from '../domain/endpoint-settings.ts'
import { type SigningKey, pkcs8Of, signingKeyId } from '../domain/signing-key.ts'
import { type Component, contentDigest, signatureHeaders, targetComponents } from './http-signature.ts'

/** Makes the headers that identify and sign one attempt: a POST of these bytes, with this `content-type`. */
export type Signer = (
  messageId: string,
  at: number,
  body: Uint8Array,
  contentType: string,
) => Record<string, string>

/** What of an endpoint says how it is signed for. */
export type SignedEndpoint = Pick<Endpoint, 'url' | 'secret' | 'oldSecrets'> & {
  readonly settings: { readonly signatures: readonly SignatureKind[] }
}

/** A key and the instant from which it signs no more, in epoch milliseconds. */
interface LimitedKey {
  readonly key: KeyObject
  readonly expiresAt: number
}

/** An Ed25519 key. */
interface LimitedPair extends LimitedKey {
  readonly id: string
}

/** Tells whether the signer of an endpoint needs the server's keys. */
export function needsServerKeys({ settings: { signatures } }: Pick<SignedEndpoint, 'settings'>): boolean {
  return signatures.includes('v1a') || signatures.includes('rfc9421')
}

/**
 * Returns a signer for an endpoint. By Standard Webhooks it signs `id.timestamp.body`, the bytes as they are, with several
 * signatures in one header, those of the newest keys first:
 *
 * - `v1`: HMAC-SHA256 with the endpoint's secrets: the present one, and each old one until it expires.
 * - `v1a`: Ed25519 with the server's keys, in the same way. An endpoint whose own secret is a `whsk_…` has no other kind
 *   of Standard Webhooks signature than `v1a`, with that.
 *
 * `rfc9421` signs the request with the same Ed25519 keys: its target, content and `webhook-*` headers.
 *
 * The receiver's library builds the same prefix, so that the two cannot drift apart.
 *
 * @param options.alsoSvix - Adds `svix-id`, `svix-timestamp` and `svix-signature` with the same values.
 * @param options.serverKeys - Wanted where {@link needsServerKeys}.
 * @throws {WebhookSecretError} A secret is neither `whsec_` nor `whsk_` and base64.
 */
export function signerFor(
  endpoint: SignedEndpoint,
  options: { readonly alsoSvix: boolean; readonly serverKeys?: readonly SigningKey[] },
): Signer {
  const { signatures } = endpoint.settings
  const { macs, pairs } = keysOf(endpoint, options.serverKeys ?? [])
  // A secret of the other kind in the place of the one that `v1` means must not leave requests unsigned.
  const areAsymmetric =
    signatures.includes('v1a') || (signatures.includes('v1') && isPrivate(endpoint.secret))
  const ofMacs = signatures.includes('v1') ? macs : []
  const ofPairs = areAsymmetric ? pairs : []
  const signMessage = signatures.includes('rfc9421') ? messageSigner(endpoint.url, pairs) : null

  return (messageId, at, body, contentType) => {
    const timestamp = Math.floor(at / 1_000)
    const prefix = signedPrefix(messageId, timestamp)
    let text = ''
    for (const { key, expiresAt } of ofMacs) {
      if (at >= expiresAt) continue
      const signature = createHmac('sha256', key).update(prefix).update(body).digest('base64')
      text += `${text === '' ? '' : ' '}v1,${signature}`
    }
    if (ofPairs.length > 0) {
      const content = Buffer.concat([Buffer.from(prefix), body])
      for (const { key, expiresAt } of ofPairs) {
        if (at < expiresAt)
          text += `${text === '' ? '' : ' '}v1a,${sign(null, content, key).toString('base64')}`
      }
    }
    const headers: Record<string, string> =
      // An endpoint may ask for HTTP message signatures alone.
      text === ''
        ? { 'webhook-id': messageId, 'webhook-timestamp': String(timestamp) }
        : { 'webhook-id': messageId, 'webhook-timestamp': String(timestamp), 'webhook-signature': text }
    if (options.alsoSvix) {
      headers['svix-id'] = messageId
      headers['svix-timestamp'] = String(timestamp)
      if (text !== '') headers['svix-signature'] = text
    }
    if (signMessage !== null) Object.assign(headers, signMessage(headers, at, body, contentType))
    return headers
  }
}

/** Returns what adds the signatures of RFC 9421 to the headers of a request. */
function messageSigner(url: string, pairs: readonly LimitedPair[]) {
  const target = targetComponents('POST', new URL(url))
  return (
    headers: Readonly<Record<string, string>>,
    at: number,
    body: Uint8Array,
    contentType: string,
  ): Record<string, string> => {
    const digest = contentDigest(body)
    const components: Component[] = [
      ...target,
      ['content-digest', digest],
      ['content-type', contentType],
      ['webhook-id', headers['webhook-id']!],
      ['webhook-timestamp', headers['webhook-timestamp']!],
    ]
    const live = pairs.filter(({ expiresAt }) => at < expiresAt)
    return { 'content-digest': digest, ...signatureHeaders(components, Math.floor(at / 1_000), live) }
  }
}

/**
 * Returns the keys of an endpoint, newest first. The server's are among them unless the endpoint has a pair of its own: then
 * only for as long as a secret signs that was replaced by that pair, since receivers of that time have the server's keys.
 */
function keysOf(
  { secret, oldSecrets }: SignedEndpoint,
  serverKeys: readonly SigningKey[],
): { macs: LimitedKey[]; pairs: LimitedPair[] } {
  const own = [{ secret, expiresAt: Infinity }, ...oldSecrets]
  const shared = own.filter((each) => !isPrivate(each.secret))
  const serverUntil = Math.max(-Infinity, ...shared.map(({ expiresAt }) => expiresAt))
  return {
    macs: shared.map((each) => ({ key: sharedKeyOf(each.secret), expiresAt: each.expiresAt })),
    pairs: [
      ...own.filter((each) => isPrivate(each.secret)).map((each) => pairOf(each.secret, each.expiresAt)),
      ...serverKeys.map(({ privateKey, expiresAt }) =>
        pairOf(privateKey, Math.min(expiresAt ?? Infinity, serverUntil)),
      ),
    ],
  }
}

function isPrivate(secret: string): boolean {
  return secret.startsWith('whsk_')
}

function sharedKeyOf(secret: string): KeyObject {
  const parsed = parseSecret(secret)
  if (parsed.version !== 'v1') throw new RangeError(`cannot sign with a ${parsed.version} key`)
  return createSecretKey(parsed.key)
}

function pairOf(secret: string, expiresAt: number): LimitedPair {
  const parsed = parseSecret(secret)
  if (parsed.version !== 'v1a-private') throw new RangeError(`cannot sign with a ${parsed.version} key`)
  const key = createPrivateKey({ key: pkcs8Of(parsed.seed), format: 'der', type: 'pkcs8' })
  return { id: signingKeyId(secret), key, expiresAt }
}
