/**
 * What can be wrong with a webhook or a secret: a stable code each, and a hint for whoever reads the log.
 *
 * @module
 */

import type { ProviderErrorCode, ProviderSecretErrorCode } from './provider-codes.ts'

/**
 * Why a webhook was refused, and what to look at: the one table that results, errors and the README share.
 */
export const VERIFICATION_HINTS = {
  unknown_input:
    'Pass a web Request, a Node request, or { headers, body } with the raw body. An absent body is an empty one: pass "".',
  parsed_body:
    'The body was parsed before it was verified, and its bytes are lost. Mount express.raw({ type: "*/*" }) on this route, before express.json(), or keep the bytes as rawBody.',
  body_used:
    'The body was read before. Verify first and take event.json() from the result, or verify a request.clone().',
  body_unreadable:
    'The body stream failed or yields text: the sender hung up, or setEncoding() was called on the request.',
  body_too_large: 'The body has more than maxBodyBytes. Raise the limit if the sender may send this much.',
  missing_id:
    'There is no webhook-id (or svix-id) header. Does a proxy drop it? Is the sender a Standard Webhooks one?',
  missing_timestamp: 'There is no webhook-timestamp (or svix-timestamp) header. Does a proxy drop it?',
  missing_signature: 'There is no webhook-signature (or svix-signature) header. Does a proxy drop it?',
  malformed_id:
    'The id header must be one value that is not empty and has no ".", white space or control character.',
  malformed_timestamp:
    'The timestamp header must be one whole number of Unix seconds (not milliseconds), digits only, no leading zero.',
  malformed_signature:
    'A signature is "v1," or "v1a," and canonical, padded base64 of 32 or 64 bytes. The header has none that is.',
  too_many_signatures: 'The signature header has more than 50 signatures.',
  no_known_version:
    'No signature has a version that the configured secrets can check: "v1" needs a whsec_ secret, "v1a" a whpk_ key.',
  timestamp_too_old:
    'The timestamp is older than the tolerance: a replay, a request that waited in a queue, or a clock that is wrong here.',
  timestamp_too_new:
    'The timestamp is further in the future than the tolerance: a clock is wrong here or at the sender.',
  signature_mismatch:
    'No signature matches: the secret belongs to another endpoint, or the body is not byte for byte what was sent.',
} as const satisfies Record<string, string>

/** The codes that have their hint here; those of providers alone have theirs with the providers. */
export type CoreErrorCode = keyof typeof VERIFICATION_HINTS

/** Why a webhook was refused. Stable: branch on it. The README explains each. */
export type VerificationErrorCode = CoreErrorCode | ProviderErrorCode

/** Why a secret was refused, and what would be right. */
export const SECRET_HINTS = {
  secret_missing: 'No secret was given. Is the environment variable set?',
  secret_whitespace:
    'The secret has white space in or around it. Remove it: a line break is often pasted along.',
  secret_prefix:
    'A secret starts with whsec_ (shared), whpk_ (public) or whsk_ (private), or is plain base64.',
  secret_base64:
    'After its prefix, a secret is canonical base64: A-Z a-z 0-9 + / and "=" padding. Was it cut short?',
  secret_length: 'A whsec_ secret has 24 to 64 bytes, a whpk_ key 32, a whsk_ key 64.',
  secret_private:
    'This is the private key (whsk_). It belongs to the sender alone: a receiver takes the whpk_ key.',
  secret_public: 'This is the public key (whpk_). It can only verify: a sender signs with the whsk_ key.',
  secret_mismatch: 'The two halves of the whsk_ key (seed and public key) do not belong together.',
} as const satisfies Record<string, string>

/** The codes of secrets that have their hint here. */
export type CoreSecretErrorCode = keyof typeof SECRET_HINTS

/** Why a secret was refused. Stable: branch on it. */
export type SecretErrorCode = CoreSecretErrorCode | ProviderSecretErrorCode

/**
 * An error of this package: `code` is stable, `hint` says what would be right. Neither ever holds a secret.
 */
export class WebhookError<Code extends string = string> extends Error {
  override readonly name: string = 'WebhookError'
  readonly code: Code
  readonly hint: string

  constructor(what: string, code: Code, hint: string) {
    super(`${what} (${code}): ${hint}`)
    this.code = code
    this.hint = hint
  }
}

/** A webhook was refused. Thrown by `verifyOrThrow` alone: `verify` returns the same code and hint. */
export class WebhookVerificationError extends WebhookError<VerificationErrorCode> {
  override readonly name = 'WebhookVerificationError'

  constructor(code: VerificationErrorCode, hint: string) {
    super('webhook refused', code, hint)
  }
}

/** A secret is missing, malformed or of the wrong kind: a fault of the configuration, never of a request. */
export class WebhookSecretError extends WebhookError<SecretErrorCode> {
  override readonly name = 'WebhookSecretError'

  constructor(code: CoreSecretErrorCode)
  constructor(code: SecretErrorCode, hint: string)
  constructor(code: SecretErrorCode, hint: string = SECRET_HINTS[code as CoreSecretErrorCode]) {
    super('webhook secret refused', code, hint)
  }
}
