/** The `webhook-signature` header: a list of `version,base64`, separated by spaces. @module */

import { decodeBase64, type Bytes } from './base64.ts'

/** The versions of Standard Webhooks 1.0.0: `v1` is HMAC-SHA256, `v1a` is ed25519. */
export type SignatureVersion = 'v1' | 'v1a'

/** More than any rotation needs; a bound on the work that an unsigned request can ask for. */
const MAX_SIGNATURES = 50

const SIGNATURE_BYTES = { v1: 32, v1a: 64 } as const satisfies Record<SignatureVersion, number>

/**
 * Returns the well-formed signatures of the wanted versions, or the code of what is wrong with the header as
 * a whole. One malformed signature does not spoil the others: any match passes.
 *
 * Source: Standard Webhooks 1.0.0, "Webhook headers (sending metadata to consumers)".
 *
 * @param versions - The versions that the configured keys can check. The header cannot add to them.
 */
export function parseSignatures(
  header: string,
  versions: ReadonlySet<SignatureVersion>,
):
  | ReadonlyMap<SignatureVersion, Bytes[]>
  | 'malformed_signature'
  | 'no_known_version'
  | 'too_many_signatures' {
  const texts = header.split(' ').filter((text) => text !== '')
  if (texts.length === 0) return 'malformed_signature'
  if (texts.length > MAX_SIGNATURES) return 'too_many_signatures'

  let hasKnownVersion = false
  const signatures = new Map<SignatureVersion, Bytes[]>()
  for (const text of texts) {
    const [name = '', ...rest] = text.split(',')
    for (const version of versions) {
      if (version !== name) continue
      hasKnownVersion = true
      const bytes = decodeBase64(rest.join(','))
      // The length is checked here because an empty text, as in a bare `v1,`, is canonical base64 too.
      if (bytes?.length === SIGNATURE_BYTES[version]) {
        signatures.set(version, [...(signatures.get(version) ?? []), bytes])
      }
    }
  }
  if (!hasKnownVersion) return 'no_known_version'
  return signatures.size === 0 ? 'malformed_signature' : signatures
}
