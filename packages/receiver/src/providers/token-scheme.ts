/** Senders that prove themselves by a secret in a header, and sign nothing. @module */

import { concatBytes } from '../bytes.ts'
import { refuse, type Scheme } from '../scheme.ts'
import { withTestSigner } from '../test-signer.ts'
import { acceptWith, type EventFields } from './fields.ts'
import { headersOf } from './hmac-scheme.ts'
import { equalTexts, secretTexts, type SecretOptions } from './shared-secret.ts'

/** How a provider sends its token. */
export interface TokenDescription extends EventFields {
  /** The header in lower case. */
  readonly header: string
}

/**
 * Makes a scheme that compares a header with the secrets, in a time that does not depend on them. It proves
 * who sent the request only as long as nobody saw one: the body is not covered.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function tokenScheme(description: TokenDescription, options: SecretOptions): Scheme {
  const secrets = secretTexts(options.secrets)
  const scheme: Scheme = {
    async verify(webhook, nowMs) {
      const token = webhook.header(description.header)
      if (token === null) {
        return refuse('missing_signature', `There is no ${description.header} header. Does a proxy drop it?`)
      }
      const body = concatBytes([webhook.body])
      let isKnown = false
      for (const secret of secrets) {
        if (await equalTexts(secret, token)) isKnown = true
      }
      if (!isKnown) return refuse('signature_mismatch', 'The token is not one of the configured secrets.')
      return acceptWith(description, webhook, new Date(nowMs), body)
    },
  }
  return withTestSigner(scheme, async (event) => ({
    headers: { ...headersOf(description, event), [description.header]: secrets[0] ?? '' },
  }))
}
