/** GitLab: Standard Webhooks since it has signing tokens, a plain secret before. @module */

import { accept, type Scheme } from '../scheme.ts'
import { standardWebhooks, type StandardWebhooksOptions } from '../standard-webhooks.ts'
import { testSignerOf, withTestSigner } from '../test-signer.ts'
import type { SecretOptions } from './shared-secret.ts'
import { tokenScheme, type TokenDescription } from './token-scheme.ts'

const GITLAB_TOKEN = {
  header: 'x-gitlab-token',
  id: { header: 'x-gitlab-event-uuid' },
  type: { header: 'x-gitlab-event' },
} as const satisfies TokenDescription

/**
 * Verifies GitLab's webhooks that have a signing token. The type is the header `X-Gitlab-Event`, which is not
 * signed.
 *
 * Source: GitLab's documentation, "Webhooks", signing tokens.
 *
 * @throws {WebhookSecretError} There is no secret, or one is malformed.
 * @throws {RangeError} `toleranceSeconds` is not what it must be.
 */
export function gitlab(options: StandardWebhooksOptions): Scheme {
  const standard = standardWebhooks(options)
  const scheme: Scheme = {
    async verify(webhook, nowMs) {
      const result = await standard.verify(webhook, nowMs)
      if (!result.ok) return result
      const { id, timestamp, body } = result.event
      return accept(id, timestamp, body, () => webhook.header('x-gitlab-event'))
    },
  }
  return withTestSigner(scheme, testSignerOf(standard))
}

/**
 * Compares GitLab's `X-Gitlab-Token`. Nothing is signed: prefer `gitlab` where GitLab offers signing tokens.
 *
 * Source: GitLab's documentation, "Webhooks", secret tokens.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function gitlabToken(options: SecretOptions): Scheme {
  return tokenScheme(GITLAB_TOKEN, options)
}
