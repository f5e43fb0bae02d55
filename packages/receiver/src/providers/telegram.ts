/** Telegram bots: a secret in a header. @module */

import type { Scheme } from '../scheme.ts'
import type { SecretOptions } from './shared-secret.ts'
import { tokenScheme, type TokenDescription } from './token-scheme.ts'

const TELEGRAM = {
  header: 'x-telegram-bot-api-secret-token',
  id: { json: 'update_id' },
} as const satisfies TokenDescription

/**
 * Compares the secret token of a bot's webhook. Nothing is signed, and an update names no type: it is the field
 * beside `update_id`.
 *
 * Source: Telegram's Bot API, "setWebhook" and "Update"; the header as public bots check it.
 *
 * @throws {WebhookSecretError} There is no secret, or one is empty or has white space around it.
 */
export function telegram(options: SecretOptions): Scheme {
  return tokenScheme(TELEGRAM, options)
}
