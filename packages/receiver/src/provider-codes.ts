/**
 * The codes that only providers' schemes have, with their hints: apart, so that who verifies Standard Webhooks does not
 * carry them along.
 *
 * @module
 */

/** Why a webhook was refused by a provider's scheme, and what to look at. */
export const PROVIDER_HINTS = {
  missing_url:
    'The scheme signs the public URL. Give it as the option url or publicOrigin, or pass an absolute url.',
  missing_method: 'The scheme signs the method. Pass { method, url, headers, body }.',
  malformed_body: 'The body lacks what the scheme signs, or is not in the form that the provider sends.',
  unknown_algorithm:
    'The request names another algorithm than the configured one. The request never chooses it.',
  unexpected_source: 'The sender signed it, but for another topic or environment than the configured one.',
  certificate_refused:
    'The certificate is not at the pinned host, or it is expired, malformed or of a weak key.',
  certificate_unavailable: 'The certificate could not be fetched. Answer 503: the sender will try again.',
  other_environment:
    'The event is of the provider’s other environment (sandbox or live) than the configured one.',
} as const satisfies Record<string, string>

/** The codes of providers alone. */
export type ProviderErrorCode = keyof typeof PROVIDER_HINTS

/** Why a provider's secret or key was refused, and what would be right. */
export const PROVIDER_SECRET_HINTS = {
  secret_hex: 'The key is hexadecimal text with an even number of digits. Was it cut short?',
  secret_key: 'This is not a public key in the form that the provider publishes it.',
} as const satisfies Record<string, string>

/** The codes of providers' secrets alone. */
export type ProviderSecretErrorCode = keyof typeof PROVIDER_SECRET_HINTS
